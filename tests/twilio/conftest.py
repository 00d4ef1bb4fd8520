from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from ivr.logs import configure
from tests.databases import database_url
from tests.postgres import postgres
from tests.twilio.support import Line, line, settings

__all__ = ["database_url", "postgres"]


@pytest.fixture(autouse=True)
def logged() -> Iterator[io.StringIO]:
    """What is logged, as a server logs it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    out = io.StringIO()
    configure("json", stream=out)
    yield out
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def phone_line(tmp_path: Path) -> Iterator[Line]:
    """The demo company on SQLite."""
    made = line(settings(tmp_path))
    yield made
    made.close()
