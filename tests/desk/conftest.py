from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from sqlalchemy.engine import Engine

from callcenter.desk import passwords, second_factor
from tests.databases import database_url, engine, sqlite_engine
from tests.desk.at_work import agents, audio, floor, page
from tests.desk.support import NOW, QUICK_HASHER, Desk, make_desk
from tests.postgres import postgres

__all__ = ["agents", "audio", "database_url", "engine", "floor", "page", "postgres", "sqlite_engine"]


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_hasher", QUICK_HASHER)


@pytest.fixture
def desk(sqlite_engine: Engine, tmp_path: Path) -> Desk:
    return make_desk(sqlite_engine, tmp_path)


@pytest.fixture
def any_desk(engine: Engine, tmp_path: Path) -> Desk:
    """On SQLite and again on PostgreSQL."""
    return make_desk(engine, tmp_path)


@pytest.fixture
def with_codes(desk: Desk) -> str:
    """The agent is asked for codes; the app's secret."""
    secret = second_factor.new_secret()
    code = pyotp.TOTP(secret).at(NOW - timedelta(minutes=5))
    with desk.engine.begin() as conn:
        user_id = desk.people["agent"].id
        second_factor.switch_on(conn, user_id, secret, code, desk.config.key, NOW - timedelta(minutes=5))
    return secret
