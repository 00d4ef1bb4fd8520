"""A payment that an agent begins: a session of its own, in which nothing leads away from the agent."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from callcenter import context, customers
from callcenter.db import migrate, open_database, reading
from callcenter.events import of_contact
from callcenter.tables import contacts
from ivr.assembly import make_published
from ivr.flow.effects import Collect, Effect, End, Enqueue, Event, RunAction, Say
from ivr.flow.inputs import ActionDone, Fault, HungUp, Input, Keys
from ivr.flow.session import VOICE, Session
from ivr.flow.step import step
from ivr.published import Published
from ivr.runner import NoPaymentFlow, Runner
from ivr.settings import Settings
from ivr.vault import Vault
from tests.flow import sample
from tests.voice.line import FLOWS, PROMPTS

BILL = {"account": "10203040", "name": "Dana Fields", "balance": 8450, "currency": "USD", "due_on": "2031-12-04",
        "overdue": False, "email": ""}  # fmt: skip
AGREED = {"account_said": "10203040", "amount_said": 5000}


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    folder = tmp_path_factory.mktemp("data")
    settings = Settings(_env_file=None, data_dir=folder, flows_dir=FLOWS, prompts_dir=PROMPTS)
    engine = open_database(settings.database)
    migrate(engine)
    published = make_published(settings, engine)
    published.publish(FLOWS, PROMPTS)
    made = Runner(engine, published, Vault(), settings)
    yield made
    made.close()
    engine.dispose()


class Payment:
    """One that an agent has begun in a contact."""

    def __init__(self, runner: Runner, slots: Mapping[str, Any] = AGREED) -> None:
        self.runner = runner
        self.name = uuid.uuid4().hex
        self.call = runner.start(
            channel="sip", capabilities=VOICE, external_id=self.name, caller="+15550123456", called="1"
        ).session
        begun = runner.start_assisted(
            channel="sip", external_id=f"{self.name}:order", contact_id=self.call.contact_id, caller="+15550123456",
            called="1", language="es", slots=slots,
        )  # fmt: skip
        self.session: Session = begun.session
        self.effects: tuple[Effect, ...] = begun.effects

    def feed(self, *given: Input) -> Payment:
        for one in given:
            turn = self.runner.feed(self.session, one)
            self.session, self.effects = turn.session, turn.effects
        return self

    def done(self, exit: str, **data: Any) -> Payment:
        [action] = [effect for effect in self.effects if isinstance(effect, RunAction)]
        return self.feed(ActionDone(action.call, exit, data))

    def at_card(self) -> Payment:
        return self.done("found", **BILL).feed(Keys("1"))

    def charged(self) -> Payment:
        return self.feed(Keys("5555555555554444"), Keys("0831"), Keys("739"))

    @property
    def at(self) -> str:
        return ".".join(self.session.stack[-1])

    def said(self) -> list[str]:
        return [effect.prompt.id for effect in self.effects if isinstance(effect, Say)]

    def contact(self) -> sa.Row[Any]:
        with self.runner.engine.connect() as conn:
            return conn.execute(sa.select(contacts).where(contacts.c.id == self.call.contact_id)).one()


def test_it_is_the_customers_language_and_what_was_agreed_on(runner: Runner) -> None:
    payment = Payment(runner)
    assert (payment.session.language, payment.session.contact_id) == ("es", payment.call.contact_id)
    assert payment.done("found", **BILL).at == "pay_bill.sure_amount"
    assert Payment(runner, {}).at == "pay_bill.account"


def test_its_end_is_not_the_contacts(runner: Runner) -> None:
    payment = Payment(runner).at_card().charged()
    payment.done("approved", amount=5000, currency="USD", confirmation="41280783")
    assert (payment.session.ended, payment.session.outcome) == (True, "paid")
    assert isinstance(payment.effects[-1], End)
    contact = payment.contact()
    assert (contact.ended_at, contact.outcome) == (None, "")
    with reading(runner.engine) as conn:
        assert "ended" not in [event.kind for event in of_contact(conn, contact.id)]
    runner.feed(payment.call, HungUp())
    assert payment.contact().outcome == "hung_up"


@pytest.mark.parametrize(
    ("exit", "then", "outcome"),
    [("declined", [Keys("2")], "not_paid"), ("already_paid", [], "not_paid"), ("pending", [], "pending"),
     ("failed", [], "to_agent")],
)  # fmt: skip
def test_what_else_becomes_of_it(runner: Runner, exit: str, then: list[Input], outcome: str) -> None:
    payment = Payment(runner).at_card().charged().done(exit, amount=5000, currency="USD", confirmation="1")
    said = payment.said()
    assert payment.feed(*then).session.outcome == outcome
    assert ("system.fault" in said) == (exit == "failed")


@pytest.mark.parametrize("given", [[Keys("0")], [Keys("")] * 3, [Keys("123")] * 3, [Fault("no voice")]])
def test_nothing_leads_away_from_the_agent(runner: Runner, given: list[Input]) -> None:
    payment = Payment(runner).at_card().feed(*given)
    assert payment.session.outcome == "to_agent"
    assert not [effect for effect in payment.effects if isinstance(effect, Collect | Enqueue)]
    assert [effect.kind for effect in payment.effects if isinstance(effect, Event)].count("to_agent") == 1


def test_star_starts_over_with_the_card_and_pound_goes_back_by_one(runner: Runner) -> None:
    payment = Payment(runner).at_card().feed(Keys("5555555555554444"), Keys("0831"))
    assert payment.at == "pay_bill.security_code"
    assert payment.feed(Keys("#")).at == "pay_bill.expiry"
    assert payment.feed(Keys("0831"), Keys("*")).at == "pay_bill.card"
    assert payment.feed(Keys("*")).at == "pay_bill.card"
    assert payment.feed(Keys("#")).at == "pay_bill.sure_amount"
    # where nothing secret is asked star says it again, as everywhere
    assert payment.feed(Keys("*")).at == "pay_bill.sure_amount"


def test_star_of_a_caller_alone_says_it_again(runner: Runner) -> None:
    flows = runner.published.current()
    now = dt.datetime(2026, 11, 23, 15, tzinfo=dt.UTC)
    place = (("main", "pay"), ("pay_bill", "expiry"))
    alone = Session("s", "c", "sip", VOICE, flows.hash, "en", stack=place, trail=(place,),
                    waiting={"for": ["Keys", "Words"], "state": {}})  # fmt: skip
    assert step(flows, alone, Keys("*"), now)[0].stack == place


def test_one_that_was_cut_off_is_not_offered_to_be_gone_on_with(runner: Runner) -> None:
    payment = Payment(runner).at_card().feed(HungUp())
    contact = payment.contact()
    now = dt.datetime.now(dt.UTC)
    with runner.engine.begin() as conn:
        customer = contact.customer_id or customers.create(conn, name="Dana", at=now)
        conn.execute(sa.update(contacts).where(contacts.c.id == contact.id).values(customer_id=customer))
    runner.feed(payment.call, HungUp())
    with reading(runner.engine) as conn:
        found = context.resumable(conn, customer, now, dt.timedelta(hours=1))
    assert found is not None
    assert found.session_id == payment.call.id


def test_the_same_order_begins_one_payment(runner: Runner) -> None:
    payment = Payment(runner)
    again = runner.start_assisted(
        channel="sip", external_id=f"{payment.name}:order", contact_id=payment.call.contact_id, caller="", called="",
        language="en", slots={},
    )  # fmt: skip
    assert (again.fresh, again.session.id) == (False, payment.session.id)


def test_a_company_without_such_a_flow_takes_none(tmp_path: Path) -> None:
    sample.write(tmp_path)
    settings = Settings(_env_file=None, data_dir=tmp_path)
    engine = open_database(settings.database)
    migrate(engine)
    published = Published(engine, sample.ACTIONS, tmp_path / "versions")
    published.publish(tmp_path / "flows", tmp_path / "prompts")
    runner = Runner(engine, published, Vault(), settings)
    with pytest.raises(NoPaymentFlow):
        Payment(runner)
    runner.close()
    engine.dispose()
