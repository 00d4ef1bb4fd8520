"""What the index for finding people costs the beginning of a call."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from unittest import mock

from sqlalchemy.engine import Engine

from bench.record.asking import Figure
from callcenter import contacts, recognition, searching

CALLS = 500


def timed(engine: Engine) -> dict[str, Figure]:
    """A call begins from a number that nobody knows: a customer and an identifier are made, in one transaction."""
    first = time.time_ns() // 1_000_000 % 9_000_000_000  # of numbers that no run before this had
    found, unfound = list[float](), list[float]()
    for number in range(0, 2 * CALLS, 2):
        found.append(_call(engine, f"+44{1_000_000_000 + first + number}"))
        with _unsearchable():
            unfound.append(_call(engine, f"+44{1_000_000_001 + first + number}"))
    return {"a stranger's call begins": Figure(found), "the same without a search row": Figure(unfound)}


def _call(engine: Engine, caller: str) -> float:
    now = datetime.now(UTC)
    began = time.perf_counter()
    with engine.begin() as conn:
        contact = contacts.start(conn, channel="sip", caller=caller, called="100", at=now)
        recognition.recognise(conn, contact, channel="sip", address=caller, at=now)
    return (time.perf_counter() - began) * 1000


@contextmanager
def _unsearchable() -> Iterator[None]:
    with mock.patch.object(searching, "put_identifier"):
        yield
