"""Statements that every turn of every call runs, compiled once.

SQLAlchemy's way from an expression to the driver costs more than the database does. A `Prepared` runs on the driver's
own connection, within the transaction of `db.writing_quickly`, or of `engine.begin()` by its `connection`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy.engine import Engine
from sqlalchemy.pool import PoolProxiedConnection

from callcenter.db import UtcDateTime


class Prepared:
    """One statement for one engine; values still go through the columns' types, both ways. `names` maps the names that
    `execute` takes to those of the statement's parameters; where it is a sequence they are the same."""

    def __init__(
        self,
        engine: Engine,
        statement: Any,
        names: Mapping[str, str] | Sequence[str] = (),
        column_keys: Sequence[str] | None = None,
    ) -> None:
        compiled = statement.compile(dialect=engine.dialect, column_keys=column_keys)
        self._sql = str(compiled)
        named = names if isinstance(names, Mapping) else {name: name for name in names}
        given = {parameter: name for name, parameter in named.items()}
        types = {parameter: compiled.binds[parameter].type for parameter in given}
        processors = {
            # The rows of one turn carry one time.
            parameter: lru_cache(8)(process) if isinstance(types.get(parameter), UtcDateTime) else process
            for parameter, process in compiled._bind_processors.items()
        }
        # What stands in the statement itself, such as a LIMIT, is a parameter as well.
        self._constants = {name: value for name, value in compiled.params.items() if name not in given}
        order = compiled.positiontup if compiled.positional else [*given, *self._constants]
        self._order = [(name, given.get(name, name), processors.get(name)) for name in order]
        self._positional = compiled.positional
        self._results = [
            column.type.dialect_impl(engine.dialect).result_processor(engine.dialect, None)
            for column in getattr(statement, "selected_columns", ())
        ]

    def execute(self, connection: PoolProxiedConnection, *rows: Mapping[str, Any]) -> int:
        """Run it, once for each row of values in one go; returns how many rows it changed."""
        cursor = connection.cursor()
        if len(rows) == 1:
            cursor.execute(self._sql, self._parameters(rows[0]))
        else:
            cursor.executemany(self._sql, [self._parameters(row) for row in rows])
        return cursor.rowcount

    def rows(self, connection: PoolProxiedConnection, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """What a SELECT finds."""
        cursor = connection.cursor()
        cursor.execute(self._sql, self._parameters(values or {}))
        return [
            tuple(
                value if process is None else process(value) for process, value in zip(self._results, row, strict=True)
            )
            for row in cursor.fetchall()
        ]

    def _parameters(self, row: Mapping[str, Any]) -> Any:
        if self._constants:
            row = {**self._constants, **row}
        values = [row[key] if process is None else process(row[key]) for _, key, process in self._order]
        return (
            values
            if self._positional
            else {name: value for (name, _, _), value in zip(self._order, values, strict=True)}
        )
