"""What agents and supervisors order in conversations on Twilio."""

from __future__ import annotations

from typing import Any

import pytest

from ivr.rehearsal.twilio_double import Call
from ivr.rehearsal.twilio_double.rest import Refused
from tests.twilio.office import ANA, BANK, BEN, DANA, Office, Open
from tests.twilio.support import words


def test_hold_and_mute(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = office.conversation()
    assert office.ordered(dana, "hold") == ""
    assert office.hears(dana) == {"music-1.wav"}
    assert office.hears(ana) == {"held-1.wav"}
    assert office.ordered(dana, "resume") == ""
    assert (office.hears(dana), office.hears(ana)) == ({ANA}, {DANA})
    assert office.ordered(dana, "mute") == ""
    assert (office.hears(dana), office.hears(ana)) == (set(), {DANA})
    assert office.ordered(dana, "unmute") == ""
    assert office.ordered(dana, "mute", party="customer") == ""
    assert (office.hears(dana), office.hears(ana)) == ({ANA}, set())
    assert "nobody" in office.ordered(dana, "mute", party="nobody")


@pytest.mark.parametrize(
    ("verb", "args"),
    [("secret_start", {}), ("transfer", {"to": {"number": BANK}, "refer": True}), ("dance", {})],
)
def test_what_twilio_cannot_do_is_said(open_office: Open, verb: str, args: dict[str, Any]) -> None:
    office = open_office("ana")
    dana, ana = office.conversation()
    assert "by Twilio" in office.ordered(dana, verb, **args)
    assert (office.hears(dana), office.hears(ana)) == ({ANA}, {DANA})


def test_whom_twilio_cannot_ring_is_said(open_office: Open) -> None:
    office = open_office("ana", "cleo")
    dana, _ = office.conversation()
    assert "no telephone that Twilio can ring" in office.ordered(dana, "consult", to={"agent": "cleo"})
    assert "signed in" in office.ordered(dana, "consult", to={"agent": "ben"})
    assert "neither a number" in office.ordered(dana, "transfer", to={"number": "12"})
    assert office.hears(dana) == {ANA}


def consulted(office: Office, dana: Call, **to: str) -> Call:
    assert office.ordered(dana, "consult", to=to) == ""
    return office.rung()


def test_a_warm_transfer(open_office: Open) -> None:
    office = open_office("ana", "ben")
    office.queues.set_presence("ben", "unavailable", "lunch")
    dana, ana = office.conversation()
    ben = consulted(office, dana, agent="ben")
    assert ben.called == BEN
    assert (office.hears(dana), office.hears(ana)) == ({"music-1.wav"}, {"ringing-1.wav"})
    ben.start()
    office.step()
    assert (office.hears(dana), office.hears(ana), office.hears(ben)) == ({"music-1.wav"}, {BEN}, {ANA})
    assert office.ordered(dana, "complete") == ""
    assert ana.over
    assert (office.hears(dana), office.hears(ben)) == ({BEN}, {DANA})
    offer = office.offer(dana)
    assert (offer.agent_id, offer.state) == ("ben", "connected")
    assert office.ordered(dana, "hold", by="ben") == ""
    assert office.ordered(dana, "resume", by="ben") == ""
    ben.hang_up()
    office.step()
    assert not dana.over
    assert any("satisfied" in text for text in words(dana))
    assert office.offer(dana).state in ("wrap_up", "done")


def test_back_from_a_consultation(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = office.conversation()
    bank = consulted(office, dana, number=BANK).start()
    office.step()
    assert office.hears(bank) == {ANA}
    assert office.ordered(dana, "return") == ""
    assert bank.over
    assert (office.hears(dana), office.hears(ana)) == ({ANA}, {DANA})
    ana.hang_up()
    office.step()
    assert any("satisfied" in text for text in words(dana)), "the flow goes on as if nobody had been asked"


def test_three_of_them(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = office.conversation()
    bank = consulted(office, dana, number=BANK).start()
    office.step()
    assert office.ordered(dana, "merge") == ""
    assert (office.hears(dana), office.hears(ana), office.hears(bank)) == ({ANA, BANK}, {DANA, BANK}, {DANA, ANA})
    ana.hang_up()
    office.step()
    assert (office.hears(dana), office.hears(bank)) == ({BANK}, {DANA})
    assert office.queues.place(office.contact(dana)) is None or office.state(dana) == "done"
    dana.hang_up()
    office.step()
    assert bank.over


def test_a_conference_at_once(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = office.conversation()
    assert office.ordered(dana, "conference", to={"number": BANK}) == ""
    assert (office.hears(dana), office.hears(ana)) == ({ANA}, {DANA})
    bank = office.rung().start()
    office.step()
    assert office.hears(bank) == {ANA, DANA}
    bank.hang_up()
    office.step()
    assert (office.hears(dana), office.hears(ana)) == ({ANA}, {DANA})


@pytest.mark.parametrize("status", ["busy", "no-answer", "failed"])
def test_who_is_consulted_and_is_not_there(open_office: Open, status: str) -> None:
    office = open_office("ana")
    dana, ana = office.conversation()
    consulted(office, dana, number=BANK).refuse(status)
    office.step()
    assert (office.hears(dana), office.hears(ana)) == ({ANA}, {DANA})


def test_a_cold_transfer_to_a_number(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = office.conversation()
    assert office.ordered(dana, "transfer", to={"number": BANK}) == ""
    assert ana.over
    assert office.hears(dana) == {"ringing-1.wav"}
    bank = office.rung().start()
    office.step()
    assert (office.hears(dana), office.hears(bank)) == ({BANK}, {DANA})
    assert office.state(dana) == "done"
    bank.hang_up()
    office.step()
    assert any("satisfied" in text for text in words(dana))


def test_a_cold_transfer_to_an_agent(open_office: Open) -> None:
    office = open_office("ana", "ben")
    office.queues.set_presence("ben", "unavailable", "lunch")
    dana, ana = office.conversation()
    assert office.ordered(dana, "transfer", to={"agent": "ben"}) == ""
    ben = office.rung().start()
    office.step()
    assert ana.over
    assert (office.hears(dana), office.hears(ben)) == ({BEN}, {DANA})
    assert office.offer(dana).agent_id == "ben"


@pytest.mark.parametrize("status", ["busy", "no-answer", "failed"])
def test_a_transfer_that_fails_gives_the_place_back(open_office: Open, status: str) -> None:
    office = open_office("ana")
    dana, ana = office.conversation()
    office.queues.set_presence("ana", "unavailable", "lunch")
    joined = office.queues.entry(office.contact(dana))["joined_at"]
    assert office.ordered(dana, "transfer", to={"number": BANK}) == ""
    office.rung().refuse(status)
    office.step()
    assert ana.over
    assert not dana.over
    assert dana.conference is None
    assert dana.heard[-1].audio.endswith("/audio/music-1.wav")
    entry = office.queues.entry(office.contact(dana))
    assert (entry["state"], entry["joined_at"]) == ("waiting", joined)


def test_an_agent_who_hangs_up_while_somebody_rings_has_transferred(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = office.conversation()
    bank = consulted(office, dana, number=BANK)
    ana.hang_up()
    office.step()
    assert dana.conference is not None
    assert office.hears(dana) <= {"ringing-1.wav", "music-1.wav"}
    bank.start()
    office.step()
    assert (office.hears(dana), office.hears(bank)) == ({BANK}, {DANA})


def test_transfer_to_a_queue_keeps_the_joining_time(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = office.conversation()
    joined = office.queues.entry(office.contact(dana))["joined_at"]
    assert "no queue" in office.ordered(dana, "transfer", to={"queue": "nowhere"})
    assert office.ordered(dana, "transfer", to={"queue": "billing"}) == ""
    assert ana.over
    assert dana.conference is None
    assert not dana.over
    assert dana.heard[-1].audio.endswith("/audio/music-1.wav")
    entry = office.queues.entry(office.contact(dana))
    assert (entry["state"], entry["queue"], entry["joined_at"]) == ("waiting", "billing", joined)
    dana.wait(45)
    assert office.queues.entry(office.contact(dana))["queue"] == "billing"


def test_who_hangs_up_by_order_lets_the_caller_go_on(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = office.conversation()
    assert office.ordered(dana, "hang_up", by="ben")
    assert office.ordered(dana, "hang_up") == ""
    assert ana.over
    assert any("satisfied" in text for text in words(dana))


def test_a_supervisor_listens_whispers_and_joins(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = office.conversation()
    assert "no telephone" in office.ordered(dana, "listen", by="ben")
    office.queues.sign_in("ben")
    assert office.ordered(dana, "listen", by="ben") == ""
    ben = office.rung().start()
    office.step()
    room = ben.conference
    assert room is not None
    assert room is dana.conference
    assert room.hears(ben.sid) == {dana.sid, ana.sid}
    assert (room.hears(dana.sid), room.hears(ana.sid)) == ({ana.sid}, {dana.sid})
    assert office.ordered(dana, "whisper", by="ben") == ""
    assert (room.hears(dana.sid), room.hears(ana.sid)) == ({ana.sid}, {dana.sid, ben.sid})
    assert office.ordered(dana, "join", by="ben") == ""
    assert room.hears(dana.sid) == {ana.sid, ben.sid}
    ben.hang_up()
    office.step()
    assert dana.conference is ana.conference is room
    assert office.offer(dana).state == "connected"


def test_a_supervisor_may_begin_by_whispering(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = office.conversation()
    office.queues.sign_in("ben")
    assert office.ordered(dana, "whisper", by="ben") == ""
    ben = office.rung().start()
    room = ben.conference
    assert room is not None
    assert (room.hears(dana.sid), room.hears(ana.sid)) == ({ana.sid}, {dana.sid, ben.sid})


def test_a_supervisor_takes_over(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = office.conversation()
    office.queues.sign_in("ben")
    assert office.ordered(dana, "take_over", by="ben") == ""
    ben = office.rung()
    assert (office.hears(dana), office.hears(ana)) == ({ANA}, {DANA})
    ben.start()
    office.step()
    assert ana.over
    assert (office.hears(dana), office.hears(ben)) == ({BEN}, {DANA})
    assert office.offer(dana).agent_id == "ben"
    ben.hang_up()
    office.step()
    assert any("satisfied" in text for text in words(dana))


def test_a_supervisor_who_listens_hears_nothing_of_the_customer_on_hold(open_office: Open) -> None:
    office = open_office("ana", "ben")
    office.queues.set_presence("ben", "unavailable", "lunch")
    dana, ana = office.conversation()
    assert office.ordered(dana, "listen", by="ben") == ""
    ben = office.rung().start()
    office.step()
    assert office.ordered(dana, "hold") == ""
    assert (office.hears(dana), office.hears(ana), office.hears(ben)) == (
        {"music-1.wav"}, {"held-1.wav"}, {"held-1.wav"},
    )  # fmt: skip
    assert office.ordered(dana, "resume") == ""
    assert office.hears(ben) == {ANA, DANA}
    ana.hang_up()
    office.step()
    assert ben.over, "nobody is left to be listened to"


def test_who_whispers_is_never_heard_by_the_customer(open_office: Open) -> None:
    """Also when the agent to whom it is whispered hands the customer over."""
    office = open_office("ana", "ben")
    office.queues.set_presence("ben", "unavailable", "lunch")
    dana, ana = office.conversation()
    assert office.ordered(dana, "whisper", by="ben") == ""
    office.rung().start()
    office.step()
    bank = consulted(office, dana, number=BANK).start()
    office.step()
    heard: list[set[str]] = []
    office.twilio.before = lambda url: heard.append(office.hears(dana)) if dana.conference else None
    assert office.ordered(dana, "complete") == ""
    assert ana.over
    assert office.hears(bank) == {DANA, BEN}, "now it is the bank's clerk who is whispered to"
    assert office.hears(dana) == {BANK}
    assert not any(BEN in everything for everything in heard)


def test_keys_are_pressed_towards_whom_the_agent_talks_to(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = office.conversation()

    def pressed(call: Call) -> list[str]:
        assert call.conference is not None
        return call.conference.participants[call.sid].announced

    assert office.ordered(dana, "digits", digits="12*#") == ""
    assert (pressed(dana), pressed(ana)) == (["1w2w*w#"], [])
    bank = consulted(office, dana, number=BANK).start()
    office.step()
    assert office.ordered(dana, "digits", digits="7") == ""
    assert (pressed(dana), pressed(bank)) == (["1w2w*w#"], ["7"])
    assert "A to D" in office.ordered(dana, "digits", digits="1A")
    assert "keys 0-9" in office.ordered(dana, "digits", digits="12x")
    assert pressed(bank) == ["7"]


def test_keys_for_somebody_who_has_gone_are_nobody_s(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = office.conversation()
    office.rest.refuses = Refused(404, 20404, "there is no such participant")
    assert office.ordered(dana, "digits", digits="1") == ""
    assert office.ordered(dana, "hold") == "", "it goes on"
    assert office.hears(ana) == {"held-1.wav"}
