"""Waiting on Twilio when something is missing: the store, the process that should have asked it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callcenter import emergency
from callcenter.redis_client import connect
from ivr import emergency as announcements
from ivr.channels.twilio import calls as calls_module
from ivr.channels.twilio.twiml import Fold
from ivr.channels.twilio.waiting import Waiting, music_again, queued_again
from ivr.flow.effects import Enqueue, RequestCallback
from ivr.flow.inputs import CallbackBooked, Input, Keys, Queued
from ivr.flow.session import Session
from ivr.queue_config import PublishedQueues
from ivr.rehearsal.twilio_double import Call, rules
from tests.twilio.support import BASE_URL, Line, line, other_process, settings, words
from tests.valkey import Valkey

DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?><Response><Say>First.</Say><Gather action="/a" input="dtmf" \
numDigits="1" timeout="1"><Say>You are number 2.</Say><Say>Press 1.</Say><Play>https://x.example/m.wav</Play></Gather>\
<Redirect>/twilio/voice/s/3/waiting/2</Redirect></Response>"""


def test_music_again_says_nothing_again() -> None:
    again = queued_again(DOCUMENT)
    assert again == music_again(DOCUMENT, 2)
    root = rules.parse(again.encode(), "text/xml")
    assert [child.tag for child in root] == ["Gather", "Redirect"]
    assert [child.tag for child in root[0]] == ["Play"]
    assert (root[1].text or "").endswith("/3/waiting/2")
    plain = "<Response><Say>First.</Say><Play>/m.wav</Play><Redirect>/twilio/voice/s/3/waiting/1</Redirect></Response>"
    assert [child.tag for child in rules.parse(queued_again(plain).encode(), "text/xml")] == ["Play", "Redirect"]


def test_what_is_no_waiting_document_stays_as_it_is() -> None:
    for document in ("<Response><Hangup/></Response>", "<Response><Redirect>/x/wait/b00t</Redirect></Response>"):
        assert queued_again(document) == document


def test_without_a_store_callers_take_another_way(phone_line: Line) -> None:
    call = phone_line.call()
    call.finish_speaking()
    call.press("0")
    assert not call.over
    assert "enqueue" not in phone_line.kinds(call)


def test_a_store_that_goes_away_is_not_heard(tmp_path: Path, mortal_valkey: Valkey) -> None:
    made = line(settings(tmp_path, redis_url=mortal_valkey.url, twilio_sip_host="sip.example.com"))
    try:
        queues = PublishedQueues(made.runner.published, connect(mortal_valkey.url)).queues
        queues.sign_in(next(iter(queues.config.agents)))
        call = made.call()
        call.finish_speaking()
        call.press("0")
        assert "/waiting/" in made.session(call).reply
        mortal_valkey.kill()
        heard = len(call.heard)
        call.wait(45)
        assert len(call.heard) > heard
        assert all(one.audio for one in call.heard[heard:])
        later = made.call()
        later.finish_speaking()
        later.press("0")
        assert not later.over
        assert words(later)[-1]
        call.hang_up()
        assert call.failures == later.failures == []
        queues.client.close()
    finally:
        made.close()


def test_who_waits_is_told_what_a_supervisor_announces_and_waits_on(
    tmp_path: Path, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcements, "LATELY", 0.0)  # the double's clock is quicker than ours
    made = line(settings(tmp_path, redis_url=valkey.url))
    try:
        queues = PublishedQueues(made.runner.published, connect(valkey.url)).queues
        agent = next(name for name in queues.config.agents if queues.config.serves(name, "general"))
        queues.sign_in(agent, device="+12025550190")
        queues.set_presence(agent, "unavailable", "lunch")
        call = made.call()
        call.finish_speaking()
        call.press("0")
        assert "/waiting/" in made.session(call).reply
        with made.engine.begin() as conn:
            emergency.begin(conn, "general", {"en": "The river is rising."}, by="agent:sam", at=made.runner.now())
        call.wait(90)
        assert [text for text in words(call) if "river" in text] == ["The river is rising."]
        assert made.kinds(call).count("announced") == 1
        assert queues.entry(made.session(call).contact_id)["state"] == "waiting"
        with made.engine.begin() as conn:
            emergency.begin(
                conn, emergency.ALL, {"en": "Go home."}, then="hang_up", by="agent:sam", at=made.runner.now()
            )
        later = made.call()
        later.finish_speaking()
        assert later.over
        assert [text for text in words(later) if text] == ["Go home."]
        call.hang_up()
        assert call.failures == later.failures == []
        queues.client.close()
    finally:
        made.close()


