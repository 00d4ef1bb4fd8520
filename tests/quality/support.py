"""Forms, and conversations to evaluate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection

from callcenter.quality import Form, QualityFile
from tests.reports.day import Writer

MONDAY = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
"""Of 2026-W47, the week before the desk's tests'."""
FILE: dict[str, Any] = {
    "sample": {"per_agent": 2},
    "forms": {
        "calls": {
            "title": {"en": "Calls", "es": "Llamadas"},
            "channels": ["voice"],
            "sections": {
                "opening": {"title": "Opening", "questions": {"greeted": {"ask": "Greeted"}}},
                "matter": {
                    "title": "Matter",
                    "questions": {
                        "identity": {"ask": {"en": "Identity", "es": "Identidad"}, "critical": True},
                        "solved": {"ask": "Solved", "kind": "scale", "weight": 3},
                        "else": {"ask": "Anything else", "kind": "text"},
                    },
                },
            },
        },
        "texts": {
            "title": "Texts",
            "channels": ["sms", "email"],
            "sections": {"all": {"title": "All", "questions": {"clear": {"ask": "Clear", "not_applicable": False}}}},
        },
    },
}
ANSWERS = {"greeted": "yes", "identity": "yes", "solved": "4", "else": "Kind."}
"""Of calls: a score of (1 + 1 + 3 * 0.75) / 5 = 0.85."""


def file() -> QualityFile:
    return QualityFile.model_validate(FILE)


def calls() -> Form:
    return file().forms["calls"]


def talked(
    conn: Connection, agent: str, at: datetime = MONDAY, *, seconds: float = 100, channel: str = "sip",
    queue: str = "billing", customer: str = "", transferred: bool = False, csat: int = 0, held: float = 0,
) -> str:  # fmt: skip
    """A conversation that is over; the contact's id."""
    one = Writer(conn, at, channel, customer)
    offer = f"offer-{one.id}"
    one.fact("queue.joined", queue=queue, joined_at=at.timestamp(), leg="present", data={})
    one.fact("offer.connected", queue=queue, agent=agent, offer=offer, waited=0)
    one.fact("call.connected", agent=agent)
    if held:
        one.fact("call.hold", agent=agent)
        one.passes(held)
        one.fact("call.resume", agent=agent)
    one.passes(seconds - held)
    one.fact("offer.done", queue=queue, agent=agent, offer=offer, seconds=seconds,
             why="transferred" if transferred else "completed")  # fmt: skip
    one.fact("call.ended")
    if csat:
        one.fact("survey", kind="csat", score=csat)
    one.end("completed")
    return one.id


def week_of_talks(conn: Connection, agents: tuple[str, ...] = ("maria", "tom"), each: int = 6) -> list[str]:
    return [
        talked(conn, agent, MONDAY + timedelta(hours=7 * number + at))
        for at, agent in enumerate(agents)
        for number in range(each)
    ]
