"""A process that places a campaign's calls, to be killed at any moment: `python -m tests.campaigns.dialler URL NOW`.

It prints a line for each telephone that it rings, as `number contact`, and `-` once nobody is left to be called now. Of
every two calls one comes to nothing at once; the others last until the process dies.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.exc import OperationalError

from callcenter.campaigns import placing
from callcenter.campaigns.config import from_data
from callcenter.campaigns.deciding import Lists
from callcenter.db import open_database

T = TypeVar("T")
CAMPAIGN = {
    "queue": "billing", "flow": "remind", "consent": False, "attempts": 2, "calls_per_minute": 600, "at_once": 100,
    "spacing": {"no_answer": "10m", "failed": "10m"},
}  # fmt: skip


def lists() -> Lists:
    return Lists(from_data({"campaigns": {"plan": CAMPAIGN}}), ZoneInfo("America/New_York"), language="en")


def until_free(what: Callable[[], T]) -> T:
    """Again, as `ivr.channels.voice.outbound` does, where another process has the database for too long."""
    while True:
        with suppress(OperationalError):
            return what()


def main(url: str, at: str) -> None:
    engine, now = open_database(url), datetime.fromtimestamp(float(at), UTC)
    until_free(lambda: placing.bury(engine, lists(), now))
    rung = 0
    while begun := until_free(lambda: placing.begin(engine, lists(), "plan", now, lambda *keys: (), 4)):
        for call in begun:
            print(call.number, call.contact_id, flush=True)
            rung += 1
            if rung % 2:
                until_free(partial(placing.missed, engine, call, "no_answer", now))
    print("-", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
