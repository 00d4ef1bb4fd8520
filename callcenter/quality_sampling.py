"""Which conversations are evaluated: so many of each agent and week, drawn at random, and those that stand out.

The draw can be repeated by anybody: each conversation's lot is the SHA-256 of "week agent contact", and the lowest lots
win. It depends on nothing else, neither on who draws nor on when; ids of contacts are random themselves (UUID 4), so
that nobody can choose theirs. What is added to a week that isn't over may take a place, so that the draw of a week
stands when the week is over. Which supervisor gets a conversation is drawn in the same way, by the highest lot among
them (rendezvous hashing: who joins or leaves takes or gives up their own share alone).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter.desk import call_state
from callcenter.events import Event
from callcenter.quality import Form, QualityFile
from callcenter.reports import kept
from callcenter.reports.figures import RECONTACT, Comings
from callcenter.reports.lives import Life, folded
from callcenter.tables import contacts, events

SHORT: Final = 30.0
"""Seconds: a conversation with an agent that took no longer may be one that was got rid of."""
LONG_HOLD: Final = 120.0
"""Seconds on hold, all holds of a conversation together."""
DISSATISFIED: Final[Mapping[str, float]] = {"csat": 2, "nps": 6, "ces": 3}
"""Scores of surveys that are low: so many or fewer."""
STANDING_OUT: Final = ("short", "dissatisfied", "transferred", "repeated", "held")
BATCH = 500


@dataclass(frozen=True, slots=True)
class Week:
    """An ISO 8601 week in a time zone."""

    year: int
    number: int
    zone: tzinfo

    @property
    def name(self) -> str:
        return f"{self.year}-W{self.number:02}"

    @property
    def first(self) -> date:
        return date.fromisocalendar(self.year, self.number, 1)

    @property
    def begin(self) -> datetime:
        return datetime.combine(self.first, time(), self.zone).astimezone(UTC)

    @property
    def end(self) -> datetime:
        """The first moment that is no longer in it."""
        return datetime.combine(self.first + timedelta(days=7), time(), self.zone).astimezone(UTC)


def week_of(at: datetime, zone: tzinfo) -> Week:
    year, number, _ = at.astimezone(zone).isocalendar()
    return Week(year, number, zone)


def week(name: str, now: datetime, zone: tzinfo) -> Week:
    """From an address, 2026-W47; what can't be meant, or hasn't begun, is the last one that is over."""
    last = week_of(now - timedelta(days=7), zone)
    try:
        year, _, number = name.partition("-W")
        found = Week(int(year), int(number), zone)
        return found if found.year >= 2000 and found.begin <= now else last
    except (ValueError, OverflowError):
        return last


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation of an agent that is over. `at` is when its contact began; `talked` and `held` in seconds;
    `stands_out` of `STANDING_OUT`."""

    contact_id: str
    at: datetime
    channel: str
    queue: str
    agent: str
    talked: float
    held: float = 0.0
    stands_out: tuple[str, ...] = ()


def talks(conn: Connection, asked: Week) -> list[Talk]:
    """All of a week, by the time at which their contacts began."""
    lives = list(kept.read(conn, asked.begin, asked.end))
    held = _held(conn, [life.id for life in lives if any(visit.talked is not None for visit in life.visits)])
    later = kept.comings(conn, asked.begin, asked.end + RECONTACT)
    return sorted((talk for life in lives for talk in _of_life(life, held, later)), key=lambda one: (one.at, one.agent))


def of_contact(conn: Connection, contact_id: str) -> list[Talk]:
    """Those of one contact, whether drawn or not: those with its agents, and with who answers its messages."""
    nobody = Comings({}, datetime(1970, 1, 1, tzinfo=UTC))
    found = [
        talk for life in folded(conn, contacts.c.id == contact_id)
        for talk in _of_life(life, _held(conn, [contact_id]), nobody)
    ]  # fmt: skip
    row = conn.execute(sa.select(contacts).where(contacts.c.id == contact_id)).one_or_none()
    known = {talk.agent for talk in found}
    served = sa.select(events.c.data).where(events.c.contact_id == contact_id, events.c.kind == "served_by")
    for data in conn.execute(served.order_by(events.c.id)).scalars():
        kind, _, agent = str(data.get("served_by", "")).partition(":")
        if row is not None and kind == "agent" and agent not in known:
            known.add(agent)
            found.append(Talk(contact_id, row.started_at, row.channel, "", agent, 0.0))
    return found


