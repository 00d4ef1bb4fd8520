"""Who goes during a payment that an agent takes on Twilio, and who else is there."""

from __future__ import annotations

from tests.twilio.office import ANA, BEN, DANA, Open
from tests.twilio.paying import Counter, counter, paid, while_charged
from tests.twilio.support import CARD

# Who goes


def test_the_caller_hangs_up_while_keying(open_office: Open) -> None:
    office = open_office("ana")
    here = counter(office)
    here.asked()
    here.caller.press(CARD[:7])
    here.caller.hang_up()
    office.step()
    assert here.ana.over
    assert (here.payments, [row.ended for row in here.sessions]) == ([], [True])
    assert (here.shown["state"], here.shown["result"]) == ("ended", "stopped")
    assert [one["result"] for one in here.ended] == ["interrupted"]
    assert office.offer(here.caller).state in ("wrap_up", "done")


def test_the_caller_hangs_up_while_the_card_is_charged(open_office: Open) -> None:
    office = open_office("ana")
    here = counter(office)
    here.asked()
    with while_charged(office, here.caller.hang_up):
        here.keys_card()
    office.step()
    office.orders.look()
    assert here.ana.over
    assert (here.charged, len(here.receipts), here.shown["result"]) == (1, 1, "paid")
    assert [row.ended for row in here.sessions] == [True]


def test_the_agent_hangs_up_and_the_caller_waits_for_another(open_office: Open) -> None:
    office = open_office("ana")
    here = counter(office)
    joined = office.queues.entry(here.contact)["joined_at"]
    office.queues.set_presence("ana", "unavailable", "lunch")
    here.asked()
    here.caller.press(CARD[:7])
    here.ana.hang_up()
    office.step()
    entry = office.queues.entry(here.contact)
    assert (entry["state"], entry["joined_at"]) == ("waiting", joined)
    assert here.caller.heard[-1].audio.endswith("/audio/music-1.wav")
    assert (here.payments, [row.ended for row in here.sessions]) == ([], [True])
    assert here.shown["result"] == "stopped"
    office.queues.sign_in("ben")
    ben = office.rung().start()
    office.step()
    assert (office.hears(here.caller), office.hears(ben)) == ({BEN}, {DANA})
    again = Counter(office, here.caller, ben, here.contact, by="ben")
    again.asked()
    paid(again)


def test_the_agent_hangs_up_while_the_card_is_charged(open_office: Open) -> None:
    office = open_office("ana")
    here = counter(office)
    office.queues.set_presence("ana", "unavailable", "lunch")
    here.asked()
    with while_charged(office, here.ana.hang_up):
        here.keys_card()
    office.step()
    office.orders.look()
    assert office.state(here.caller) == "waiting"
    assert here.caller.heard[-1].audio.endswith("/audio/music-1.wav")
    assert (here.charged, len(here.receipts), here.shown["result"]) == (1, 1, "paid")
    assert [row.ended for row in here.sessions] == [True]


# Others


def test_a_supervisor_hears_what_the_agent_hears(open_office: Open) -> None:
    office = open_office("ana", "ben")
    office.queues.set_presence("ben", "unavailable", "lunch")
    here = counter(office)
    assert office.ordered(here.caller, "listen", by="ben") == ""
    ben = office.rung().start()
    office.step()
    here.asked()
    assert (office.hears(here.ana), office.hears(ben)) == ({"held-1.wav"}, {"held-1.wav"})
    assert office.ordered(here.caller, "whisper", by="ben") == ""
    assert (office.hears(here.ana), office.hears(ben)) == ({BEN}, {ANA})
    here.keys_card()
    office.step()
    assert (office.hears(here.caller), office.hears(here.ana)) == ({ANA}, {DANA, BEN})
    assert (ben.failures, here.shown["result"]) == ([], "paid")


def test_a_supervisor_begins_to_whisper_during_it(open_office: Open) -> None:
    office = open_office("ana", "ben")
    office.queues.set_presence("ben", "unavailable", "lunch")
    here = counter(office)
    here.asked()
    assert "payment" in office.ordered(here.caller, "take_over", by="ben")
    assert office.ordered(here.caller, "whisper", by="ben") == ""
    ben = office.rung().start()
    office.step()
    assert ben.failures == []
    assert (office.hears(here.ana), office.hears(ben)) == ({BEN}, {ANA})
    here.keys_card()
    office.step()
    assert (office.hears(here.caller), office.hears(here.ana)) == ({ANA}, {DANA, BEN})


def test_a_supervisor_who_had_joined_goes_on_without_the_payment(open_office: Open) -> None:
    office = open_office("ana", "ben")
    office.queues.set_presence("ben", "unavailable", "lunch")
    here = counter(office)
    assert office.ordered(here.caller, "join", by="ben") == ""
    ben = office.rung().start()
    office.step()
    here.asked()
    assert (office.hears(here.ana), office.hears(ben)) == ({BEN}, {ANA})
    here.ana.hang_up()
    office.step()
    assert (office.hears(here.caller), office.hears(ben)) == ({BEN}, {DANA})
    assert (here.payments, [row.ended for row in here.sessions]) == ([], [True])


def test_a_caller_who_was_transferred_before(open_office: Open) -> None:
    office = open_office("ana", "ben")
    office.queues.set_presence("ben", "unavailable", "lunch")
    here = counter(office)
    assert office.ordered(here.caller, "transfer", to={"agent": "ben"}) == ""
    ben = office.rung().start()
    office.step()
    here = Counter(office, here.caller, ben, by="ben")
    here.asked()
    paid(here)


def test_who_was_called_back_pays_too(open_recording_office: Open) -> None:
    office = open_recording_office("ana")
    back, ana, contact = office.calls_back()
    here = Counter(office, back, ana, contact)
    here.asked()
    here.keys_card()
    office.step()
    assert (here.shown["result"], here.charged, len(here.receipts)) == ("paid", 1, 1)
    assert here.talks
    here.asked()
    back.hang_up()
    office.step()
    assert ana.over
    assert [tape.keys for tape in back.tapes] == [""]
