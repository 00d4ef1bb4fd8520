"""STOP, START and HELP: words that carriers and laws want obeyed, whatever the flow is at (CTIA Messaging Principles
and Best Practices, section 5.1). A message that is nothing but such a word is one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sqlalchemy.engine import Connection

from callcenter import events, opt_outs

Keyword = Literal["stop", "start", "help"]
STOP = frozenset({"stop", "stopall", "unsubscribe", "optout"})
STANDARD: Mapping[str, Mapping[Keyword, frozenset[str]]] = {
    "sms": {
        "stop": STOP | {"stop all", "opt out", "cancel", "end", "quit", "revoke"},
        "start": frozenset({"start", "unstop"}),
        "help": frozenset({"help", "info"}),
    },
    "whatsapp": {"stop": STOP, "start": frozenset({"start", "unstop"}), "help": frozenset()},
    "messenger": {"stop": STOP, "start": frozenset({"start", "unstop"}), "help": frozenset()},
}
"""By channel. Mail and chat have none: there one writes sentences, and unsubscribes by a link."""
YES = frozenset({"yes"})
"""Means START for somebody who has stopped, and a plain answer otherwise."""


@dataclass(frozen=True, slots=True)
class Keywords:
    """A company's further words (in lower case), of any language, for the channels that have keywords."""

    words: Mapping[Keyword, frozenset[str]] = field(default_factory=dict)

    def find(self, channel: str, text: str, *, stopped: bool = False) -> Keyword | None:
        """What a whole message asks for. `stopped`: the address has told us to stop."""
        said = " ".join(re.sub(r"[^\w\s]", " ", text.casefold()).split())
        kinds = STANDARD.get(channel)
        if not said or kinds is None:
            return None
        for kind, standard in kinds.items():
            if standard and (said in standard or said in self.words.get(kind, ())):
                return kind
        return "start" if stopped and said in YES and channel == "sms" else None


def stopped(conn: Connection, channel: str, address: str) -> bool:
    """Whether this address has told us to stop."""
    return opt_outs.found(conn, channel, address) is not None


def obey(
    conn: Connection,
    kind: Keyword,
    *,
    channel: str,
    address: str,
    contact_id: str,
    at: datetime,
    source: str = opt_outs.KEYWORD,
) -> None:
    """Do what the keyword asks for, and record it, within the caller's transaction."""
    if kind == "help":
        events.record(conn, contact_id, None, "help_wanted", {"channel": channel}, at)
        return
    if kind == "stop":
        opt_outs.opt_out(conn, channel, address, source=source, at=at, contact_id=contact_id)
    else:
        opt_outs.opt_in(conn, channel, address, source=source, at=at, contact_id=contact_id)
