"""An agent takes a payment from a caller who came by Twilio."""

from __future__ import annotations

from tests.twilio.office import Open
from tests.twilio.paying import AMOUNT, counter
from tests.twilio.support import CARD, words


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
