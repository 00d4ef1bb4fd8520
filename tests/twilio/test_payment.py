"""An agent takes a payment from a caller who came by Twilio."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callcenter import control
from ivr.rehearsal.twilio_double import Call
from tests.twilio.office import ANA, Open
from tests.twilio.paying import AMOUNT, counter, while_charged
from tests.twilio.support import CARD, CODE, words


def test_the_caller_keys_a_card_and_both_talk_on(open_recording_office: Open) -> None:
    office = open_recording_office("ana")
    here = counter(office)
    dana, ana = here.caller, here.ana
    assert here.pay() == ""
    assert dana.conference is None, "nobody of the conference hears the caller"
    assert ana.conference is not None
    assert office.hears(ana) == {"held-1.wav"}
    [tape] = dana.tapes
    assert tape.went[-1] == "paused"
    assert (here.shown["state"], here.shown["field"]) == ("asking", "")
    dana.finish_speaking()
    dana.press("1")
    assert (here.shown["field"], here.shown["keyed"]) == ("card", {"card": 0})
    dana.finish_speaking()
    dana.press(CARD + "#")
    assert (here.shown["field"], here.shown["keyed"]) == ("expiry", {"card": 16, "expiry": 0})
    here.keys_rest()
    office.step()
    shown = here.shown
    [payment] = here.payments
    assert (shown["state"], shown["result"], shown["amount"], shown["card"]) == ("ended", "paid", AMOUNT, CARD[-4:])
    assert shown["confirmation"] == payment.confirmation
    assert (payment.status, here.charged, len(here.receipts)) == ("approved", 1, 1)
    assert any("approved" in text or "confirmation" in text for text in words(dana))
    assert here.talks
    assert [one["result"] for one in here.ended] == ["paid"]
    assert tape.went == ["in-progress", "paused", "in-progress"]
    ana.hang_up()
    office.step()
    assert any("satisfied" in text for text in words(dana)), "the flow goes on as if nothing had been paid"
    dana.hang_up()
    assert dana.failures == ana.failures == []
    assert [row.ended for row in here.sessions] == [True]


def stopped(call: Call) -> bool:
    return any("stopped" in text for text in words(call)[-2:])


def test_the_agent_stops_it_and_begins_anew(open_office: Open) -> None:
    office = open_office("ana")
    here = counter(office)
    here.asked()
    assert "payment" in office.ordered(here.caller, "hold")
    here.caller.press(CARD[:9])
    assert office.ordered(here.caller, "pay_stop") == ""
    assert stopped(here.caller)
    assert here.talks
    assert (here.shown["state"], here.shown["result"]) == ("ended", "stopped")
    assert [one["result"] for one in here.ended] == ["stopped"]
    assert "no payment" in office.ordered(here.caller, "pay_stop")
    assert (here.payments, [row.ended for row in here.sessions]) == ([], [True])
    here.asked()
    here.keys_card()
    office.step()
    assert (here.shown["result"], here.charged) == ("paid", 1)
    assert here.talks


def test_it_is_stopped_before_the_callers_line_has_asked_for_anything(open_office: Open) -> None:
    office = open_office("ana")
    here = counter(office)
    for verb in ("pay", "pay_stop"):
        control.order(office.queues.client, here.contact, verb, by="ana")
    office.orders.once()
    office.step()
    assert here.talks
    assert (here.sessions, here.shown["result"]) == ([], "stopped")


def test_a_card_that_is_charged_is_not_stopped(open_office: Open) -> None:
    office = open_office("ana")
    here = counter(office)
    here.asked()
    why: list[str] = []
    with while_charged(office, lambda: why.append(office.ordered(here.caller, "pay_stop"))):
        here.keys_card()
    office.step()
    assert "being charged" in why[0]
    assert (here.shown["result"], here.charged, len(here.receipts)) == ("paid", 1, 1)
    assert here.talks


def test_a_stop_that_comes_before_the_charge_is_in_time(open_office: Open) -> None:
    """The order was taken, and Twilio has not redirected the call yet when the last key comes."""
    office = open_office("ana")
    here = counter(office)
    here.asked()
    control.order(office.queues.client, here.contact, "pay_stop", by="ana")
    office.orders.once()
    here.keys_card()
    office.step()
    assert (here.shown["result"], here.charged, here.payments) == ("stopped", 0, [])
    assert stopped(here.caller)
    assert here.talks


def test_a_stop_that_comes_with_the_last_key_is_in_time(open_office: Open) -> None:
    office = open_office("ana")
    here = counter(office)
    here.asked()
    here.keys_but_code()
    control.order(office.queues.client, here.contact, "pay_stop", by="ana")
    office.orders.once()
    here.caller.press(CODE + "#")
    office.step()
    assert (here.shown["result"], here.charged, here.payments) == ("stopped", 0, [])
    assert here.talks


def test_a_declined_card_and_another(open_office: Open) -> None:
    office = open_office("ana")
    here = counter(office)
    here.asked()
    here.keys_card("4000000000000002")
    assert (here.shown["state"], here.shown["problem"]) == ("asking", "declined")
    here.caller.finish_speaking()
    here.caller.press("1")
    assert here.shown["keyed"] == {"card": 0}
    here.keys_card()
    office.step()
    assert (here.shown["result"], here.charged) == ("paid", 1)


def test_the_caller_asks_for_the_agent_instead(open_office: Open) -> None:
    office = open_office("ana")
    here = counter(office)
    assert here.pay(amount=0) == ""
    here.caller.finish_speaking()
    here.caller.press("0")
    office.step()
    assert (here.shown["result"], here.shown["problem"]) == ("to_agent", "person")
    assert here.talks


def test_who_says_nothing_goes_back_to_the_agent(open_office: Open) -> None:
    office = open_office("ana")
    here = counter(office)
    here.asked()
    for _ in range(20):
        here.caller.pass_time()
    office.step()
    assert here.shown["result"] == "to_agent"
    assert here.talks


def test_a_company_without_a_payment_flow_takes_none(open_office: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    office = open_office("ana")
    flows = office.line.runner.published.current()
    poorer = replace(flows, company=flows.company.model_copy(update={"payment": None}))
    monkeypatch.setattr(office.line.runner.published, "latest", lambda: poorer)
    here = counter(office)
    assert "no payment can be taken" in here.pay()
    assert here.talks


def test_who_was_muted_before_is_muted_afterwards(open_office: Open) -> None:
    office = open_office("ana")
    here = counter(office)
    assert office.ordered(here.caller, "mute", party="customer") == ""
    here.asked()
    here.keys_card()
    office.step()
    assert here.shown["result"] == "paid"
    assert (office.hears(here.caller), office.hears(here.ana)) == ({ANA}, set())
    assert office.ordered(here.caller, "hold") == ""
    assert office.ordered(here.caller, "unmute", party="customer") == ""
    assert office.ordered(here.caller, "resume") == ""
    assert here.talks
