"""System tools that some tests need."""

import shutil

import pytest


def need(tool: str, package: str) -> str:
    """The tool's path; skips the test, saying how to get it, where it is missing."""
    path = shutil.which(tool)
    if path is None:
        pytest.skip(f"needs {tool}: apt-get install {package}")
    return path