class Nobody:
    """Queues that nobody is ever asked for."""

    def enter(self, session: Session, effect: Enqueue) -> Input:
        return Queued()

    def book(self, session: Session, request: RequestCallback) -> Input:
        return CallbackBooked(True)

    def leave(self, contact_id: str, reason: str) -> None: ...


@pytest.fixture
def waiting_line(tmp_path: Path) -> Iterator[Line]:
    """The demo company, whose callers may wait."""
    nobody: Any = Nobody()
    made = line(settings(tmp_path), waiting=Waiting(lambda: nobody))
    yield made
    made.close()


def test_a_wish_that_died_with_its_process_leaves_nobody_in_a_circle(
    waiting_line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls_module, "HOLD", 0.0)
    call = waiting_line.call()
    stored = waiting_line.session(call)
    fold = Fold(BASE_URL)
    turn = waiting_line.runner.feed(stored.id, Keys("0"), seq=stored.seq, render=fold.reply)
    assert any(isinstance(effect, Enqueue) for effect in turn.effects)
    assert "/wait/" in turn.reply, "the process dies here: nobody has asked for a place"
    calls = other_process(waiting_line.runner, fold)
    reply = calls.wait(stored.id, turn.session.seq, fold.boot)
    assert f"/{turn.session.seq}/wait/" not in reply
    assert "queue_refused" in waiting_line.kinds(call)


def test_a_choice_is_said_when_choices_are_told_and_keyed_at_any_time(tmp_path: Path, valkey: Valkey) -> None:
    made = line(settings(tmp_path, redis_url=valkey.url, twilio_speech=True))
    try:
        queues = PublishedQueues(made.runner.published, connect(valkey.url)).queues
        agent = next(name for name in queues.config.agents if queues.config.serves(name, "general"))
        queues.sign_in(agent, device="+12025550190")
        queues.set_presence(agent, "unavailable", "lunch")

        def waits() -> Call:
            call = made.call()
            call.finish_speaking()
            call.press("0")
            return call

        def last(call: Call) -> str:
            """The last words, whatever music came after them."""
            return [said for said in words(call) if said][-1]

        call = waits()
        assert call.gather is not None
        assert call.gather.get("input") == "dtmf speech"
        assert {"call me back", "leave a message"} <= set(call.gather.get("hints", "").split(","))
        assert last(call) == "You can also say it."
        call.say("did you feed the dog", 0.9)
        assert call.gather.get("input") == "dtmf speech"
        assert last(call) == "You can also say it.", "it was said to somebody else"
        call.wait(25)
        assert call.gather.get("input") == "dtmf", "only while choices are told"
        assert (call.gather.get("hints"), call.gather.get("speechTimeout")) == (None, None)
        call.press("1")
        assert last(call).startswith("We will call you")
        call.hang_up()
        sure, likely = waits(), waits()
        sure.say("call me back", 0.9)
        assert last(sure).startswith("We will call you")
        likely.say("call me back", 0.5)
        assert last(likely) == "Would you like to be called back without losing your place?"
        assert queues.entry(made.session(likely).contact_id)["paused"] == "1"
        likely.say("no", 0.9)
        assert "Thank you for waiting." in words(likely)
        assert queues.entry(made.session(likely).contact_id).get("paused", "") == ""
        assert call.failures == sure.failures == likely.failures == []
        queues.client.close()
    finally:
        made.close()
