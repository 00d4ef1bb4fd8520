"""A payment with the agent on the line, on the double: what the caller keys, and what is known of it afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from callcenter import assisted
from callcenter.db import reading
from callcenter.tables import bills, messages, payments, sandbox_charges, sessions
from ivr.actions.bills.importing import DEMO, import_bills
from ivr.flow.effects import RunAction
from ivr.flow.inputs import ActionDone
from ivr.flow.session import Session
from ivr.rehearsal.twilio_double import Call
from ivr.runner import Runner
from tests.twilio.office import Office
from tests.twilio.support import ACCOUNT, CARD, CODE, EXPIRY, NOON

AMOUNT = 100


class Counter:
    """Dana is `caller`, who talks to Ana, and owes what the demo's bills say; `pay` is Ana's order, or of the agent
    `by`, whose call `ana` is then."""

    def __init__(self, office: Office, caller: Call, ana: Call, contact: str = "", by: str = "ana") -> None:
        self.office, self.caller, self.ana, self.by = office, caller, ana, by
        self.contact = contact or office.contact(caller)
        with office.line.engine.begin() as connection:
            connection.execute(sa.delete(bills))
        import_bills(office.line.engine, Path(DEMO), NOON.date())

    def pay(self, amount: int = AMOUNT) -> str:
        """Why not, "" where the caller is now asked."""
        return self.office.ordered_of(self.contact, "pay", self.by, account=ACCOUNT, amount=amount)

    def asked(self) -> None:
        """Ana begins, and Dana says that the amount is right."""
        assert self.pay() == ""
        self.caller.finish_speaking()
        self.caller.press("1")
        assert self.shown["field"] == "card"

    def keys_card(self, card: str = CARD) -> None:
        self.keys_but_code(card)
        self.caller.press(CODE + "#")

    def keys_but_code(self, card: str = CARD) -> None:
        self.caller.finish_speaking()
        self.caller.press(card + "#")
        self.caller.press(EXPIRY)

    def keys_rest(self) -> None:
        self.caller.press(EXPIRY)
        self.caller.press(CODE + "#")

    @property
    def shown(self) -> dict[str, Any]:
        """What Ana's page shows."""
        return assisted.last(self.office.queues.client, self.contact) or {}

    def _rows(self, query: sa.Select[Any]) -> list[Any]:
        with reading(self.office.line.engine) as connection:
            return list(connection.execute(query))

    @property
    def payments(self) -> list[Any]:
        return self._rows(sa.select(payments).where(payments.c.contact_id == self.contact))

    @property
    def charged(self) -> int:
        mine = [one.id for one in self.payments]
        charges = self._rows(sa.select(sandbox_charges).where(sandbox_charges.c.idempotency_key.in_(mine)))
        return len([one for one in charges if one.status == "charged"])

    @property
    def receipts(self) -> list[str]:
        return [row.body for row in self._rows(sa.select(messages).where(messages.c.contact_id == self.contact))]

    @property
    def sessions(self) -> list[Any]:
        """Of its payments."""
        query = sa.select(sessions).where(sessions.c.contact_id == self.contact, sessions.c.external_id.like("%:%"))
        return self._rows(query)

    @property
    def ended(self) -> list[dict[str, Any]]:
        """What the journal says of the ends of its payments."""
        return [fact.data for fact in self.office.facts if fact.kind == "call.payment_ended"]

    @property
    def talks(self) -> bool:
        """Whether both hear each other, and the caller's hanging up ends it."""
        if self.caller.conference is None or self.ana.conference is None:
            return False
        heard = self.caller.conference.hears(self.caller.sid), self.ana.conference.hears(self.ana.sid)
        ends = self.caller.conference.participants[self.caller.sid].ends
        return ends and self.caller.conference is self.ana.conference and heard == ({self.ana.sid}, {self.caller.sid})


def counter(office: Office) -> Counter:
    return Counter(office, *office.conversation())


def paid(here: Counter) -> None:
    """The caller keys a card that is charged, once, and both talk on."""
    here.keys_card()
    here.office.step()
    assert (here.shown["result"], here.charged, len(here.receipts)) == ("paid", 1, 1)
    assert here.talks


@contextmanager
def while_charged(office: Office, doing: Callable[[], object]) -> Iterator[None]:
    """`doing` is done while the card is at the gateway."""
    runner = office.line.runner

    def act(action: RunAction, session: Session) -> ActionDone:
        if action.name == "pay_bill":
            doing()
        return Runner._perform(runner, session, action, time.monotonic() + action.budget)

    runner.act = act
    try:
        yield
    finally:
        runner.act = None
