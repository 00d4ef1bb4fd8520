"""Payments on Twilio in processes that die, and news of them that never come."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from unittest import mock

import pytest

from callcenter import control
from ivr.bridge.state import Order
from ivr.flow.inputs import Keys
from ivr.rehearsal.twilio_double import NoAnswer
from ivr.rehearsal.twilio_double.transport import Answer, Params
from ivr.runner import Runner, Turn
from tests.twilio.office import Office, Open
from tests.twilio.paying import AMOUNT, Counter, counter, paid
from tests.twilio.support import ACCOUNT, CODE
from tests.twilio.test_watch import looks_later


@contextmanager
def web_dies_at(office: Office, where: str, times: int = 2) -> Iterator[list[str]]:
    """The web process is killed after it has served a request to such an address, before Twilio has the answer, and
    again when Twilio retries; the next one is up when Twilio asks for its fallback."""
    died: list[str] = []
    transport = office.twilio.transport
    post = transport.post

    def dies(url: str, params: Params, headers: Mapping[str, str]) -> Answer:
        answer = post(url, params, headers)
        if where in url and len(died) < times:
            died.append(url)
            raise NoAnswer("connection reset")
        return answer

    with mock.patch.object(transport, "post", dies):
        yield died


def all_keyed(here: Counter) -> tuple[Runner, Turn]:
    """A process that has taken the last key, and charges the card now."""
    here.asked()
    here.keys_but_code()
    [row] = here.sessions
    runner = here.office.line.runner
    return runner, runner.feed(row.id, Keys(CODE))


@contextmanager
def later(office: Office, seconds: float) -> Iterator[None]:
    """The flows' clock."""
    before = office.line.clock[0]
    office.line.clock[0] = before + dt.timedelta(seconds=seconds)
    try:
        yield
    finally:
        office.line.clock[0] = before


def test_the_router_dies_before_it_has_done_anything(open_recording_office: Open) -> None:
    office = open_recording_office("ana")
    here = counter(office)
    order = Order("o1", "pay", "ana", {"account": ACCOUNT, "amount": AMOUNT})
    office.orders.conversations.change(office.offer(here.caller).id, lambda talk: talk.stepped(order, 1.0))
    assert here.talks
    office.orders = office.another_router()
    office.orders.look()
    office.step()
    here.caller.finish_speaking()
    here.caller.press("1")
    paid(here)


def test_twilio_forgets_to_redirect_the_call(open_office: Open) -> None:
    office = open_office("ana")
    here = counter(office)
    control.order(office.queues.client, here.contact, "pay", by="ana", args={"account": ACCOUNT, "amount": AMOUNT})
    office.orders.once()
    redirects = [work for work in office.twilio.asked if "redirect" in repr(work.__code__.co_names)]
    office.twilio.asked[:] = [work for work in office.twilio.asked if work not in redirects]
    office.step()
    assert (here.sessions, here.shown["state"]) == ([], "asking")
    looks_later(office)
    here.caller.finish_speaking()
    here.caller.press("1")
    paid(here)


@pytest.mark.parametrize("where", ["/pay/", "/number", "/menu", "/paid/"])
def test_the_web_process_dies_and_twilio_asks_the_next_one(open_office: Open, where: str) -> None:
    office = open_office("ana")
    here = counter(office)
    with web_dies_at(office, where, times=1) as died:
        here.asked()
        paid(here)
    assert died
    assert here.caller.failures == []


@pytest.mark.parametrize("where", ["/pay/", "/number", "/menu"])
def test_the_web_process_dies_and_the_caller_goes_back_to_the_agent(open_office: Open, where: str) -> None:
    office = open_office("ana")
    here = counter(office)
    with web_dies_at(office, where) as died:
        assert here.pay() == ""
        here.caller.finish_speaking()
        here.caller.press("1")
        if here.caller.conference is None:
            here.keys_card()
    office.step()
    assert died
    assert (here.shown["state"], here.shown["result"], here.payments) == ("ended", "failed", [])
    assert here.talks
    assert [row.ended for row in here.sessions] == [True]
    here.asked()
    paid(here)


def test_the_web_process_dies_when_the_card_has_been_charged(open_office: Open) -> None:
    office = open_office("ana")
    here = counter(office)
    here.asked()
    here.keys_but_code()
    with web_dies_at(office, "/number") as died:
        here.caller.press(CODE + "#")
    office.step()
    assert len(died) == 2
    assert (here.shown["result"], here.charged, len(here.receipts)) == ("paid", 1, 1)
    assert [one["result"] for one in here.ended] == ["paid"]
    assert here.talks


def test_the_web_process_dies_with_the_caller_on_the_way_back(open_office: Open) -> None:
    office = open_office("ana")
    here = counter(office)
    here.asked()
    with web_dies_at(office, "/paid/") as died:
        here.keys_card()
    office.step()
    assert died
    assert (here.shown["result"], here.charged, len(here.receipts)) == ("paid", 1, 1)
    assert [one["result"] for one in here.ended] == ["paid"]
    assert here.talks


def test_a_card_is_charged_in_a_process_that_dies_and_the_caller_hangs_up(open_office: Open) -> None:
    """Nobody is left who knows the card: what became of it is found under the payment's key, and the receipt goes
    out."""
    office = open_office("ana")
    here = counter(office)
    runner, turn = all_keyed(here)
    assert turn.action is not None
    assert turn.action.name == "pay_bill"
    assert runner.begin(turn.session, turn.action).result(30).exit == "approved"
    here.caller.hang_up()
    office.step()
    assert here.ana.over
    assert ([row.ended for row in here.sessions], here.receipts) == ([False], []), "it may still be at it"
    office.orders = office.another_router()
    with later(office, 60):
        office.orders.look()
        office.orders.look()
    assert [row.ended for row in here.sessions] == [True]
    assert (here.charged, len(here.receipts), here.shown["result"]) == (1, 1, "paid")


def test_nobody_told_that_the_caller_hung_up(open_office: Open) -> None:
    office = open_office("ana")
    here = counter(office)
    here.asked()
    office.twilio.held = []
    here.caller.hang_up()
    office.twilio.held = None
    assert not here.ana.over
    looks_later(office)
    assert here.ana.over
    assert [row.ended for row in here.sessions] == [True]
    assert (here.shown["result"], here.payments) == ("stopped", [])


def test_nobody_told_that_the_agent_hung_up(open_office: Open) -> None:
    office = open_office("ana")
    here = counter(office)
    office.queues.set_presence("ana", "unavailable", "lunch")
    here.asked()
    office.twilio.held = []
    here.ana.hang_up()
    office.twilio.held = None
    looks_later(office)
    assert office.state(here.caller) == "waiting"
    assert here.caller.heard[-1].audio.endswith("/audio/music-1.wav")
    assert [row.ended for row in here.sessions] == [True]


def test_a_caller_whose_line_never_came_back_is_fetched(open_office: Open) -> None:
    """The payment is at its end, and the last document was never followed to the end of it."""
    office = open_office("ana")
    here = counter(office)
    runner, turn = all_keyed(here)
    assert turn.action is not None
    turn = runner.feed(turn.session, runner.begin(turn.session, turn.action).result(30))
    assert turn.session.ended
    looks_later(office)
    assert not here.talks, "it may still be told how it ended"
    with later(office, 120):
        looks_later(office)
    assert here.talks
    assert [one["result"] for one in here.ended] == ["paid"]
