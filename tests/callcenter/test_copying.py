"""A company moves from SQLite to PostgreSQL, or back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter import copying, searching
from callcenter.copying import NotEmptyError, copy_database
from callcenter.db import migrate, open_database, reading
from callcenter.tables import customers, identifiers, metadata
from callcenter.tables import events as events_table

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture
def source(engine: Engine) -> Engine:
    """A little of everything that is stored differently, on each kind of database."""
    with engine.begin() as conn:
        # The first one was merged into one that comes later.
        for id in ("a", "b", "c"):
            conn.execute(sa.insert(customers).values(_row(customers, id=id, root_id=id, name=f"Ada {id}")))
            searching.put_name(conn, id, [f"Ada Lovelace {id}"])
        conn.execute(sa.update(customers).where(customers.c.id == "a").values(merged_into="c"))
        conn.execute(
            sa.insert(identifiers).values(
                _row(identifiers, id="i", customer_id="b", kind="email", value="ada@x.example")
            )
        )
        for number in range(5):
            conn.execute(sa.insert(events_table).values(_row(events_table, kind=f"kind{number}", data={"é": number})))
        conn.execute(sa.delete(events_table).where(events_table.c.kind == "kind0"))
    return engine


@pytest.fixture
def target(request: pytest.FixtureRequest, engine: Engine, tmp_path: Any) -> Iterator[Engine]:
    """Empty, and of the other kind."""
    sqlite = engine.dialect.name == "sqlite"
    made = open_database(request.getfixturevalue("postgres").url() if sqlite else f"sqlite:///{tmp_path}/other.db")
    yield made
    made.dispose()


def _row(table: sa.Table, **values: Any) -> dict[str, Any]:
    """With something for whatever must be there."""
    some: dict[object, Any] = {str: "x", int: 1, datetime: NOW, bool: False}
    for column in table.columns:
        if column.name in values or column.nullable or column.server_default is not None or column.primary_key:
            continue
        kind = column.type.impl if isinstance(column.type, sa.types.TypeDecorator) else column.type
        values[column.name] = NOW if isinstance(kind, sa.DateTime) else some.get(kind.python_type, "x")
    return values


def _everything(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    with reading(engine) as conn:
        return {
            table.name: [
                {name: value for name, value in row.items() if name != "grams"}
                for row in conn.execute(sa.select(table).order_by(*table.primary_key)).mappings()
            ]
            for table in metadata.sorted_tables
        }


def test_everything_is_there_and_goes_on(source: Engine, target: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "BATCH", 2)  # several batches
    before = _everything(source)
    copied = copy_database(source, target)
    after = _everything(target)
    assert after == before == _everything(source)
    assert copied == {name: len(rows) for name, rows in before.items() if rows}
    assert copied["events"] == 4
    with target.begin() as conn:
        assert set(searching.by_name(conn, "lovelace", 5)) >= {"b", "c"}
        # What comes next is numbered after what was copied.
        conn.execute(sa.insert(events_table).values(_row(events_table, kind="next", data={})))
        searching.put_name(conn, "b", ["Grace Hopper"])
        newest = conn.execute(sa.select(sa.func.max(events_table.c.id))).scalar_one()
        assert newest > max(row["id"] for row in before["events"])
        assert searching.by_name(conn, "hopper", 5) == ["b"]


def test_nothing_is_written_over(source: Engine, target: Engine) -> None:
    migrate(target)
    with target.begin() as conn:
        conn.execute(sa.insert(customers).values(_row(customers, id="z", root_id="z")))
    before = _everything(target)
    with pytest.raises(NotEmptyError, match="rows in customers"):
        copy_database(source, target)
    assert _everything(target) == before


def test_all_or_nothing(source: Engine, target: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(found: object, into: object) -> None:
        raise sa.exc.OperationalError("UPDATE", {}, Exception("the server went away"))

    monkeypatch.setattr(copying, "_merge", fails)
    with pytest.raises(sa.exc.OperationalError):
        copy_database(source, target)
    assert not any(_everything(target).values())
