"""When may position and estimate be said again? No more often than the admin says, and only when they improved."""

from __future__ import annotations

import math
from dataclasses import dataclass

from callcenter.acd.config import Announce
from callcenter.acd.model import Estimate, Place

ROUND = 60.0
"""Estimates are said in minutes, rounded up: an improvement that can't be heard is none."""


@dataclass(frozen=True, slots=True)
class Announced:
    """What was said last, `seconds` being the estimate."""

    at: float
    position: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is to be said: each part, or `None`. `minutes` is the estimate as it is said."""

    position: int | None
    estimate: Estimate | None
    minutes: int | None


def due(policy: Announce, last: Announced | None, place: Place, now: float) -> Announcement | None:
    """What may be said now; `None` for nothing. A place that isn't waiting is never announced."""
    if place.state != "waiting" or place.position < 1:
        return None
    if last is not None and now - last.at < policy.every:
        return None
    position = place.position if policy.position and (last is None or place.position < last.position) else None
    told = place.estimate if policy.estimate else None
    if told is not None and last is not None and last.seconds is not None and minutes(told) >= _minutes(last.seconds):
        told = None
    if position is None and told is None:
        return None
    return Announcement(position, told, minutes(told) if told else None)


def minutes(estimate: Estimate) -> int:
    return _minutes(estimate.seconds)


def _minutes(seconds: float) -> int:
    return max(1, math.ceil(seconds / ROUND))
