"""Waiting for what comes, where it can't be waited on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(found: Callable[[], T], seconds: float = 60) -> T:
    """What `found` gives, as soon as that is true. Raises AssertionError if it isn't in time."""
    deadline = time.monotonic() + seconds
    while not (there := found()):
        assert time.monotonic() < deadline, "it didn't come to that"
        time.sleep(0.01)
    return there
