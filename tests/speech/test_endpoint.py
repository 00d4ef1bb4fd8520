"""Starts and ends of speech: the reducer on made-up frames, and WebRTC's detector on sound."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from ivr.speech import pcm
from ivr.speech.endpoint import (
    FRAME_BYTES,
    FRAME_SECONDS,
    LATE_GUESS,
    LONGEST_GAP,
    NOTHING,
    PACES,
    Ended,
    Endpoint,
    EndpointEvent,
    Paused,
    Resumed,
    Started,
    webrtc,
)
from ivr.speech.recognise.worker import hum

FRAME = b"\xff" * FRAME_BYTES


def run(endpoint: Endpoint, pattern: str) -> tuple[Endpoint, list[tuple[int, EndpointEvent]]]:
    """`#` is a voiced frame, `.` a silent one. Gives each event with the number of the frame that brought it."""
    events: list[tuple[int, EndpointEvent]] = []
    for number, mark in enumerate(pattern, 1):
        endpoint, event = endpoint.hear(FRAME, mark == "#")
        if event:
            events.append((number, event))
    return endpoint, events


def kinds(events: list[tuple[int, EndpointEvent]]) -> list[str]:
    return [type(event).__name__ for _, event in events]


def test_speech_begins_when_six_of_ten_frames_are_voiced() -> None:
    _, events = run(Endpoint.of("menu"), "." * 10 + "#####....." + "." * 20)
    assert events == []
    _, events = run(Endpoint.of("menu"), "." * 10 + "###.###")
    assert [(number, type(event)) for number, event in events] == [(17, Started)]


def test_a_short_word_that_comes_in_two_pieces_is_noticed_and_given_whole() -> None:
    def heard(gap: int) -> list[EndpointEvent]:
        endpoint, events = Endpoint.of("yes_no"), []
        for frame, voiced in [
            *[(b"\x7e" * FRAME_BYTES, False)] * 10,
            *[(b"a" * FRAME_BYTES, True)] * 4,
            *[(NOTHING, False)] * gap,  # what stands for audio that is late
            *[(b"b" * FRAME_BYTES, True)] * 4,
        ]:
            endpoint, event = endpoint.hear(frame, voiced)
            events += [event] if event else []
        return events

    for gap in (0, 8, LONGEST_GAP):
        (started,) = heard(gap)
        assert isinstance(started, Started)
        assert started.audio.endswith(b"a" * 4 * FRAME_BYTES + b"b" * 2 * FRAME_BYTES)
    assert heard(LONGEST_GAP + 10) == []


def test_the_audio_from_before_the_start_is_given() -> None:
    endpoint = Endpoint.of("menu")
    started = None
    for number in range(60):
        endpoint, event = endpoint.hear(bytes([number]) * FRAME_BYTES, number >= 50)
        started = started or event
    assert isinstance(started, Started)
    # half a second, up to and with the frame that decided it
    assert started.audio == b"".join(bytes([number]) * FRAME_BYTES for number in range(31, 56))


@pytest.mark.parametrize("kind", ["yes_no", "menu", "open", "date"])
def test_a_pause_then_an_end_after_the_silence_of_its_kind(kind: str) -> None:
    _, events = run(Endpoint.of(kind), "#" * 20 + "." * 100)
    pace = PACES[kind]
    assert kinds(events) == ["Started", "Paused", "Ended"]
    assert events[1][0] == 20 + math.ceil(pace.guess / 0.02 - 1e-9)
    assert events[2][0] == 20 + math.ceil(pace.enough / 0.02 - 1e-9)
    ended = events[2][1]
    assert isinstance(ended, Ended)
    assert ended.silence == pytest.approx(pace.enough)
    assert not ended.cut


def test_digits_wait_longer_until_the_number_is_whole() -> None:
    missing, events = run(Endpoint.of("digits"), "#" * 20 + "." * 50)
    assert kinds(events) == ["Started", "Paused"]
    whole, event = missing.understood(True).hear(FRAME, False)
    assert isinstance(event, Ended)
    assert whole.over
    _, events = run(Endpoint.of("digits"), "#" * 20 + "." * 60)
    assert kinds(events)[-1] == "Ended"


@pytest.mark.parametrize("kind", ["yes_no", "menu", "digits", "card"])
def test_a_whole_answer_beyond_doubt_ends_sooner(kind: str) -> None:
    pace = PACES[kind]
    frames = math.ceil(pace.sure / FRAME_SECONDS - 1e-9)
    assert pace.guess < pace.sure < pace.enough
    endpoint, _ = run(Endpoint.of(kind), "#" * 20 + "." * (frames - 1))
    waiting, event = endpoint.understood(True).hear(FRAME, False)
    assert event is None
    assert not waiting.over
    _, event = endpoint.understood(True, sure=True).hear(FRAME, False)
    assert isinstance(event, Ended)
    assert event.silence == pytest.approx(frames * FRAME_SECONDS)
    assert not event.cut
    # doubt about whether it is whole comes before being sure of the words
    _, event = endpoint.understood(False, sure=True).hear(FRAME, False)
    assert event is None


def test_who_wants_more_silence_than_usual_wants_it_of_every_answer() -> None:
    assert Endpoint.of("menu", end_silence=1.5).pace.sure == 1.5
    assert Endpoint.of("menu", end_silence=PACES["menu"].enough).pace.sure == PACES["menu"].sure
    assert Endpoint.of("menu", end_silence=0.2).pace.sure == 0.2
    assert Endpoint.of("digits", end_silence=3.0).pace.sure == PACES["digits"].sure


def test_a_click_does_not_make_a_pause_end_and_going_on_does() -> None:
    _, events = run(Endpoint.of("open"), "#" * 20 + "." * 20 + "#" + "." * 14)
    assert kinds(events) == ["Started", "Paused", "Ended"]
    assert events[-1][0] == 20 + 35
    _, events = run(Endpoint.of("open"), "#" * 20 + "." * 20 + "#" * 10 + "." * 36)
    assert kinds(events) == ["Started", "Paused", "Resumed", "Paused", "Ended"]
    assert isinstance(events[2][1], Resumed)
    assert isinstance(events[3][1], Paused)


def test_an_answer_has_a_longest_time_and_nothing_comes_after_it() -> None:
    longest = PACES["yes_no"].longest
    endpoint, events = run(Endpoint.of("yes_no"), "#" * 400)
    assert kinds(events) == ["Started", "Ended"]
    assert events[1] == (round(longest / 0.02), Ended(0.0, cut=True))
    assert run(endpoint, "#" * 50)[1] == []


def test_who_knows_better_may_say_that_speech_has_begun() -> None:
    endpoint, events = run(Endpoint.of("menu"), "." * 30 + "###")
    assert events == []
    begun, started = endpoint.begin()
    assert started.audio == FRAME * 25
    assert (begun.spoken, begun.voiced) == (25, 3)
    _, events = run(begun, "#" * 10 + "." * 30)
    assert kinds(events) == ["Paused", "Ended"]


def test_silence_alone_brings_nothing() -> None:
    assert run(Endpoint.of("open"), "." * 2000)[1] == []


def test_the_detector_hears_no_speech_in_silence_and_in_a_hiss() -> None:
    numpy = pytest.importorskip("numpy")
    pytest.importorskip("webrtcvad", reason="pip install 'callwright[speech]'")
    classify = webrtc()
    hiss = (numpy.random.default_rng(1).standard_normal(160 * 100) * 60).astype("<i2").tobytes()
    coded = pcm.ulaw(hiss)
    voiced = [classify(coded[start : start + FRAME_BYTES]) for start in range(0, len(coded), FRAME_BYTES)]
    assert sum(voiced[10:]) == 0
    assert not classify(FRAME)


def test_a_question_may_have_its_own_silence_and_length() -> None:
    assert Endpoint.of("menu", end_silence=1.5).pace.enough == 1.5
    patient = Endpoint.of("digits", end_silence=3.0, longest=9.0).pace
    assert (patient.missing, patient.enough, patient.longest) == (3.0, PACES["digits"].enough, 9.0)
    brisk = Endpoint.of("digits", end_silence=0.2).pace
    assert (brisk.guess, brisk.enough, brisk.missing) == (0.2, 0.2, 0.2)
    assert Endpoint.of("yes_no").pace == PACES["yes_no"]


def test_a_number_that_lacks_digits_is_not_guessed_at_in_every_pause() -> None:
    for voiced, guessed_after in ((20, LATE_GUESS), (80, PACES["digits"].guess)):
        endpoint = Endpoint.of("digits", at_least=8)
        for _ in range(voiced):
            endpoint, _ = endpoint.hear(FRAME, voiced=True)
        frames = 0
        event = None
        while not isinstance(event, Paused):
            endpoint, event = endpoint.hear(FRAME, voiced=False)
            frames += 1
        assert frames * FRAME_SECONDS == pytest.approx(guessed_after)


def test_what_is_expected_may_be_learned_while_the_caller_speaks() -> None:
    endpoint, _ = run(Endpoint.of("digits", at_least=8), "#" * 80)
    _, events = run(endpoint.expecting(100), "." * 12)
    assert events == []
    _, events = run(endpoint.expecting(60), "." * 12)
    assert kinds(events) == ["Paused"]


def test_the_detector_lets_go_when_a_voice_ends() -> None:
    detect = webrtc()
    voice = hum(0.6)[: 30 * FRAME_BYTES]
    quiet = b"\xff" * FRAME_BYTES
    assert not any(detect(quiet) for _ in range(20))
    heard = [detect(voice[at : at + FRAME_BYTES]) for at in range(0, len(voice), FRAME_BYTES)]
    assert sum(heard) > 15
    assert not any(detect(quiet) for _ in range(10))


def test_noise_alone_is_no_speech_and_what_is_louder_is() -> None:
    random = np.random.default_rng(2)
    detect = webrtc()

    def frames(samples: NDArray[np.float32]) -> list[bool]:
        mulaw = pcm.ulaw(pcm.to_pcm16(samples))
        return [detect(mulaw[at : at + FRAME_BYTES]) for at in range(0, len(mulaw), FRAME_BYTES)]

    def noise(seconds: float) -> NDArray[np.float32]:
        white = random.standard_normal(int(seconds * 8000))
        return (0.01 * np.convolve(white, np.ones(4) / 2, mode="same")).astype(np.float32)

    voice = pcm.from_pcm16(pcm.pcm16(hum(0.5)[: 25 * FRAME_BYTES]))
    assert sum(frames(noise(3.0))) < 5
    assert sum(frames(noise(len(voice) / 8000)[: len(voice)] + voice)) > 15
    assert sum(frames(noise(1.0))) < 5
