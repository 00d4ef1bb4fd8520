import pytest
from sqlalchemy.engine import Engine

from ivr.actions.payments import sandbox
from tests.actions.support import demo
from tests.databases import database_url, engine, sqlite_engine
from tests.postgres import postgres

__all__ = ["database_url", "engine", "postgres", "sqlite_engine"]


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """The demo's accounts, on every database."""
    demo(engine)
    return engine


@pytest.fixture
def lite_shop(sqlite_engine: Engine) -> Engine:
    """The demo's accounts, on SQLite."""
    demo(sqlite_engine)
    return sqlite_engine


@pytest.fixture
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow sandbox gateway answers at once."""
    monkeypatch.setattr(sandbox.SandboxGateway.__init__, "__defaults__", (lambda seconds: None,))