def _of_life(life: Life, held: Mapping[tuple[str, str], float], later: Comings) -> Iterable[Talk]:
    """One for each agent: several visits to the same agent are one conversation of theirs."""
    done = [visit for visit in life.visits if visit.agent and visit.talked is not None]
    for agent in dict.fromkeys(visit.agent for visit in done):
        mine = [visit for visit in done if visit.agent == agent]
        talked = sum(visit.talked or 0.0 for visit in mine)
        on_hold = held.get((life.id, agent), 0.0)
        holds = {
            "short": talked <= SHORT,
            "dissatisfied": any(score <= DISSATISFIED.get(kind, -1) for kind, score in life.surveys),
            "transferred": any(visit.transferred for visit in mine),
            "repeated": _came_again(life, later),
            "held": on_hold >= LONG_HOLD,
        }
        marks = tuple(name for name in STANDING_OUT if holds[name])
        yield Talk(life.id, life.started_at, life.channel, mine[-1].queue, agent, talked, on_hold, marks)


def _came_again(life: Life, later: Comings) -> bool:
    """Whether the customer came again soon after, as far as one can know by now."""
    times = later.of.get(life.customer_id, ()) if life.customer_id else ()
    return any(life.started_at < at <= life.started_at + RECONTACT for at in times)


def _held(conn: Connection, contact_ids: Sequence[str]) -> dict[tuple[str, str], float]:
    """Seconds on hold by (contact, agent), of telephone calls."""
    found: dict[tuple[str, str], float] = {}
    for first in range(0, len(contact_ids), BATCH):
        query = sa.select(events).where(
            events.c.contact_id.in_(contact_ids[first : first + BATCH]), events.c.kind.startswith("call.")
        )
        state, contact, since = call_state.CallState(), "", None
        for row in conn.execute(query.order_by(events.c.contact_id, events.c.id)):
            if row.contact_id != contact:
                state, contact, since = call_state.CallState(), row.contact_id, None
            before = state
            state = call_state.after(state, Event(row.at, row.contact_id, None, row.kind, row.data, row.id))
            if since is not None and (not state.held or state.serving != before.serving):
                key = (contact, before.serving)
                found[key] = found.get(key, 0.0) + (row.at - since).total_seconds()
                since = None
            if state.held and since is None:
                since = row.at
    return found


def form_for(file: QualityFile, talk: Talk) -> tuple[str, Form] | None:
    """The first form of the file that is for a conversation, with its name."""
    return next(((name, form) for name, form in file.forms.items() if form.fits(talk.queue, talk.channel)), None)


def drawn(found: Iterable[Talk], asked: Week, per_agent: int) -> list[Talk]:
    """The sample: of each agent `per_agent` conversations, in the order of their lots."""
    by_agent: dict[str, list[Talk]] = {}
    for talk in found:
        by_agent.setdefault(talk.agent, []).append(talk)
    chosen = []
    for agent in sorted(by_agent):
        chosen += sorted(by_agent[agent], key=lambda talk: lot(asked.name, agent, talk.contact_id))[:per_agent]
    return chosen


def assigned(talk: Talk, asked: Week, evaluators: Mapping[str, str | None]) -> str | None:
    """Which of the evaluators (user id to agent id) it falls to; None where there is nobody but the agent."""
    others = [user for user, agent in evaluators.items() if agent != talk.agent]
    return max(others, key=lambda user: lot(asked.name, user, talk.contact_id), default=None)


def lot(*parts: str) -> str:
    """A number between 0 and 2^256, written in 64 hexadecimal digits."""
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()
