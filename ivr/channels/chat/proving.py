"""The steps of proving who one is by a one-time code, one after the other: an address, the code, and, where several
customers share the address, an account number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa

from callcenter import identifiers, one_time_codes, outbox, tolls, verifying
from callcenter.db import reading
from callcenter.messages import NotConfiguredError, open_sender
from callcenter.one_time_codes import CHANNEL, TooManyCodes
from callcenter.tables import messages
from ivr.channels.chat import identity
from ivr.channels.chat.rates import Rates
from ivr.flow.model import FlowSet
from ivr.published import NothingPublished
from ivr.settings import Settings

if TYPE_CHECKING:
    from ivr.live.context import Context

GUESSES = 3
"""Account numbers that may be tried."""
SUBJECT, BODY = "system.chat_code_subject", "system.chat_code"
WORDS = {SUBJECT: "Your code for {company}", BODY: "{code} is your code for the chat with {company}."}


@dataclass(frozen=True, slots=True)
class Attempt:
    """Where a visitor stands: a code was sent (`code_id`), or one of `candidates` is asked for."""

    kind: str
    value: str
    code_id: str = ""
    candidates: tuple[str, ...] = ()
    guesses: int = 0


class Visitor(Protocol):
    visitor: str
    network: str
    contact: str
    proof: Attempt | None


class Proving:
    def __init__(self, context: Context, rates: Rates) -> None:
        self._context = context
        self._rates = rates

    def take(self, visit: Visitor, data: Mapping[str, Any]) -> tuple[Attempt | None, dict[str, Any]]:
        """One step; where the visitor stands now, and what the page is told: `state` is sent, invalid, unavailable,
        wrong, question, unknown or proven. Raises `TooOften`."""
        if isinstance(code := data.get("code"), str):
            return self._check(visit, code)
        if isinstance(answer := data.get("answer"), str):
            return self._settle(visit, answer)
        kind, value = data.get("kind"), data.get("value")
        if kind not in CHANNEL or not isinstance(value, str):
            return visit.proof, {"state": "invalid"}
        return self._send(visit, str(kind), value, str(data.get("language", "")))

    def _send(self, visit: Visitor, kind: str, value: str, language: str) -> tuple[Attempt | None, dict[str, Any]]:
        context = self._context
        flows = _flows(context)
        region = flows.company.country if flows is not None else ""
        try:
            value = identifiers.normalise(kind, value, region)
        except identifiers.InvalidIdentifier:
            return visit.proof, {"state": "invalid"}
        if kind not in available(context.settings):
            return visit.proof, {"state": "unavailable"}
        if kind == "phone" and not tolls.may_dial(value, region, flows.company.dial_countries if flows else ()):
            with reading(context.engine) as conn:  # a stranger's texts to numbers that pay their owner
                known = [one for one in identifiers.identify(conn, kind, value) if not one.provisional]
            if not known:
                return visit.proof, {"state": "invalid"}
        self._rates.count("code", visitor=visit.visitor, network=visit.network)
        company = flows.company.name if flows is not None else ""
        subject, body = (
            ((flows.text(language, id) if flows is not None else None) or WORDS[id]).replace("{company}", company)
            for id in (SUBJECT, BODY)
        )
        try:
            with context.engine.begin() as conn:
                code_id = one_time_codes.issue(
                    conn,
                    kind,
                    value,
                    body=body if "{code}" in body else WORDS[BODY].replace("{company}", company),
                    subject=subject,
                    at=context.clock(),
                    contact_id=visit.contact or None,
                    region=region,
                )
        except TooManyCodes:
            return visit.proof, {"state": "too_many"}
        context.submit(_deliver, context, code_id)
        return Attempt(kind, value, code_id), {"state": "sent", "to": _hint(kind, value)}

    def _check(self, visit: Visitor, code: str) -> tuple[Attempt | None, dict[str, Any]]:
        attempt, context = visit.proof, self._context
        if attempt is None or not attempt.code_id:
            return attempt, {"state": "wrong"}
        self._rates.count("guess", visitor=visit.visitor, network=visit.network)
        now = context.clock()
        with context.engine.begin() as conn:
            if not one_time_codes.check(conn, attempt.code_id, code, now):
                return attempt, {"state": "wrong"}
            proven = identity.by_code(conn, visit.visitor, attempt.kind, attempt.value, now, _region(context))
        if proven.customer:
            return None, {"state": "proven"}
        return Attempt(attempt.kind, attempt.value, candidates=proven.candidates), {"state": "question"}

    def _settle(self, visit: Visitor, answer: str) -> tuple[Attempt | None, dict[str, Any]]:
        attempt, context = visit.proof, self._context
        if attempt is None or not attempt.candidates:
            return attempt, {"state": "invalid"}
        self._rates.count("guess", visitor=visit.visitor, network=visit.network)
        now, region = context.clock(), _region(context)
        with context.engine.begin() as conn:
            customer = verifying.resolve(conn, attempt.candidates, "account", answer[:100], region=region)
            if customer is not None:
                identity.prove(conn, customer, attempt.kind, attempt.value, "one_time_code", now)
                identity.bind(conn, visit.visitor, customer, "one_time_code", now, region)
                return None, {"state": "proven"}
        if attempt.guesses + 1 >= GUESSES:
            return None, {"state": "unknown"}
        tried = Attempt(attempt.kind, attempt.value, candidates=attempt.candidates, guesses=attempt.guesses + 1)
        return tried, {"state": "question", "wrong": True}


def available(settings: Settings) -> tuple[str, ...]:
    """The kinds of address that a code can be sent to, as the senders are configured."""
    found = []
    for kind, channel in CHANNEL.items():
        try:
            open_sender(channel, settings)
        except NotConfiguredError:
            continue
        found.append(kind)
    return tuple(found)


def _deliver(context: Context, code_id: str) -> None:
    """Send it at once: somebody waits for it."""
    with reading(context.engine) as conn:
        query = sa.select(messages.c.id).where(messages.c.dedupe_key == one_time_codes.DEDUPE + code_id)
        message_id = conn.execute(query).scalar_one()
    outbox.deliver(context.engine, context.settings, message_id, context.clock())


def _hint(kind: str, value: str) -> str:
    """Where the code went, as far as a stranger beside the screen may read it."""
    if kind == "phone":
        return f"…{value[-3:]}"
    name, _, domain = value.partition("@")
    return f"{name[:1]}…@{domain}"


def _flows(context: Context) -> FlowSet | None:
    try:
        return context.runner.published.current()
    except NothingPublished:
        return None


def _region(context: Context) -> str:
    flows = _flows(context)
    return flows.company.country if flows is not None else ""
