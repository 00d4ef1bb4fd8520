"""Emergency announcements: what a supervisor has callers told, whatever the flows say, until it is ended.

They stand in the database, so that they hold after a restart and while the store of queues is away. `ALL` is told
whoever comes in, on every channel, before the flow; a queue's is told who comes to that queue. Who waits already hears
it too, and goes on waiting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter.ids import new_id
from callcenter.queue_tables import emergencies

ALL = "*"
"""In the place of a queue's name: every way in."""
Then = Literal["continue", "hang_up", "voicemail"]
THEN: Final[tuple[Then, ...]] = get_args(Then)
"""What follows for whoever comes in: the flow, the end, the flow that takes messages."""
LONGEST = 1000
"""Characters of the words in one language."""


@dataclass(frozen=True, slots=True)
class Emergency:
    """`words` are by language. `prompt` is the id of the prompt that they are taken from, "" for a supervisor's own.
    `id` is another one for each announcement, so that nobody hears one twice."""

    scope: str
    id: str
    words: Mapping[str, str]
    prompt: str
    then: Then
    by: str
    at: datetime


def begin(
    conn: Connection, scope: str, words: Mapping[str, str], *, then: Then = "continue", prompt: str = "", by: str,
    at: datetime,
) -> Emergency:  # fmt: skip
    """Announce from now on; it takes the place of what was announced there. `by` is who it was, as in `agent:ID`.
    Raises ValueError where there is nothing to say, or too much."""
    said = {language: text.strip() for language, text in words.items() if text.strip()}
    if not said:
        raise ValueError("an announcement needs words in a language")
    if any(len(text) > LONGEST for text in said.values()):
        raise ValueError(f"an announcement has at most {LONGEST} characters")
    if then not in THEN:
        raise ValueError(f"after an announcement comes one of {', '.join(THEN)}, not {then!r}")
    made = Emergency(scope, new_id(at), said, prompt, then, by, at)
    end(conn, scope)
    conn.execute(
        sa.insert(emergencies).values(
            scope=scope, id=made.id, words=dict(said), prompt=prompt, then=then, by=by, at=at
        )
    )  # fmt: skip
    return made


def end(conn: Connection, scope: str) -> bool:
    """Nobody hears it from now on. False if there was nothing."""
    return conn.execute(sa.delete(emergencies).where(emergencies.c.scope == scope)).rowcount > 0


def current(conn: Connection) -> dict[str, Emergency]:
    """All that is announced now, by scope."""
    return {row.scope: Emergency(**row._mapping) for row in conn.execute(sa.select(emergencies))}
