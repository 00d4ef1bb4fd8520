"""A payment's flow on a conversation's line, at the speed of the machine: what goes wrong, and what comes of it."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from callcenter.db import migrate, open_database
from callcenter.tables import messages, payments, sandbox_charges
from ivr.actions.bills.importing import DEMO, import_bills
from ivr.assembly import make_published
from ivr.bridge.parts import Paid, Wanted
from ivr.bridge.payment import PromptLeg
from ivr.channels.leg import Clip, Digit, LegEvent, PlayEnded
from ivr.channels.voice.assisted import Assistance
from ivr.flow.effects import RunAction
from ivr.flow.inputs import ActionDone
from ivr.flow.session import VOICE, Session
from ivr.prompts.catalogue import Catalogue
from ivr.prompts.parts import Prompt
from ivr.runner import Runner
from ivr.settings import Settings
from ivr.speech.errors import SpeechError
from ivr.speech.renderer import Renderer
from ivr.vault import Vault
from tests.voice.line import FLOWS, PROMPTS

CARD, EXPIRY, CODE = "5555555555554444", "0831", "7392"


class Mute(Renderer):
    """Says everything in no time; with `broken` it can say nothing from that prompt on."""

    broken = ""

    async def clips(self, prompt: Prompt, *arguments: Any) -> list[Clip]:
        if self.broken and prompt.id == self.broken:
            raise SpeechError("no voice is left")
        return [Clip(prompt.id, b"\xff" * 160)]


class Customer:
    """The customer's leg of a conversation: what is played is heard at once, and answered by keys. `seen` is told what
    is heard."""

    id, caller, called, attestation = "leg", "+15550123456", "1", ""
    headers: Mapping[str, str] = {}

    def __init__(self, presses: Mapping[str, Sequence[str]], seen: Callable[[str], None]) -> None:
        self._seen = seen
        self.heard: list[str] = []
        self.then: Callable[[LegEvent], None] = lambda event: None
        self._presses = {id: list(keys) for id, keys in presses.items()}
        self._plays = 0

    def play(self, clips: Sequence[Clip], *, loop: bool = False) -> int:
        self._plays += 1
        loop_ = asyncio.get_running_loop()
        loop_.call_soon(self.then, PlayEnded(self._plays, "done"))
        for clip in clips:
            self.heard.append(clip.key)
            self._seen(clip.key)
            for key in (self._presses.get(clip.key) or [""]).pop(0):
                loop_.call_soon(self.then, Digit(key))
        return self._plays

    def stop(self) -> None:
        """It is over already."""


CALLER: Mapping[str, Sequence[str]] = {
    "pay.sure_amount": ["1"],
    "pay.ask_card": [CARD + "#"],
    "pay.ask_expiry": [EXPIRY],
    "pay.ask_security_code": [CODE],
}


class Line:
    def __init__(self, folder: Path) -> None:
        settings = Settings(_env_file=None, data_dir=folder, flows_dir=FLOWS, prompts_dir=PROMPTS)
        self.engine = open_database(settings.database)
        migrate(self.engine)
        self.published = make_published(settings, self.engine)
        self.published.publish(FLOWS, PROMPTS)
        self.runner = Runner(self.engine, self.published, Vault(), settings)
        self.renderer = Mute(folder, Catalogue.load(PROMPTS))

    def anew(self) -> None:
        """Nobody has paid, and everything can be said."""
        with self.engine.begin() as conn:
            for table in (payments, sandbox_charges, messages):
                conn.execute(sa.delete(table))
            conn.execute(sa.text("DELETE FROM bills"))
        import_bills(self.engine, DEMO, dt.date.today())
        self.renderer.broken = ""

    def take(
        self,
        presses: Mapping[str, Sequence[str]] = CALLER,
        *,
        charging: Callable[[PromptLeg, bool], None] = lambda leg, on: None,
        heard: Callable[[PromptLeg, str], None] = lambda leg, prompt: None,
    ) -> tuple[Paid, Customer, list[dict[str, Any]]]:
        """A payment of 50 dollars; `charging` is told when a charge begins (True) and when it is over, `heard` what the
        caller hears."""
        told: list[dict[str, Any]] = []
        legs: list[PromptLeg] = []
        customer = Customer(presses, lambda prompt: heard(legs[0], prompt))
        contact = self.runner.start(
            channel="sip", capabilities=VOICE, external_id=uuid.uuid4().hex, caller="+15550123456", called="1"
        ).session.contact_id

        async def run() -> Paid:
            leg = PromptLeg(customer, dict)  # type: ignore[arg-type]
            legs.append(leg)
            customer.then = leg.heard
            wanted = Wanted(contact, uuid.uuid4().hex, "ana", "en", "+15550123456", "10203040", 5000)
            with ThreadPoolExecutor(4) as pool:
                tell = lambda agent, progress: told.append(dict(progress))  # noqa: E731
                take = Assistance(self.runner, self.renderer, pool, tell)
                async with asyncio.timeout(60):
                    return await take(leg, wanted, lambda on: charging(leg, on))

        return asyncio.run(run()), customer, told

    def rows(self, table: sa.Table) -> list[Any]:
        with self.engine.connect() as conn:
            return list(conn.execute(sa.select(table)).all())


@pytest.fixture(scope="module")
def one_line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    line = Line(tmp_path_factory.mktemp("line"))
    yield line
    line.runner.close()
    line.engine.dispose()


@pytest.fixture
def line(one_line: Line) -> Line:
    one_line.anew()
    return one_line


def test_paid(line: Line) -> None:
    charges: list[bool] = []
    paid, customer, told = line.take(charging=lambda leg, on: charges.append(on))
    [payment] = line.rows(payments)
    assert paid == Paid("paid", {"confirmation": payment.confirmation, "amount": 5000, "currency": "USD",
                                 "last4": "4444", "brand": payment.card_brand})  # fmt: skip
    assert customer.heard[0] == "pay.agent_stays"
    assert "pay.approved" in customer.heard
    assert charges == [True, False]
    assert (told[-1]["state"], told[-1]["result"]) == ("ended", "paid")


def test_a_card_that_is_declined_and_another(line: Line) -> None:
    twice = {"pay.sure_amount": ["1"], "pay.ask_card": ["4000000000000002#", CARD + "#"], "pay.another_card": ["1"],
             "pay.ask_expiry": [EXPIRY] * 2, "pay.ask_security_code": [CODE] * 2}  # fmt: skip
    charges: list[bool] = []
    paid, customer, _ = line.take(twice, charging=lambda leg, on: charges.append(on))
    assert (paid.result, charges) == ("paid", [True, False, True, False])
    assert "pay.declined" in customer.heard


def test_stopped_at_the_moment_of_the_charge_it_counts_all_the_same(line: Line) -> None:
    paid, customer, told = line.take(charging=lambda leg, on: leg.interrupt() if on else None)
    assert paid.result == "paid"
    assert "system.payment_stopped" not in customer.heard
    assert len(line.rows(sandbox_charges)) == 1
    [receipt] = line.rows(messages)
    assert str(paid.data["confirmation"]) in receipt.body
    assert told[-1]["confirmation"] == paid.data["confirmation"]


def test_a_line_that_is_needed_elsewhere_is_left_at_once(line: Line) -> None:
    paid, customer, _ = line.take(charging=lambda leg, on: leg.detach() if on else None)
    assert paid.result == "paid"
    assert "pay.approved" not in customer.heard
    assert len(line.rows(messages)) == 1


def test_stopped_before_the_charge(line: Line) -> None:
    paid, customer, told = line.take(
        {"pay.sure_amount": ["1"]}, heard=lambda leg, prompt: leg.interrupt() if prompt == "pay.ask_card" else None
    )
    assert (paid.result, customer.heard[-1]) == ("stopped", "system.payment_stopped")
    assert (told[-1]["result"], line.rows(payments)) == ("stopped", [])


@pytest.mark.parametrize("prompt", ["pay.agent_stays", "pay.ask_card"])
def test_what_can_not_be_said_leads_back_to_the_agent(line: Line, prompt: str) -> None:
    line.renderer.broken = prompt
    paid, _, told = line.take()
    assert (paid.result, paid.data) == ("to_agent", {"why": "failed"})
    assert told[-1]["problem"] == "failed"


def test_a_payment_stays_paid_though_nobody_can_be_told(line: Line) -> None:
    line.renderer.broken = "pay.approved"
    paid, _, told = line.take()
    assert (paid.result, told[-1]["result"]) == ("paid", "paid")
    assert paid.data["confirmation"]


def test_an_action_that_breaks(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = line.runner.begin

    def broken(session: Session, action: RunAction) -> Future[ActionDone]:
        if action.name != "pay_bill":
            return begin(session, action)
        future: Future[ActionDone] = Future()
        future.set_exception(RuntimeError("a bug"))
        return future

    monkeypatch.setattr(line.runner, "begin", broken)
    paid, _, told = line.take()
    assert paid.result == "failed"
    assert (told[-1]["state"], told[-1]["result"]) == ("ended", "failed")


def test_a_company_that_takes_none(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    flows = line.published.current()
    without = flows.company.model_copy(update={"payment": None})
    monkeypatch.setattr(line.published, "current", lambda: dataclasses.replace(flows, company=without))
    paid, customer, told = line.take()
    assert (paid.result, customer.heard, told[-1]["result"]) == ("unavailable", [], "unavailable")
