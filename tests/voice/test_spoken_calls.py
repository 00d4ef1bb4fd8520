"""Callers who speak, on real SIP calls with recorded speech and the real recogniser."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from callcenter.events import of_contact
from callcenter.tables import payments
from callcenter.tables import sessions as sessions_table
from ivr.actions import specs
from ivr.channels.leg import Clip, PlayEnded
from ivr.channels.voice.ear import Ear
from ivr.channels.voice.hold import Said
from ivr.channels.voice.line import Line as VoiceLine
from ivr.channels.voice.overheard import Overheard
from ivr.flow.effects import Enqueue
from ivr.flow.inputs import Input
from ivr.flow.load import load
from ivr.flow.session import Session
from ivr.prompts.catalogue import Catalogue
from ivr.prompts.parts import Part, Prompt
from ivr.rehearsal.reading import read_scripts
from ivr.rehearsal.run import perform
from ivr.rehearsal.script import Script
from ivr.speech.music import music
from ivr.speech.recognise.service import RecognitionService
from ivr.speech.renderer import Renderer
from ivr.speech.voices import all_voices
from tests.secrecy import assert_lands_nowhere
from tests.voice.line import FLOWS, PROMPTS, Line
from tests.voice.sip_phone import SipPhone
from tests.voice.test_scripted_calls import ScriptedLobby

pytestmark = [pytest.mark.sip, pytest.mark.slow, pytest.mark.timeout(240)]

CARD = "378282246310005"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], bytes]]:
    """Words as another voice than the demo's says them."""
    voices = [voice for voice in all_voices() if "piper" in voice.name]
    if not voices:
        pytest.skip("needs Piper: pip install 'callwright[voice]'")
    renderer = Renderer(tmp_path_factory.mktemp("recorded"), Catalogue.load(PROMPTS), voices=voices)

    def speech(words: str) -> bytes:
        prompt = Prompt((Part("text", words),), "en")
        return b"".join(clip.ulaw for clip in renderer.clips_sync(prompt))

    yield speech
    renderer.close_sync()


@pytest.fixture
def line(tmp_path: Path, audio: Path) -> Iterator[Line]:
    recognition = RecognitionService(("en",), workers=1, deadline=20)  # a busy machine is slow, not wrong
    if not recognition.pools:
        pytest.skip("needs a recogniser: pip install 'callwright[speech]'")
    with Line(tmp_path, audio, recognition=recognition) as line:
        line.run(recognition.ready(), 90)
        yield line


def say(phone: SipPhone, audio: bytes) -> None:
    phone.wait(0.2)
    phone.speak(audio)


def events(line: Line, kind: str) -> list[dict[str, object]]:
    with line.engine.connect() as connection:
        contact = connection.execute(sa.select(sessions_table.c.contact_id)).scalar_one()
        return [dict(event.data) for event in of_contact(connection, contact) if event.kind == kind]


def test_a_bill_is_paid_by_voice_alone_and_its_card_lands_nowhere(
    line: Line, recorded: Callable[[str], bytes], tmp_path: Path
) -> None:
    phone = line.call()
    for heard, words in (
        ("main.how_can_we_help", "pay a bill"),
        ("pay.ask_account", "one zero two zero three zero four zero"),
        ("pay.how_much", "pay in full"),
        ("pay.ask_card", "three seven eight two, eight two two four six three, one zero zero zero five"),
        ("pay.ask_expiry", "one two two nine"),
        ("pay.ask_security_code", "one two three four"),
    ):
        assert phone.hears(heard), events(line, "heard")
        say(phone, recorded(words))
    assert phone.hears("pay.approved"), events(line, "heard")
    phone.hang_up()
    phone.close()
    with line.engine.connect() as connection:
        payment = connection.execute(sa.select(payments)).one()
    assert events(line, "heard"), "the transcript is on record"
    assert (payment.status, payment.amount, payment.card_last4) == ("approved", 8450, CARD[-4:])
    assert all(event["words"] == "•••" for event in events(line, "heard") if event["step"] in ("card", "security_code"))
    # The flows of `versions/` hold the demo's scripted calls, with this very card.
    written = [path for path in tmp_path.iterdir() if path.name != "versions"]
    assert_lands_nowhere(written, [CARD])


