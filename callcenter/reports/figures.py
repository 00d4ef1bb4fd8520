"""Figures of contact centres, as the field defines them, counted over lives.

    offered         visits to a queue; a transfer to a queue is one of its own
    answered        offered and connected to an agent
    abandoned       left unserved after more than SHORT seconds; shorter ones are counted as short and in nothing else
    service level   answered within the queue's seconds, of answered and abandoned
    asa             average speed of answer: the mean wait of those who were answered
    handling        talking and wrap-up, of those whose conversation is over
    promised        of those who were told an estimate and were answered: those for whom it took no longer

Callbacks are offered and answered like others, but their wait is not the caller's time on the line: it counts neither
for the service level nor for asa.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta, tzinfo
from operator import itemgetter
from typing import Any

from callcenter.reports.lives import Life, Visit

SHORT = 5.0
BUCKETS = (10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
"""Bounds, in seconds, of the distribution of waits that were given up; the last group is open."""
QUARTER = 900
"""Seconds. All time zones of today begin their hours at a quarter of ours."""
USUAL_LEVEL = 20.0
"""Seconds of the service level of a queue that isn't configured any longer."""
RECONTACT = timedelta(days=7)
"""Whoever comes again within this time was not done: first-contact resolution."""


@dataclass(slots=True)
class Figures:
    """Counts and sums, which add up over groups; `shown` makes rates of them."""

    contacts: int = 0
    self_served: int = 0
    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    short: int = 0
    within: int = 0
    measured: int = 0
    waited: float = 0.0
    handled: int = 0
    talked: float = 0.0
    wrapped: float = 0.0
    transferred: int = 0
    asked_again: int = 0
    promised: int = 0
    kept: int = 0
    callbacks: int = 0
    callbacks_done: int = 0
    callbacks_failed: int = 0
    known: int = 0
    resolved: int = 0
    given_up_after: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    surveys: dict[str, list[float]] = field(default_factory=dict)

    def add(self, other: Figures, times: int = 1) -> None:
        """Take another group's in; with -1 out again."""
        for name in _COUNTED:
            setattr(self, name, getattr(self, name) + times * getattr(other, name))
        pairs = zip(self.given_up_after, other.given_up_after, strict=True)
        self.given_up_after = [one + times * two for one, two in pairs]
        for kind, scores in other.surveys.items():
            mine = self.surveys.setdefault(kind, [])
            if times > 0:
                mine.extend(scores)
            else:
                for score in scores:
                    mine.remove(score)

    def shown(self) -> dict[str, Any]:
        """For a page or a CSV file: rates from 0 to 1, seconds; `None` where there was nothing to divide by."""
        return {
            "contacts": self.contacts,
            "self_service": _rate(self.self_served, self.contacts),
            "offered": self.offered,
            "answered": self.answered,
            "abandoned": self.abandoned,
            "short_abandoned": self.short,
            "abandonment": _rate(self.abandoned, self.answered + self.abandoned),
            "service_level": _rate(self.within, self.measured),
            "asa": _rate(self.waited, self.measured - self.abandoned),
            "handling": _rate(self.talked + self.wrapped, self.handled),
            "talking": _rate(self.talked, self.handled),
            "transfers": self.transferred,
            "asked_again": self.asked_again,
            "promise_kept": _rate(self.kept, self.promised),
            "callbacks": self.callbacks,
            "callbacks_done": self.callbacks_done,
            "callbacks_failed": self.callbacks_failed,
            "first_contact_resolution": _rate(self.resolved, self.known),
            "given_up_after": list(self.given_up_after),
            "csat": _share_of(self.surveys.get("csat", []), 4.0),
            "nps": _nps(self.surveys.get("nps", [])),
            "ces": _mean(self.surveys.get("ces", [])),
            "surveys": sum(map(len, self.surveys.values())),
        }


_COUNTED = tuple(one.name for one in fields(Figures) if one.name not in ("given_up_after", "surveys"))

Group = Callable[[Life, Visit | None], str]
"""The group of a life (without a visit: of what concerns the contact as a whole) or of one visit; "" for none."""


def by_channel(life: Life, visit: Visit | None) -> str:
    return life.channel


def by_queue(life: Life, visit: Visit | None) -> str:
    if visit is not None:
        return visit.queue
    return life.visits[-1].queue if life.visits else ""


def by_agent(life: Life, visit: Visit | None) -> str:
    if visit is not None:
        return visit.agent
    return next((one.agent for one in reversed(life.visits) if one.agent), "")


def by_time(zone: tzinfo, pattern: str) -> Group:
    """By the moment at which the contact began: `%H` for hours of the day, `%Y-%m-%d` for days."""
    known: dict[int, str] = {}

    def group(life: Life, visit: Visit | None) -> str:
        quarter = int(life.started_at.timestamp()) // QUARTER
        name = known.get(quarter)
        if name is None:
            name = known[quarter] = life.started_at.astimezone(zone).strftime(pattern)
        return name

    return group


