"""Calls on which Twilio recognises speech (TWILIO_SPEECH)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from callcenter.tables import payments
from tests.twilio.support import CARD, CODE, EXPIRY, Line, line, settings, words


@pytest.fixture
def spoken_line(tmp_path: Path) -> Iterator[Line]:
    """The demo company where Twilio recognises speech."""
    made = line(settings(tmp_path, twilio_speech=True))
    yield made
    made.close()


def test_callers_speak_and_secrets_are_keyed(spoken_line: Line) -> None:
    call = spoken_line.call(caller="+15550123456")
    assert call.gather is not None
    assert (call.gather.get("input"), call.gather.get("language")) == ("dtmf speech", "en-US")
    assert "pay a bill" in call.gather.get("hints", "").split(",")
    assert any(said.startswith("How can we help you? Say it in your own words") for said in words(call))
    call.say("I want to pay my last bill")
    assert words(call)[-1] == "Please say or enter your eight digit account number."
    assert call.gather.get("speechTimeout") == "2"
    call.say("one zero two zero three zero four zero")
    assert "How much would you like to pay?" in words(call)
    assert call.gather.get("speechTimeout") == "1"
    call.say("pay in full")
    assert call.gather.get("input") == "dtmf", "Twilio would keep what is said"
    assert call.gather.get("hints") is None
    assert words(call)[-1].startswith("Enter your card number")
    call.press(f"{CARD}#{EXPIRY}#{CODE}#")
    assert [row.status for row in spoken_line.rows(payments)] == ["approved"]


def test_twilio_s_confidence_is_the_flow_s_bands(spoken_line: Line) -> None:
    for confidence, heard in (
        (0.95, "Please say or enter"),
        (0.5, "Would you like to"),
        (0.1, "Sorry, I didn't get that"),
    ):
        call = spoken_line.call()
        call.say("pay a bill", confidence)
        assert any(heard in said for said in words(call)[3:]), (confidence, words(call))
        call.hang_up()


def test_words_that_mean_nothing_here_are_asked_again_and_keys_work_still(spoken_line: Line) -> None:
    call = spoken_line.call()
    call.say("purple elephants")
    assert any("Sorry" in said for said in words(call))
    call.press("2")
    assert any("open" in said for said in words(call)[-4:])


def test_without_it_nobody_is_invited_to_speak(phone_line: Line) -> None:
    call = phone_line.call()
    assert call.gather is not None
    assert call.gather.get("input") == "dtmf"
    assert not any("own words" in said for said in words(call))
