"""Which articles an agent is offered beside a conversation: by what the customer last wrote, said or asked the flow."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter.knowledge import SUGGESTED, Hit, Knowledge
from callcenter.one_time_codes import DEDUPE
from callcenter.tables import events, messages

MOST: Final = 3
LAST: Final = 3
"""What the customer wrote, said or asked last, each looked at by itself: the last may be only "hello?"."""
ASKED: Final = ("answer_unknown", "answer_not_helped", "answer_shown")
SPOKEN: Final = ("heard",)


def last_words(conn: Connection, contact_id: str) -> list[str]:
    """The customer's latest words in a contact, the newest first: messages, then questions to the flow and what a
    recogniser heard. Codes that they typed are none."""
    written = (
        sa.select(messages.c.body)
        .where(messages.c.contact_id == contact_id, messages.c.direction == "in", messages.c.body != "")
        .where(sa.or_(messages.c.dedupe_key.is_(None), ~messages.c.dedupe_key.startswith(DEDUPE, autoescape=True)))
        .order_by(messages.c.created_at.desc(), messages.c.id.desc())
        .limit(LAST)
    )
    said = (
        sa.select(events.c.kind, events.c.data)
        .where(events.c.contact_id == contact_id, events.c.kind.in_((*ASKED, *SPOKEN)))
        .order_by(events.c.id.desc())
        .limit(LAST)
    )
    spoken = [str(data.get("question" if kind in ASKED else "words") or "") for kind, data in conn.execute(said)]
    return list(dict.fromkeys(text for text in (*conn.scalars(written), *spoken) if text.strip()))


def suggested(knowledge: Knowledge, words: list[str], language: str, queue: str = "") -> list[Hit]:
    """The likeliest articles for a customer's words in their language (in any, where that isn't known). What they said
    later counts more."""
    best: dict[str, tuple[float, Hit]] = {}
    for place, text in enumerate(words[:LAST]):
        for hit in knowledge.search(text, language=language, queue=queue, limit=MOST):
            weighed = hit.sure * 0.9**place
            if hit.sure >= SUGGESTED and weighed > best.get(hit.article.name, (0.0, hit))[0]:
                best[hit.article.name] = (weighed, hit)
    return [hit for _, hit in sorted(best.values(), key=lambda one: -one[0])[:MOST]]
