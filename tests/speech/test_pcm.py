"""Audio samples: rates, loudness, silence, mu-law."""

import numpy as np
import pytest

from ivr.channels.leg import FRAME_BYTES
from ivr.speech import pcm


def sine(hertz: float, rate: int, seconds: float = 1.0, size: float = 0.5) -> pcm.Samples:
    return (size * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def rms(samples: pcm.Samples) -> float:
    return float(np.sqrt(np.mean(samples[800:-800] ** 2)))


@pytest.mark.parametrize("rate", [22050, 44100, 48000, 16000, 11025, 6000])
def test_resampling_keeps_speech_and_its_length(rate: int) -> None:
    out = pcm.resample(sine(1000, rate), rate)
    assert abs(len(out) - 8000) <= 1
    assert np.abs(out[800:-800] - sine(1000, 8000)[800 : len(out) - 800]).max() < 0.005


@pytest.mark.parametrize("hertz", [4400, 5000, 7000, 10000])
def test_resampling_lets_nothing_fold_back(hertz: int) -> None:
    """A tone above 4 kHz would come back as a whistle: here it is down by 60 dB and more."""
    assert rms(pcm.resample(sine(hertz, 22050), 22050)) < 0.5 / np.sqrt(2) / 1000


def test_resampling_in_blocks_has_no_seams() -> None:
    out = pcm.resample(sine(440, 22050, seconds=9), 22050)
    assert np.abs(out[800:-800] - sine(440, 8000, seconds=9)[800:-800]).max() < 0.005


@pytest.mark.parametrize("size", [0.01, 0.1, 0.9])
def test_loudness_is_the_same_whatever_came_in(size: float) -> None:
    speech = sine(300, 8000, size=size) * (np.arange(8000) % 2000 < 1200)
    level = 20 * np.log10(pcm.speech_level(pcm.level(speech)))
    assert level == pytest.approx(pcm.SPEECH_DBFS, abs=0.5)


def test_peaks_are_bent_not_clipped() -> None:
    rng = np.random.default_rng(7)
    peaky = (rng.laplace(size=16000) ** 3).astype(np.float32) / np.float32(1000)
    assert np.abs(pcm.level(peaky)).max() < 1.0


def test_silence_at_the_ends_is_cut_to_50_ms() -> None:
    padded = np.concatenate([np.zeros(4000), sine(500, 8000), np.zeros(8000)]).astype(np.float32)
    assert len(pcm.trim(padded)) == pytest.approx(8000 + 2 * 400, abs=160)


def test_silence_and_nothing_pass_through() -> None:
    for samples in (np.zeros(1000, np.float32), np.zeros(0, np.float32), np.zeros(3, np.float32)):
        assert pcm.telephone(samples, 22050) == b"\0\0" * len(pcm.resample(samples, 22050))


def test_mu_law_is_padded_to_whole_frames_and_comes_back() -> None:
    samples = sine(700, 8000, seconds=0.03)
    encoded = pcm.ulaw(pcm.to_pcm16(samples))
    assert len(encoded) == 2 * FRAME_BYTES
    back = pcm.from_pcm16(pcm.pcm16(encoded))
    assert np.abs(back[: len(samples)] - samples).max() < 0.03
    assert not back[len(samples) :].any()


def test_beep_and_silence() -> None:
    beep = pcm.from_pcm16(pcm.pcm16(pcm.beep().ulaw))
    spectrum = np.abs(np.fft.rfft(beep))
    assert int(np.argmax(spectrum)) * 8000 / len(beep) == pytest.approx(1000, abs=5)
    assert abs(beep[0]) < 0.01
    assert pcm.silence(0.25).seconds == pytest.approx(0.25, abs=0.0101)
    assert pcm.silence(0).seconds == 0.02
    assert pcm.silence(0.1).key != pcm.silence(0.2).key
