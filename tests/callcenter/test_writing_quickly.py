"""The driver's own transaction is as safe as SQLAlchemy's, and its errors are SQLAlchemy's."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter.db import open_database, reading, writing_quickly
from callcenter.tables import flow_versions

INSERT = "INSERT INTO flow_versions (hash, content, published_at) VALUES ('{}', {}, '2026-11-22 10:00:00')"


def hashes(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return list(connection.execute(sa.select(flow_versions.c.hash).order_by(flow_versions.c.hash)).scalars())


def insert(engine: Engine, *names: str | None) -> None:
    content = "X'00'" if engine.dialect.name == "sqlite" else "'\\x00'"
    with writing_quickly(engine) as driver:
        for name in names:
            if name is None:
                raise TypeError
            driver.cursor().execute(INSERT.format(name, content))


def lose(engine: Engine) -> None:
    with writing_quickly(engine) as driver:
        driver.driver_connection.close()  # type: ignore[union-attr]
        driver.cursor().execute("SELECT 1")


def test_all_or_nothing_is_stored(engine: Engine) -> None:
    insert(engine, "a", "b")
    with pytest.raises(sa.exc.IntegrityError):
        insert(engine, "c", "a")
    with pytest.raises(TypeError):
        insert(engine, "d", None)
    assert hashes(engine) == ["a", "b"]
    insert(engine, "e")
    assert hashes(engine) == ["a", "b", "e"]


def test_a_connection_that_was_lost_is_replaced(engine: Engine) -> None:
    with pytest.raises(sa.exc.DBAPIError):
        lose(engine)
    insert(engine, "a")
    assert hashes(engine) == ["a"]


def test_a_database_that_is_not_there(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("gone")
    engine = open_database(f"sqlite:///{folder / 'a.db'}")
    folder.rmdir()
    with pytest.raises(sa.exc.OperationalError), writing_quickly(engine):
        raise AssertionError
