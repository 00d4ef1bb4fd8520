from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import database_url
from tests.postgres import postgres
from tests.twilio.support import Line, line, settings

__all__ = ["database_url", "postgres"]


@pytest.fixture
def phone_line(tmp_path: Path) -> Iterator[Line]:
    """The demo company on SQLite."""
    made = line(settings(tmp_path))
    yield made
    made.close()
