"""`pip install .`, unlike `make run`, copies: what isn't named in pyproject.toml would be missing on a server."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]


def files(package: str) -> set[Path]:
    found = {path for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert found
    return found


@pytest.mark.parametrize("package", sorted(DATA))
def test_every_file_is_installed(package: str) -> None:
    named = {path for pattern in DATA[package] for path in (ROOT / package).glob(pattern)}
    assert not {path for path in files(package) if path.suffix != ".py"} - named


@pytest.mark.parametrize("package", sorted(DATA))
def test_every_folder_of_modules_is_a_package(package: str) -> None:
    folders = {path.parent for path in files(package) if path.suffix == ".py"}
    assert not {folder for folder in folders if not (folder / "__init__.py").exists()}
