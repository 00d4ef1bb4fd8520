"""What the knowledge base was good for, from the events: which articles helped, and what nobody could answer.

`answer_shown`, `answer_helped`, `answer_not_helped` and `answer_inserted` have an `article` and its `language`,
`answer_unknown` a `question` (without figures and addresses: `ivr.flow.knowledge.library.for_the_record`) and its
`language`. An article that somebody heard without saying whether it helped is counted as shown alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter.knowledge import Knowledge
from callcenter.tables import ANSWERS, events

MOST: Final = 2000
"""Unanswered questions that are looked at: the latest."""
BATCH: Final = 1000
SHOWN: Final = 3
"""Examples of a group of questions."""


@dataclass(slots=True)
class Use:
    """How often an article was shown by a flow, helped, didn't, and was put into an answer by an agent."""

    article: str
    language: str
    shown: int = 0
    helped: int = 0
    not_helped: int = 0
    inserted: int = 0

    @property
    def share(self) -> float | None:
        """Of those who said whether it helped, how many it did (0 to 1)."""
        said = self.helped + self.not_helped
        return self.helped / said if said else None


@dataclass(frozen=True, slots=True)
class Gap:
    """A question that came `count` times without an answer: some of the ways it was asked, the latest time, and the
    `contact` of that."""

    language: str
    count: int
    questions: tuple[str, ...]
    at: datetime
    contact: str


@dataclass(frozen=True, slots=True)
class Report:
    """Of a period. `unknown` counts all unanswered questions, also beyond the `MOST` that `gaps` are made of."""

    uses: Sequence[Use]
    gaps: Sequence[Gap]
    unknown: int


def read(conn: Connection, begin: datetime, end: datetime, knowledge: Knowledge) -> Report:
    """Events from [begin, end); the most shown articles and the most frequent questions first."""
    uses: dict[tuple[str, str], Use] = {}
    unknown = 0
    query = sa.select(events.c.kind, events.c.data).where(ANSWERS, events.c.at >= begin, events.c.at < end)
    for kind, data in conn.execute(query.execution_options(yield_per=BATCH)):
        name, language = str(data.get("article") or ""), str(data.get("language") or "")
        if kind == "answer_unknown":
            unknown += 1
        elif name:
            use = uses.setdefault((name, language), Use(name, language))
            what = kind.removeprefix("answer_")
            setattr(use, what, getattr(use, what) + 1)
    ranked = sorted(uses.values(), key=lambda one: (-one.shown - one.inserted, one.article, one.language))
    return Report(ranked, _gaps(conn, begin, end, knowledge), unknown)


def _gaps(conn: Connection, begin: datetime, end: datetime, knowledge: Knowledge) -> list[Gap]:
    query = (
        sa.select(events.c.at, events.c.contact_id, events.c.data)
        .where(ANSWERS, events.c.kind == "answer_unknown", events.c.at >= begin, events.c.at < end)
        .order_by(events.c.at.desc(), events.c.id.desc())
        .limit(MOST)
    )
    asked: dict[str, list[tuple[str, datetime, str]]] = {}
    for at, contact, data in conn.execute(query):
        question = str(data.get("question") or "")
        asked.setdefault(str(data.get("language") or ""), []).append((question, at, contact or ""))
    gaps = []
    for language, found in asked.items():
        for group in knowledge.groups(language, [question for question, _, _ in found]):
            questions = tuple(dict.fromkeys(found[place][0] for place in group))[:SHOWN]
            _, at, contact = found[min(group)]
            gaps.append(Gap(language, len(group), questions, at, contact))
    return sorted(gaps, key=lambda gap: (-gap.count, -gap.at.timestamp()))
