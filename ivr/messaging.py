"""What the admin's files say about messages, for those parts that don't know flows: rules, keywords, words to send."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, cast
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.engine import Connection

from callcenter import contacts, customers, outbox
from callcenter.messages import keywords as obeyed
from callcenter.messages.inbound import Inbound, Received, handle
from callcenter.messages.keywords import STANDARD, Keyword, Keywords
from callcenter.messages.rules import KEYWORD, Policy, QuietHours
from ivr.flow import template
from ivr.flow.expr import ExprError
from ivr.flow.model import FlowSet
from ivr.flow.problems import FlowError
from ivr.prompts.parts import Prompt
from ivr.prompts.written import written
from ivr.published import NothingPublished, Published

log = structlog.get_logger("callwright.messaging")

ANSWERED = "keyword_answered"
"""`meta` of a keyword that the carrier has answered itself."""
KEYWORD_PROMPTS: Mapping[Keyword, tuple[str, str]] = {
    "stop": ("system.opted_out", "You won't get further messages. Reply START to get them again."),
    "start": ("system.opted_in", "You will get messages again. Reply STOP to end them."),
    "help": ("system.opt_help", "Write us what you need, or call us. Reply STOP to get no more messages."),
}
"""What answers a keyword: the prompt, and words for where there is none."""


def current(published: Published) -> FlowSet | None:
    """The published files, or those before them while these can't be read; `None` where nothing has been published
    yet. Raises `FlowError` where none could be read so far."""
    try:
        return published.current()
    except NothingPublished:
        return None
    except FlowError:
        if (before := published.latest()) is None:
            raise
        return before


def policy(flows: FlowSet | None) -> Policy:
    """Quiet hours and the company's clock."""
    if flows is None:
        return Policy()
    quiet: dict[str, QuietHours] = {}
    for channel, hours in flows.company.quiet_hours.items():
        begins, ends = (dt.time.fromisoformat(clock) for clock in hours.split("-"))
        quiet[channel] = QuietHours(begins, ends)
    return Policy(ZoneInfo(flows.company.timezone), quiet)


def keywords(flows: FlowSet | None) -> Keywords:
    """The company's own words for STOP, START and HELP, in all its languages: system.words.stop and so on."""
    if flows is None:
        return Keywords()
    words: dict[Keyword, frozenset[str]] = {}
    for kind in STANDARD["sms"]:
        listed = (flows.text(language, f"system.words.{kind}") or "" for language in flows.company.languages)
        words[kind] = frozenset(" ".join(word.casefold().split()) for text in listed for word in text.split(",")) - {""}
    return Keywords(words)


def keyword_answer(flows: FlowSet | None, kind: Keyword, language: str) -> str:
    """What to answer to a keyword."""
    id, otherwise = KEYWORD_PROMPTS[kind]
    return (say(flows, id, language) if flows is not None else "") or otherwise


def say(flows: FlowSet, id: str, language: str = "", **slots: Any) -> str:
    """A prompt as a message, in `language` if there is one; "" where the prompt is missing or can't be filled."""
    language = language if language in flows.company.languages else flows.default_language
    text = flows.text(language, f"{id}_text") or flows.text(language, id)
    if text is None:
        return ""
    names = {"company": flows.company.name, "language": language, **slots}
    try:
        return written(Prompt(template.parse(text).fill(names, flows.company.currency), language, id))
    except ExprError as error:
        log.error("a prompt can't be filled", prompt=id, why=str(error))
        return ""


def find_keyword(conn: Connection, inbound: Inbound, contact: Any, flows: FlowSet | None) -> Keyword | None:
    """STOP, START or HELP, if that is what a message says, or what the carrier has seen in it."""
    asked = inbound.meta.get(KEYWORD)
    if asked in KEYWORD_PROMPTS:
        return cast(Keyword, asked)
    stopped = obeyed.stopped(conn, inbound.channel, contact.caller)
    return keywords(flows).find(inbound.channel, inbound.text, stopped=stopped)


def obey_keyword(
    conn: Connection,
    kind: Keyword,
    inbound: Inbound,
    received: Received,
    contact: Any,
    flows: FlowSet | None,
    now: dt.datetime,
) -> list[str]:
    """Obey a keyword in the transaction that stores it, so that no flow hears of it; returns the ids of what is queued
    to answer it. A contact that began with it has ended."""
    obeyed.obey(conn, kind, channel=inbound.channel, address=contact.caller, contact_id=contact.id, at=now)
    handle(conn, received.message_id, now)
    queued = []
    if not inbound.meta.get(ANSWERED):
        body = keyword_answer(flows, kind, spoken(conn, contact))
        queued.append(
            outbox.queue(conn, channel=contact.channel, to=contact.caller, sender=contact.called, body=body,
                         meta={KEYWORD: kind}, contact_id=contact.id, author="system",
                         dedupe_key=f"keyword:{received.message_id}", at=now)
        )  # fmt: skip
    if received.started:
        contacts.end(conn, contact.id, outcome="opted_out" if kind == "stop" else "completed", at=now)
    return queued


def spoken(conn: Connection, contact: Any) -> str:
    """The contact's language, else the customer's; "" if neither is known."""
    if contact.language or contact.customer_id is None:
        return str(contact.language)
    return customers.get(conn, contact.customer_id).language