def test_a_bill_is_paid_half_by_voice_and_half_by_keys(
    line: Line, recorded: Callable[[str], bytes], tmp_path: Path
) -> None:
    phone = line.call()
    for heard, words, keys in (
        ("main.how_can_we_help", "pay a bill", ""),
        ("pay.ask_account", "", "10203040"),
        ("pay.how_much", "pay another amount", ""),
        ("pay.ask_amount", "twenty five dollars", ""),
        ("system.confirm", "", "1"),
        ("pay.ask_card", "", f"{CARD}#"),
        ("pay.ask_expiry", "one two two nine", ""),
        ("pay.ask_security_code", "", "1234"),
    ):
        assert phone.hears(heard), events(line, "heard")
        say(phone, recorded(words)) if words else phone.press(keys)
    assert phone.hears("pay.approved"), events(line, "heard")
    phone.hang_up()
    phone.close()
    with line.engine.connect() as connection:
        payment = connection.execute(sa.select(payments)).one()
    assert (payment.status, payment.amount, payment.card_last4) == ("approved", 2500, CARD[-4:])
    written = [path for path in tmp_path.iterdir() if path.name != "versions"]
    assert_lands_nowhere(written, [CARD])


@pytest.mark.parametrize(
    "words",
    [
        "what are your hours today",
        "opening hours",
        "are you open right now",
        "when do you close tonight",
        "how late are you open",
    ],
)
def test_the_hours_are_asked_for_in_the_callers_own_words(
    line: Line, recorded: Callable[[str], bytes], words: str
) -> None:
    phone = line.call()
    assert phone.hears("main.how_can_we_help")
    say(phone, recorded(words))
    heard = phone.listen(lambda one: one.id.startswith("hours."))
    assert heard, events(line, "heard")
    assert heard[-1].id.startswith("hours."), heard
    phone.hang_up()
    phone.close()


def test_keys_still_work_when_the_recogniser_is_killed(line: Line, recorded: Callable[[str], bytes]) -> None:
    recognition = line.service._recognition
    assert recognition is not None
    phone = line.call()
    assert phone.hears("main.how_can_we_help")
    for pool in recognition.pools:
        for worker in pool.pids:
            os.kill(worker, signal.SIGKILL)
    say(phone, recorded("pay a bill"))
    phone.press("1")
    assert phone.hears("pay.ask_account")
    phone.hang_up()
    phone.close()


class SpokenLobby(ScriptedLobby):
    """Waiting goes as the script says; who is heard over which music is real."""

    async def wait(
        self, line: VoiceLine, session: Session, effect: Enqueue, intro: Awaitable[Sequence[Clip]] | None = None,
        ear: Ear | None = None,
    ) -> Input:  # fmt: skip
        room, wake = self._rooms[session.called], asyncio.Event()
        room.enter(effect, line.now())
        overheard = Overheard(line, ear, effect.listen, wake)
        said = Said(line, [music()], intro, overheard, wake)
        try:
            while True:
                wake.clear()
                said.go_on()
                words = overheard.take(said.music)
                if words is not None:
                    line.leg.stop()
                    return words
                woken = asyncio.ensure_future(wake.wait())
                event = await line.event(room.due, until=woken)
                woken.cancel()
                if isinstance(event, PlayEnded):
                    said.ended(event)
                elif event is None and room.due is not None and line.now() >= room.due and not overheard.speaking:
                    return room.fire(line.now())
        finally:
            said.close()


class SpeakingPhone(SipPhone):
    """Says a script's words aloud."""

    recorded: Callable[[str], bytes]

    def say(self, words: str) -> None:
        self.wait(1.0)
        self.speak(self.recorded(words))


SPOKEN = [script for script in read_scripts(FLOWS / "calls", load(FLOWS, PROMPTS, specs()))[0] if script.call.speech]


@pytest.mark.parametrize("script", SPOKEN, ids=lambda script: script.name)
def test_a_scripted_call_by_voice(
    script: Script, recorded: Callable[[str], bytes], tmp_path: Path, audio: Path
) -> None:
    recognition = RecognitionService(("en",), workers=1, deadline=20)
    if not recognition.pools:
        pytest.skip("needs a recogniser: pip install 'callwright[speech]'")
    with Line(tmp_path, audio, recognition=recognition, clock=lambda: script.begin) as line:
        line.run(recognition.ready(), 90)
        line.service.lobby = SpokenLobby([script])
        phone = SpeakingPhone(line, script.call.caller, script.name, 101)
        phone.recorded = recorded
        outcome = perform(script, "voice", phone)
    transcript = "\n".join(f"{said.at:7.2f} {said.who:6} {said.what}" for said in outcome.transcript)
    assert outcome.passed, "\n".join(map(str, outcome.problems)) + "\n" + transcript
