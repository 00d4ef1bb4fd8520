"""Matching reaches nothing outside of itself."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.test_imports import OUTWARD, imported, modules


@pytest.mark.parametrize("path", modules("callcenter/acd"), ids=lambda path: str(path.name))
def test_matching_is_pure(path: Path) -> None:
    for name, line in imported(path):
        top = name.split(".")[0]
        where = f"{path}:{line} imports {name}"
        if top == "callcenter":
            assert name.startswith("callcenter.acd"), where
        elif top in sys.stdlib_module_names:
            assert top not in OUTWARD, where
        else:
            assert top == "pydantic", where
