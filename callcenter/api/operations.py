"""Operations: a decorator notes each with its path, scope and models; routes and OpenAPI are both made from that."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from sqlalchemy.engine import Connection

from callcenter.api.keys import Key
from callcenter.attributes import Schema
from callcenter.knowledge import NONE, Knowledge
from callcenter.queues.store import Queues

Body = TypeVar("Body", bound=BaseModel | None, covariant=True)
Query = TypeVar("Query", bound=BaseModel | None, covariant=True)


@dataclass(frozen=True, slots=True)
class Call(Generic[Body, Query]):
    """A request that passed all checks. `conn` is in a transaction that is committed when the operation returns;
    operations that only read must not write."""

    conn: Connection
    key: Key
    now: datetime
    path: dict[str, str]
    body: Body
    query: Query
    schema: Schema
    region: str
    queues: Queues | None = None
    knowledge: Knowledge = NONE

    @property
    def by(self) -> str:
        """Who does it, for journals."""
        return f"api:{self.key.id}"


class Download(BaseModel):
    """An answer that is a file of ours."""

    path: str
    name: str
    media_type: str


Handler = Callable[[Any], BaseModel | None]


@dataclass(frozen=True, slots=True)
class Operation:
    """`path` is under the API's root, with `{name}` for parameters. A `status` of 204 has no body."""

    method: str
    path: str
    scope: str
    handler: Handler
    summary: str
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    status: int = 200
    problems: tuple[int, ...] = field(default=())

    @property
    def name(self) -> str:
        return self.handler.__name__

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    @property
    def rule(self) -> str:
        """Flask's way of writing the path."""
        return re.sub(r"{(\w+)}", r"<\1>", self.path)

    @property
    def reads(self) -> bool:
        return self.method == "GET"


_operations: list[Operation] = []


def operation(
    method: str,
    path: str,
    *,
    scope: str,
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    answer: type[BaseModel] | None = None,
    status: int = 200,
    problems: tuple[int, ...] = (),
) -> Callable[[Handler], Handler]:
    """Register an operation; its docstring's first line is its summary. `problems` are statuses that it raises besides
    those that every operation may give."""

    def register(handler: Handler) -> Handler:
        summary = (handler.__doc__ or "").strip().partition("\n")[0]
        assert summary, f"{handler.__name__} needs a docstring"
        _operations.append(Operation(method, path, scope, handler, summary, body, query, answer, status, problems))
        return handler

    return register


@cache
def all_operations() -> tuple[Operation, ...]:
    """All that the files in `resources` register."""
    from callcenter.api import resources

    for module in pkgutil.iter_modules(resources.__path__):
        importlib.import_module(f"{resources.__name__}.{module.name}")
    return tuple(sorted(_operations, key=lambda found: (found.path, found.method)))
