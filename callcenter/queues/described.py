"""What is told of whoever waits, the same however they come to: by joining, by asking to be called back, by going on
waiting on the line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict


class Described(TypedDict, total=False):
    """`caller` is an address or number, `customer_id` "" where nobody knows it, `skills` the levels (1 to 10) asked for
    by name, `priority` the queue's own where it is `None`, `data` JSON for the agent's screen. `known_as` is what
    callbacks of the same person are found by (`callbacks.known_as`): nobody is called back who has been served
    meanwhile."""

    caller: str
    customer_id: str
    language: str
    skills: Mapping[str, int] | None
    priority: int | None
    data: Mapping[str, Any] | None
    known_as: Iterable[str]
