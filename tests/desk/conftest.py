from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from tests.databases import database_url, engine, sqlite_engine
from tests.desk.support import Desk, make_desk
from tests.postgres import postgres

__all__ = ["database_url", "engine", "postgres", "sqlite_engine"]


@pytest.fixture
def desk(sqlite_engine: Engine, tmp_path: Path) -> Desk:
    return make_desk(sqlite_engine, tmp_path)


@pytest.fixture
def any_desk(engine: Engine, tmp_path: Path) -> Desk:
    """On SQLite and again on PostgreSQL."""
    return make_desk(engine, tmp_path)