def together(life: Life, visit: Visit | None) -> str:
    return "all"


@dataclass(frozen=True, slots=True)
class Comings:
    """When known customers came, and when anybody came last: who looks for those that came again must know whether
    their time is over."""

    of: Mapping[str, Sequence[datetime]]
    horizon: datetime


Contacts = dict[str, list[tuple[datetime, Figures | None]]]
"""Of each known customer, when contacts began, and among which figures each counts; None is out of the period."""
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = Comings({}, LONG_AGO)


def count(
    lives: Iterable[Life], group: Group, level_seconds: Callable[[str], float], until: datetime, later: Comings = NEVER
) -> dict[str, Figures]:
    """Figures by one kind of group: see `count_by`."""
    return count_by(lives, (group,), level_seconds, until, later)[0]


def count_by(
    lives: Iterable[Life],
    groups: Sequence[Group],
    level_seconds: Callable[[str], float],
    until: datetime,
    later: Comings = NEVER,
) -> list[dict[str, Figures]]:
    """Figures by each kind of group, in one go. `level_seconds` gives a queue's service level in seconds. Contacts that
    began at `until` or later are looked at only for who came again, and so is `later`, which should go on for
    `RECONTACT`. A contact whose window isn't over by the last of them all is left out of first-contact resolution."""
    cells: dict[tuple[str, ...], Figures] = {}
    known: Contacts = {id: [(at, None) for at in times] for id, times in later.of.items()}
    horizon = later.horizon
    for life in lives:
        horizon = max(horizon, life.started_at)
        cell = None
        if life.started_at < until:
            names = tuple([group(life, None) for group in groups])
            cell = cells.get(names) or cells.setdefault(names, Figures())
            _count_contact(cell, life)
            for visit in life.visits:
                names = tuple([group(life, visit) for group in groups])
                of_visit = cells.get(names) or cells.setdefault(names, Figures())
                _count_visit(of_visit, visit, level_seconds(visit.queue))
        if life.customer_id:
            known.setdefault(life.customer_id, []).append((life.started_at, cell))
    _count_resolved(known, horizon)
    return [_along(cells, at) for at in range(len(groups))]


def _along(cells: Mapping[tuple[str, ...], Figures], at: int) -> dict[str, Figures]:
    """The figures by one kind of group, of those by all kinds at once."""
    found: dict[str, Figures] = {}
    for names, figures in cells.items():
        if names[at]:
            found.setdefault(names[at], Figures()).add(figures)
    return found


def _count_contact(figures: Figures, life: Life) -> None:
    figures.contacts += 1
    figures.self_served += life.self_served
    figures.asked_again += life.asked_again
    for kind, score in life.surveys:
        figures.surveys.setdefault(kind, []).append(score)


def _count_resolved(known: Contacts, horizon: datetime) -> None:
    """First-contact resolution: whether each customer came again, as far as one can know by now."""
    for contacts in known.values():
        contacts.sort(key=itemgetter(0), reverse=True)
        last = following = None
        for at, figures in contacts:
            if at != last:
                last, following = at, last
            if figures is not None and at + RECONTACT <= horizon:
                figures.known += 1
                figures.resolved += following is None or following > at + RECONTACT


def _count_visit(figures: Figures, visit: Visit, level_seconds: float) -> None:
    figures.transferred += visit.transferred
    if visit.talked is not None:
        figures.handled += 1
        figures.talked += visit.talked
        figures.wrapped += visit.wrapped or 0.0
    if visit.inherited:  # it was offered and answered already
        return
    figures.offered += 1
    if visit.callback:
        figures.callbacks += 1
        figures.callbacks_done += visit.callback == "done"
        figures.callbacks_failed += visit.callback == "failed"
    if visit.connected:
        figures.answered += 1
        waited = visit.waited or 0.0
        if not visit.callback:
            figures.measured += 1
            figures.within += waited <= level_seconds
            figures.waited += waited
        if visit.promised is not None:
            figures.promised += 1
            figures.kept += waited <= visit.promised
    elif visit.gave_up and not visit.callback:
        waited = visit.waited or 0.0
        if waited <= SHORT:
            figures.short += 1
            return
        figures.abandoned += 1
        figures.measured += 1
        figures.given_up_after[bisect_right(BUCKETS, waited)] += 1


def _rate(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _mean(scores: list[float]) -> float | None:
    return _rate(sum(scores), len(scores))


def _share_of(scores: list[float], least: float) -> float | None:
    """CSAT: the share of those who were satisfied, 4 or 5 of 5."""
    return _rate(sum(score >= least for score in scores), len(scores))


def _nps(scores: list[float]) -> float | None:
    """Net promoter score, from -100 to 100: those of 9 and 10 less those of 0 to 6."""
    if not scores:
        return None
    return 100 * (sum(score >= 9 for score in scores) - sum(score <= 6 for score in scores)) / len(scores)
