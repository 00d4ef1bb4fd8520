"""Speech may be understood in one language and not in another: then only the one invites to speak."""

from __future__ import annotations

import datetime as dt

from ivr.flow.effects import Collect
from ivr.flow.inputs import Keys, Started
from ivr.flow.load import load
from ivr.flow.session import Session, speech
from ivr.flow.step import step
from tests.voice.line import FLOWS, PROMPTS

NOW = dt.datetime(2026, 11, 23, 15, 0, tzinfo=dt.UTC)


def test_a_language_without_a_recogniser_has_keys_only() -> None:
    from ivr.actions import specs

    flows = load(FLOWS, PROMPTS, specs())
    session = Session("s", "c", "sip", speech(["en"]), flows.hash, "en")
    session, english = step(flows, session, Started(), NOW)
    session, spanish = step(flows, session, Keys("9"), NOW)
    asked = [next(effect for effect in effects if isinstance(effect, Collect)) for effects in (english, spanish)]
    assert [ask.speech for ask in asked] == [True, False]
    assert [ask.language for ask in asked] == ["en", "es"]
    assert asked[0].prompts[0].id.endswith("_speech")
    assert not asked[1].prompts[0].id.endswith("_speech")
