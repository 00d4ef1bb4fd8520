"""The service with worker processes that answer, die, hang and wait."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ivr.speech.recognise import Heard, NoRecogniser, RecogniserBusy, RecogniserDied, RecogniserLate, Want
from ivr.speech.recognise.pool import HANG_SECONDS
from ivr.speech.recognise.service import Listening, RecognitionService
from tests.speech.recognise import fakes
from tests.speech.recognise.fakes import FakeRecogniser, worker

WANT = Want(kind="open")


@asynccontextmanager
async def running(
    command: Callable[[str, str], list[str]],
    *engines: FakeRecogniser,
    workers: int = 1,
    queue: int = 12,
    hang_seconds: float = HANG_SECONDS,
) -> AsyncIterator[RecognitionService]:
    service = RecognitionService(
        ["en"],
        known=engines or (FakeRecogniser(),),
        command=command,
        workers=workers,
        queue=queue,
        deadline=30.0,
        hang_seconds=hang_seconds,
    )
    await service.start()
    await asyncio.gather(*(pool.ready(every=True) for pool in service.pools))
    try:
        yield service
    finally:
        await service.close()


def heard(service: RecognitionService, text: str) -> Listening:
    listening = service.hear(WANT)
    listening.feed(text.encode())
    return listening


async def said(service: RecognitionService, text: str, want: Want = WANT, deadline: float | None = None) -> Heard:
    listening = service.hear(want)
    listening.feed(text.encode())
    return await listening.result(deadline)


def test_what_was_fed_is_heard() -> None:
    async def main() -> None:
        async with running(worker(), workers=2) as service:
            answers = await asyncio.gather(*(said(service, f"word {number}") for number in range(8)))
            assert [heard.text for heard in answers] == [f"word {number}" for number in range(8)]
            assert answers[0].alternatives[0].confidence == 0.9

    asyncio.run(main())


def test_a_language_or_kind_that_nobody_understands() -> None:
    async def main() -> None:
        async with running(worker(), FakeRecogniser(kinds=("menu",))) as service:
            assert service.understands(Want(kind="menu"))
            assert not service.understands(Want(kind="open"))
            for want in (Want(kind="open"), Want(language="fr", kind="menu")):
                with pytest.raises(NoRecogniser):
                    service.hear(want)

    asyncio.run(main())


def test_an_utterance_survives_the_death_of_its_worker(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(worker(fakes.DIES_ONCE, str(tmp_path / "died")), workers=2) as service:
            assert (await said(service, "pay a bill")).text == "pay a bill"
            assert service.pools[0].restarts == 1

    asyncio.run(main())


def test_one_that_kills_every_worker_is_given_up_and_others_go_on() -> None:
    async def main() -> None:
        async with running(worker(fakes.DIES_ON), workers=2) as service:
            with pytest.raises(RecogniserDied):
                await said(service, "die")
            await service.ready()
            assert (await said(service, "hello")).text == "hello"

    asyncio.run(main())


def test_a_killed_worker_comes_back_under_another_number() -> None:
    async def main() -> None:
        async with running(worker()) as service:
            (pid,) = service.pools[0].pids
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(RecogniserDied):
                await said(service, "lost")
            await service.ready()
            assert service.pools[0].pids != [pid]
            assert (await said(service, "hello")).text == "hello"

    asyncio.run(main())


def test_a_hung_worker_is_killed_and_the_caller_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(worker(fakes.HANGS), hang_seconds=0.2) as service:
            with pytest.raises(RecogniserDied):
                await said(service, "hello")
            assert service.pools[0].restarts >= 1

    asyncio.run(main())


def test_late_is_said_at_the_deadline(tmp_path: Path) -> None:
    async def main() -> None:
        go = tmp_path / "go"
        async with running(worker(fakes.WAITS, str(go))) as service:
            with pytest.raises(RecogniserLate):
                await said(service, "hello", deadline=0.5)
            go.touch()
            assert (await said(service, "again")).text == "again"

    asyncio.run(main())


def test_more_than_the_queue_holds_is_refused_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        go = tmp_path / "go"
        async with running(worker(fakes.WAITS, str(go)), queue=2) as service:
            waiting = [asyncio.create_task(said(service, f"{number}")) for number in range(3)]
            await asyncio.sleep(0)  # each of them has asked
            with pytest.raises(RecogniserBusy):
                await said(service, "one too many")
            go.touch()
            assert [heard.text for heard in await asyncio.gather(*waiting)] == ["0", "1", "2"]

    asyncio.run(main())


def test_the_next_engine_is_tried(tmp_path: Path) -> None:
    async def main() -> None:
        broken, sound = worker(fakes.FAILS), worker()

        def command(engine: str, language: str) -> list[str]:
            return (broken if engine == "first" else sound)(engine, language)

        async with running(command, FakeRecogniser("first"), FakeRecogniser("second")) as service:
            await asyncio.gather(*(pool.ready() for pool in service.pools))
            assert (await said(service, "fail")).text == "fail"

    asyncio.run(main())


def test_a_guess_at_a_pause_is_the_result_unless_the_caller_goes_on() -> None:
    async def main() -> None:
        guesses: asyncio.Queue[tuple[str, int, bool]] = asyncio.Queue()
        async with running(worker()) as service:
            listening = service.hear(
                WANT, on_guess=lambda heard, mark, lasts: guesses.put_nowait((heard.text, mark, lasts))
            )
            listening.feed(b"four ")
            listening.paused(4)
            assert await guesses.get() == ("four", 4, True)
            listening.resumed()
            listening.feed(b"two")
            listening.paused(7)
            listening.resumed()  # a worker is at it already
            assert await guesses.get() == ("four two", 7, False)
            listening.paused(9)
            assert await guesses.get() == ("four two", 9, True)
            listening.feed(b" silence")
            assert (await listening.result()).text == "four two"

    asyncio.run(main())


def test_a_guess_waits_for_a_worker_and_gives_way_to_those_whose_callers_wait(tmp_path: Path) -> None:
    async def main() -> None:
        go = tmp_path / "go"
        told: asyncio.Queue[str] = asyncio.Queue()
        async with running(worker(fakes.WAITS, str(go)), queue=2) as service:

            def paused(text: str) -> Listening:
                listening = service.hear(WANT, on_guess=lambda heard, mark, lasts: told.put_nowait(heard.text))
                listening.feed(text.encode())
                listening.paused()
                return listening

            async def ended(text: str) -> None:
                told.put_nowait((await said(service, text)).text)

            running_first = asyncio.create_task(ended("at work"))
            await asyncio.sleep(0)
            guess, never = paused("guess"), paused("dropped")
            paused("too many to guess at")
            never.resumed()
            awaited = asyncio.create_task(ended("awaited"))
            await asyncio.sleep(0)
            go.touch()
            assert [await told.get() for _ in range(3)] == ["at work", "awaited", "guess"]
            assert (await guess.result()).text == "guess"
            await asyncio.gather(running_first, awaited)

    asyncio.run(main())


def test_a_guess_that_somebody_waits_for_is_no_longer_passed(tmp_path: Path) -> None:
    async def main() -> None:
        go, told = tmp_path / "go", []
        async with running(worker(fakes.WAITS, str(go))) as service:

            async def result(listening: Listening) -> None:
                told.append((await listening.result()).text)

            tasks = [asyncio.create_task(result(heard(service, "at work")))]
            await asyncio.sleep(0)
            first, second = heard(service, "first"), heard(service, "second")
            first.paused()
            second.paused()
            for listening in (second, first):
                tasks.append(asyncio.create_task(result(listening)))
                await asyncio.sleep(0)
            go.touch()
            await asyncio.gather(*tasks)
            assert told == ["at work", "first", "second"]

    asyncio.run(main())


def test_a_streaming_engine_tells_what_it_has_so_far_but_not_of_a_secret() -> None:
    async def main() -> None:
        async with running(worker(streams=True), FakeRecogniser(streaming=True)) as service:
            for secret in (False, True):
                partials: list[str] = []
                listening = service.hear(Want(kind="card", secret=secret), partials.append)
                listening.feed(b"four ")
                listening.feed(b"one")
                assert (await listening.result()).text == "four one"
                assert partials == ([] if secret else ["four", "four one"])

    asyncio.run(main())


def test_cancelled_utterances_leave_nothing_behind() -> None:
    async def main() -> None:
        async with running(worker()) as service:
            for _ in range(5):
                listening = service.hear(WANT)
                listening.feed(b"never mind")
                listening.paused()
                listening.cancel()
            assert (await said(service, "hello")).text == "hello"
            assert not any(slot.jobs for slot in service.pools[0]._slots)

    asyncio.run(main())
