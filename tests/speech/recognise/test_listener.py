"""A call's ears, with a recogniser that takes frames for letters and a detector that takes capitals for speech."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path

import pytest

from ivr.speech.endpoint import Endpoint
from ivr.speech.recognise import Heard, NoRecogniser, RecogniserDied, RecogniserLate, Want
from ivr.speech.recognise import listener as listening
from ivr.speech.recognise.listener import (
    Listener,
    ListenEvent,
    Partial,
    Pondering,
    SpeechBegan,
    Trouble,
    Understood,
    Whole,
)
from ivr.speech.recognise.service import RecognitionService
from tests.speech.recognise.fakes import HANGS, WAITS, FakeRecogniser, worker

QUIET = b"." * 160
SPEECH = b"S" * 160
NOISE = b"N" * 160
SEVEN, ZERO = b"7" * 160, b"0" * 160


def speech(frame: bytes) -> bool:
    return frame[:1].isupper()


def on(
    work: Callable[[Listener, asyncio.Queue[ListenEvent]], Coroutine[None, None, None]],
    command: Callable[[str, str], list[str]] | None = None,
    classify: Callable[[bytes], bool] = speech,
) -> None:
    async def main() -> None:
        engine = FakeRecogniser(kinds=("menu", "digits", "card", "yes_no"))
        service = RecognitionService(["en"], known=[engine], command=command or worker(), workers=1, deadline=30.0)
        await service.start()
        await service.ready()
        events: asyncio.Queue[ListenEvent] = asyncio.Queue()
        listener = Listener(service, events.put_nowait, classify=classify)
        try:
            await work(listener, events)
        finally:
            listener.stop()
            await service.close()

    asyncio.run(main())


def test_an_answer_with_its_first_word() -> None:
    async def work(listener: Listener, events: asyncio.Queue[ListenEvent]) -> None:
        listener.begin(Want(kind="menu"))
        listener.frames(QUIET * 10 + SPEECH * 20)
        assert await events.get() == SpeechBegan(over_prompt=False)
        listener.frames(QUIET * 40)
        partial = await events.get()
        answer = await events.get() if isinstance(partial, Partial) else partial
        assert isinstance(answer, Understood)
        assert answer.heard.text.count("S") == 20 * 160
        assert answer.seconds >= 0.5
        assert not answer.cut

    on(work)


def ask(listener: Listener, *, barge_in: bool) -> None:
    """A menu, whose prompt begins to play."""
    listener.begin(Want(kind="menu"))
    listener.prompt(b"\xff" * 16000, barge_in=barge_in)


def sure_at(monkeypatch: pytest.MonkeyPatch, listener: Listener, frame: int) -> None:
    """The guard over our prompt takes this frame, and no other, for the caller."""
    frames = iter([False] * (frame - 1) + [True])
    monkeypatch.setattr(listener._barge, "hear", lambda frame, voiced: next(frames, False))


async def understood(events: asyncio.Queue[ListenEvent]) -> Understood:
    while not isinstance(event := await events.get(), Understood):
        pass
    return event


def test_nothing_is_heard_while_a_prompt_plays_that_may_not_be_interrupted() -> None:
    async def work(listener: Listener, events: asyncio.Queue[ListenEvent]) -> None:
        ask(listener, barge_in=False)
        listener.frames(SPEECH * 50)
        assert events.empty()
        listener.prompt_ended()
        listener.frames(QUIET * 10 + SPEECH * 10)
        assert await events.get() == SpeechBegan(over_prompt=False)

    on(work)


def test_a_caller_over_the_prompt_is_noticed_and_what_was_said_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(listener: Listener, events: asyncio.Queue[ListenEvent]) -> None:
        sure_at(monkeypatch, listener, 29)  # the ninth frame of speech
        ask(listener, barge_in=True)
        listener.frames(QUIET * 20 + SPEECH * 8)
        assert events.empty()
        listener.frames(SPEECH)
        assert await events.get() == SpeechBegan(over_prompt=True)
        listener.prompt_ended()
        listener.frames(SPEECH * 11 + QUIET * 40)
        event = await understood(events)
        assert event.heard.text.count("S") == 20 * 160

    on(work)


def test_our_audio_stops_as_soon_as_it_is_decided_however_little_was_said_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(listener: Listener, events: asyncio.Queue[ListenEvent]) -> None:
        sure_at(monkeypatch, listener, 22)  # the second frame of speech
        ask(listener, barge_in=True)
        listener.frames(QUIET * 20 + SPEECH * 2)
        assert events.get_nowait() == SpeechBegan(over_prompt=True)
        listener.prompt_ended()
        listener.frames(SPEECH * 8 + QUIET * 40)
        event = await understood(events)
        assert event.heard.text.count("S") == 10 * 160

    on(work)


def test_who_begins_to_speak_as_the_prompt_ends_is_heard_from_the_first_word(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(listener: Listener, events: asyncio.Queue[ListenEvent]) -> None:
        monkeypatch.setattr(type(listener._barge), "suspected", 3)
        ask(listener, barge_in=True)
        listener.frames(QUIET * 20 + SPEECH * 3)
        assert events.empty()
        listener.prompt_ended()
        listener.frames(SPEECH * 8 + QUIET * 40)
        assert await events.get() == SpeechBegan(over_prompt=False)
        event = await understood(events)
        assert event.heard.text.count("S") == 11 * 160
        assert event.heard.text.startswith("." * 5 * 160 + "S")

    on(work)


def test_what_is_said_while_a_noise_is_being_understood_is_not_lost(tmp_path: Path) -> None:
    go = tmp_path / "go"

    async def work(listener: Listener, events: asyncio.Queue[ListenEvent]) -> None:
        listener.begin(Want(kind="menu"))
        listener.frames(NOISE * 20 + QUIET * 40)
        listener.frames(SPEECH * 20 + QUIET * 5)
        go.touch()
        assert "N" in (await understood(events)).heard.text
        listener.frames(QUIET * 5)  # until the channel has made up its mind
        listener.begin(Want(kind="menu"))
        listener.catch_up()
        listener.frames(QUIET * 30)
        text = (await understood(events)).heard.text
        assert text.count("S") == 20 * 160
        assert "N" not in text
        listener.begin(Want(kind="menu"))
        listener.frames(SPEECH * 20 + QUIET * 25)
        listener.prompt(b"\xff" * 16000, barge_in=True)
        listener.frames(SPEECH * 20)  # our music's echo, for all we know
        await understood(events)
        listener.prompt_ended()
        listener.begin(Want(kind="menu"))
        listener.catch_up()
        assert listener._endpoint == Endpoint.of("menu")

    on(work, worker(WAITS, str(go)))


def test_a_whole_number_ends_sooner_than_one_with_digits_missing() -> None:
    # the fake takes each byte for a digit: many more than two
    async def work(listener: Listener, events: asyncio.Queue[ListenEvent]) -> None:
        for most, guessed_after, ends in ((2, 12, True), (10**6, 30, False)):
            listener.begin(Want(kind="digits", at_least=1, at_most=most))
            listener.frames(SEVEN * 20)
            assert isinstance(await events.get(), SpeechBegan)
            listener.frames(ZERO * guessed_after)
            assert isinstance(await events.get(), Partial)
            listener.frames(ZERO * 10)
            assert (listener._answering is not None) is ends
            if ends:
                assert isinstance(await events.get(), Understood)

    on(work, classify=lambda frame: frame == SEVEN)


def certain(confidence: float, heard: Heard) -> float:
    return confidence


def test_a_whole_answer_beyond_doubt_ends_sooner_than_one_that_may_go_on() -> None:
    async def work(listener: Listener, events: asyncio.Queue[ListenEvent]) -> None:
        for confidence, ends in ((0.95, True), (0.85, False), (0.0, False)):
            listener.begin(Want(kind="menu"), whole=Whole(partial(certain, confidence)))
            listener.frames(SPEECH * 20)
            assert isinstance(await events.get(), SpeechBegan)
            listener.frames(QUIET * 15)
            assert isinstance(await events.get(), Partial)
            listener.frames(QUIET)
            assert (listener._answering is not None) is ends
            listener.stop()

    on(work)


def test_a_number_is_not_understood_again_before_the_rest_of_it_may_have_come() -> None:
    # the fake takes each byte for a digit
    async def work(listener: Listener, events: asyncio.Queue[ListenEvent]) -> None:
        digits = 4 * len(SPEECH) * 40
        listener.begin(Want(kind="digits", at_most=digits), whole=Whole(lambda heard: 0.0, 2))
        listener._whole = Whole(lambda heard: 0.0, digits)
        listener.frames(SEVEN * 40)
        assert isinstance(await events.get(), SpeechBegan)
        listener.frames(ZERO * 10)
        assert isinstance(await events.get(), Partial)
        assert listener._endpoint is not None
        said = 50 * len(SEVEN)
        assert listener._endpoint.expected == round(listening.FOLLOWED * 40 / said * digits)
        listener.frames(SEVEN * 10 + ZERO * 12)  # fewer than that: not worth a guess yet
        assert listener._listening is not None
        assert listener._listening._guess is None

    on(work, classify=lambda frame: frame == SEVEN)


def test_a_secret_is_not_told_in_part() -> None:
    async def work(listener: Listener, events: asyncio.Queue[ListenEvent]) -> None:
        listener.begin(Want(kind="card", secret=True))
        listener.frames(SPEECH * 20 + QUIET * 81)
        assert isinstance(await events.get(), SpeechBegan)
        answer = await events.get()
        assert isinstance(answer, Understood)
        assert "SSS" not in repr(answer)

    on(work)


def test_a_recogniser_that_takes_its_time_is_said_before_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "PONDERING", 0.0)
    monkeypatch.setattr(listening, "AT_LEAST", 0.0)
    go = tmp_path / "go"

    async def work(listener: Listener, events: asyncio.Queue[ListenEvent]) -> None:
        listener.begin(Want(kind="menu"))
        listener.frames(SPEECH * 20 + QUIET * 40)
        assert await events.get() == SpeechBegan(over_prompt=False)
        assert await events.get() == Pondering()
        go.touch()
        while isinstance(event := await events.get(), Partial):
            pass
        assert isinstance(event, Understood)

    on(work, worker(WAITS, str(go)))


def test_a_recogniser_that_hangs_is_given_up_at_the_deadline_from_the_end_of_speech(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listening, "AT_LEAST", 0.0)

    async def work(listener: Listener, events: asyncio.Queue[ListenEvent]) -> None:
        listener._service.deadline = 0.3  # less than the silence that ends the answer
        listener.begin(Want(kind="menu"))
        listener.frames(SPEECH * 20 + QUIET * 40)
        assert await events.get() == SpeechBegan(over_prompt=False)
        while isinstance(event := await events.get(), Pondering):
            pass
        assert isinstance(event, Trouble)
        assert isinstance(event.error, RecogniserLate)

    on(work, worker(HANGS))


def test_after_stop_nothing_comes() -> None:
    async def work(listener: Listener, events: asyncio.Queue[ListenEvent]) -> None:
        listener.begin(Want(kind="menu"))
        listener.frames(SPEECH * 20)
        assert isinstance(await events.get(), SpeechBegan)
        listener.frames(QUIET * 40)
        listener.stop()
        listener.frames(SPEECH * 20)
        await asyncio.sleep(0)
        assert events.empty()
        listener.begin(Want(kind="yes_no"))
        listener.frames(SPEECH * 20)
        assert isinstance(await events.get(), SpeechBegan)

    on(work)


def test_a_dead_recogniser_is_trouble_and_an_unknown_kind_an_error_at_once() -> None:
    async def work(listener: Listener, events: asyncio.Queue[ListenEvent]) -> None:
        with pytest.raises(NoRecogniser):
            listener.begin(Want(kind="open"))
        listener.begin(Want(kind="menu"))
        listener.frames(SPEECH * 20 + QUIET * 40)
        assert isinstance(await events.get(), SpeechBegan)
        trouble = await events.get()
        assert isinstance(trouble, Trouble)
        assert isinstance(trouble.error, RecogniserDied)

    on(work, worker("sys.exit(3)"))
