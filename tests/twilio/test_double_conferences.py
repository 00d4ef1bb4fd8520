"""What the stand-in for Twilio holds to in conferences: who puts whom out, who hears keys, what a recording has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from ivr.rehearsal.twilio_double import Answer, Call, Twilio
from ivr.rehearsal.twilio_double.tape import Tape

ROOM = '<Response><Dial action="/after"><Conference {how}>room</Conference></Dial></Response>'
GATHER = '<Response><Gather action="/keyed" timeout="5"><Say>Key it.</Say></Gather></Response>'


@dataclass
class Documents:
    """Serves documents by path, and notes what was asked."""

    documents: dict[str, str]
    asked: list[str] = field(default_factory=list)

    def get(self, url: str) -> Answer:
        return Answer(200, "audio/wav", b"")

    def post(self, url: str, params: Mapping[str, str | Sequence[str]], headers: Mapping[str, str]) -> Answer:
        path = "/" + url.partition("//")[2].partition("/")[2]
        self.asked.append(path)
        return Answer(200, "text/xml", self.documents.get(path, "<Response><Hangup/></Response>").encode())


@pytest.fixture
def twilio() -> Twilio:
    served = Documents(
        {"/a": ROOM.format(how='endConferenceOnExit="true"'), "/b": ROOM.format(how=""), "/keys": GATHER}
    )
    return Twilio(served, "token", "https://voice.example.com", fallback_url=None, status_url=None)


def joins(twilio: Twilio, path: str) -> Call:
    return twilio.call(url=f"https://voice.example.com{path}").start()


def asked(twilio: Twilio) -> list[str]:
    assert isinstance(twilio.transport, Documents)
    return twilio.transport.asked


def test_who_is_redirected_leaves_the_conference_and_its_action_is_not_asked(twilio: Twilio) -> None:
    ann, bob = joins(twilio, "/b"), joins(twilio, "/b")
    [room] = twilio.conferences
    ann.redirect("/keys")
    assert (ann.conference, ann.asks) == (None, "gather")
    assert "/after" not in asked(twilio)
    assert not room.over, "one participant stays"
    assert bob.conference is room
    assert room.hears(bob.sid) == set(), "... in silence"
    ann.redirect("/b")
    assert ann.conference is room
    assert room.hears(bob.sid) == {ann.sid}


def test_who_ends_the_conference_on_leaving_puts_all_others_out(twilio: Twilio) -> None:
    ann, bob = joins(twilio, "/a"), joins(twilio, "/b")
    [room] = twilio.conferences
    ann.redirect("/keys")
    assert room.over
    assert asked(twilio).count("/after") == 1, "of the other, whose <Dial> has ended"
    assert bob.over


def test_keys_are_heard_by_those_who_hear_the_presser_and_recorded(twilio: Twilio) -> None:
    ann, bob, eve = (joins(twilio, "/b") for _ in range(3))
    [room] = twilio.conferences
    room.participants[eve.sid].hold = True
    tape = Tape(ann, "", "dual")
    ann.tapes.append(tape)
    ann.press("12")
    assert [room.participants[call.sid].keys for call in (ann, bob, eve)] == ["", "12", ""]
    room.participants[ann.sid].muted = True
    ann.press("3")
    assert room.participants[bob.sid].keys == "12"
    tape.becomes("paused")
    ann.press("4")
    tape.becomes("in-progress")
    ann.redirect("/keys")
    ann.press("5")
    assert tape.keys == "1235", "a <Gather> keeps nothing off the recording; a pause does"
    assert room.participants[bob.sid].keys == "12"


@pytest.mark.parametrize(("held", "code"), [(False, None), (True, 16027)])
def test_who_is_on_hold_can_not_be_whispered_to_by_who_comes(twilio: Twilio, held: bool, code: int | None) -> None:
    ann, _ = joins(twilio, "/b"), joins(twilio, "/b")
    [room] = twilio.conferences
    room.participants[ann.sid].hold = held
    assert isinstance(twilio.transport, Documents)
    twilio.transport.documents["/coach"] = ROOM.format(how=f'coach="{ann.sid}"')
    coach = joins(twilio, "/coach")
    assert [failure.code for failure in coach.failures] == ([] if code is None else [code])
    assert (coach.conference is room) == (code is None)
