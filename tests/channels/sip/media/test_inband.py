"""In-band tones: found under the conditions of ITU-T Q.24, and not found in speech."""

import subprocess
import wave
from collections.abc import Set
from pathlib import Path

import numpy as np
import pytest

from ivr.channels.sip.media import inband
from ivr.channels.sip.media.g711 import encode_ulaw
from ivr.channels.sip.media.inband import ToneDetector, tone
from tests.tools import need

DIGITS = "0123456789*#ABCD"


def silence(ms: int) -> np.ndarray:
    return np.zeros(ms * 8, np.int16)


def keys(samples: np.ndarray, *, lose: Set[int] = frozenset()) -> str:
    """What the detector makes of one call's audio; frames whose index is in `lose` never come."""
    detector = ToneDetector()
    row = detector.add()
    coded = encode_ulaw(samples)
    found = ""
    for index in range(len(coded) // 160):
        if index in lose:
            detector.lost(row)
            continue
        detector.push(row, coded[index * 160 : index * 160 + 160])
        found += "".join(key for _, key in detector.run())
    return found


def dialled(digits: str, *, on: int = 80, off: int = 80, start: int = 40, **how: float) -> np.ndarray:
    parts = [silence(start)]
    for digit in digits:
        parts += [tone(digit, on * 8, **how), silence(off)]
    return np.concatenate([*parts, silence(60)])


@pytest.mark.parametrize("start", [0, 3, 7, 11, 17])
@pytest.mark.parametrize("level", [-6.0, -20.0, -35.0])
def test_every_key_is_found_once_at_any_level_and_offset(level: float, start: int) -> None:
    assert keys(dialled(DIGITS, level=level, start=start)) == DIGITS


@pytest.mark.parametrize("start", range(0, 20, 3))
def test_fast_dialling_and_repeated_keys(start: int) -> None:
    assert keys(dialled("1122990*##", on=50, off=60, start=start)) == "1122990*##"


def test_a_long_press_is_one_key() -> None:
    assert keys(dialled("5", on=3000)) == "5"


def test_a_lost_frame_within_a_tone_is_no_new_key() -> None:
    samples = dialled("58", on=400, off=100)
    for lost in range(3, 20):
        assert keys(samples, lose={lost}) == "58", lost


def test_a_tone_too_short_to_be_a_key_is_none() -> None:
    assert keys(dialled(DIGITS, on=20)) == ""


@pytest.mark.parametrize("twist", [-6.0, 6.0])
def test_uneven_tones_are_found(twist: float) -> None:
    def uneven(low: float, high: float) -> np.ndarray:
        time = np.arange(640) / 8000
        weaker = 10 ** (-abs(twist) / 20)
        gains = (1.0, weaker) if twist < 0 else (weaker, 1.0)
        return (6000 * (gains[0] * np.sin(2 * np.pi * low * time) + gains[1] * np.sin(2 * np.pi * high * time))).astype(
            np.int16
        )

    for row, low in enumerate(inband.LOW):
        for column, high in enumerate(inband.HIGH):
            assert keys(np.concatenate([silence(33), uneven(low, high), silence(60)])) == inband.KEYS[row][column]


@pytest.mark.parametrize("off_by", [-0.015, 0.015])
def test_tones_within_q24s_frequency_tolerance(off_by: float) -> None:
    time = np.arange(640) / 8000 * (1 + off_by)
    for row, low in enumerate(inband.LOW):
        for column, high in enumerate(inband.HIGH):
            pair = 5000 * (np.sin(2 * np.pi * low * time) + np.sin(2 * np.pi * high * time))
            assert keys(np.concatenate([silence(33), pair.astype(np.int16), silence(60)])) == inband.KEYS[row][column]


def test_keys_are_found_in_noise_and_noise_alone_has_none() -> None:
    generator = np.random.default_rng(7)
    samples = dialled(DIGITS * 3, on=100, off=100)
    power = 2 * (0.5 * (32767 * 10 ** (-10 / 20)) ** 2)
    noise = generator.normal(0, np.sqrt(power / 10 ** (15 / 10)), len(samples))
    assert keys(np.clip(samples + noise, -32768, 32767).astype(np.int16)) == DIGITS * 3
    assert keys(np.clip(generator.normal(0, 6000, 8000 * 60), -32768, 32767).astype(np.int16)) == ""


def test_music_like_pairs_of_single_tones_are_no_keys() -> None:
    time = np.arange(8000) / 8000
    for frequency in (*inband.LOW, *inband.HIGH, 350, 440, 480, 620, 1000):
        assert keys((8000 * np.sin(2 * np.pi * frequency * time)).astype(np.int16)) == ""
    dial_tone = 5000 * (np.sin(2 * np.pi * 350 * time) + np.sin(2 * np.pi * 440 * time))
    assert keys(dial_tone.astype(np.int16)) == ""


def test_speech_is_not_taken_for_keys(tmp_path: Path) -> None:
    """Talk-off: some three minutes of seven synthetic voices, loud."""
    espeak, sox = need("espeak-ng", "espeak-ng"), need("sox", "sox")
    text = (
        "Hello, I would like to pay my electricity bill please. My account number is four two seven one, nine nine "
        "eight oh. No, I said eight! Yeah, uh huh. We were wondering how you feel about the weather in January. "
        "Beep, boop, meow. The early bird eats weevils. Aaah, oooh, eeee, you owe me nothing, do you hear?"
    )
    for number, (voice, pitch) in enumerate(
        [("en", 30), ("en+f3", 80), ("en-us+m3", 10), ("en+f5", 99), ("es", 50), ("de+f2", 70), ("it+croak", 60)]
    ):
        raw, telephone = tmp_path / f"{number}.wav", tmp_path / f"{number}-8.wav"
        subprocess.run([espeak, "-v", voice, "-p", str(pitch), "-a", "180", "-w", raw, text], check=True)
        subprocess.run([sox, "-V1", "-G", raw, "-r", "8000", "-b", "16", telephone, "norm", "-3"], check=True)
        with wave.open(str(telephone)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        assert len(samples) > 8000 * 15
        assert keys(samples) == "", voice


def test_calls_do_not_hear_each_other() -> None:
    detector = ToneDetector()
    rows = [detector.add() for _ in range(40)]
    audio = [encode_ulaw(dialled(DIGITS[n % 16] * 2, start=n % 19)) for n in range(40)]
    found = dict.fromkeys(rows, "")
    for frame in range(max(map(len, audio)) // 160):
        for row, coded in zip(rows, audio, strict=True):
            if len(piece := coded[frame * 160 : frame * 160 + 160]) == 160:
                detector.push(row, piece)
        for row, key in detector.run():
            found[row] += key
    assert [found[row] for row in rows] == [DIGITS[n % 16] * 2 for n in range(40)]


def test_frames_queued_for_one_turn_are_taken_in_order_and_a_removed_call_is_forgotten() -> None:
    detector = ToneDetector()
    gone, stays = detector.add(), detector.add()
    coded = encode_ulaw(dialled("7"))
    for start in range(0, len(coded) - 159, 160):
        detector.push(gone, coded[start : start + 160])
        detector.push(stays, coded[start : start + 160])
    detector.remove(gone)
    assert list(detector.run()) == [(stays, "7")]
    again = detector.add()
    assert again == gone
    assert not detector.sounding(again)
