"""The worker processes of one engine and the utterances that wait for them: first those whose callers wait for the
result, then those whose callers have only paused, each in the order in which they came."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from ivr.speech.recognise import (
    Alternative,
    Heard,
    Recogniser,
    RecogniserBusy,
    RecogniserDied,
    RecognitionError,
    Want,
)
from ivr.speech.recognise.process import WorkerProcess, worker_command

log = logging.getLogger(__name__)

HANG_SECONDS = 6.0
"""A worker that takes longer over one utterance is taken for hung and killed."""
STREAMS_A_WORKER = 12
"""Utterances that a streaming engine's worker follows at a time."""


@dataclass(eq=False)
class Job:
    """An utterance on its way through a worker."""

    number: int
    want: Want
    done: asyncio.Future[Heard]
    on_partial: Callable[[str], None] | None = None
    audio: bytes = b""
    awaited: bool = True
    """Whether somebody waits for it; a guess gives way to those."""
    slot: Slot | None = field(default=None, repr=False)
    watchdog: asyncio.TimerHandle | None = None


@dataclass(eq=False)
class Slot:
    """A worker and what it is at."""

    process: WorkerProcess | None = None
    jobs: dict[int, Job] = field(default_factory=dict)


class Pool:
    """`workers` processes of an engine; at most `queue` utterances wait."""

    def __init__(
        self,
        engine: Recogniser,
        language: str,
        *,
        workers: int = 2,
        queue: int = 12,
        hang_seconds: float = HANG_SECONDS,
        command: Callable[[str, str], list[str]] = worker_command,
        process: type[WorkerProcess] = WorkerProcess,
    ) -> None:
        self.engine = engine
        self.restarts = 0
        self._language = language
        self._limit = queue
        self._hang_seconds = hang_seconds
        self._command = command
        self._process = process
        self._slots = [Slot() for _ in range(workers)]
        self._waiting: list[Job] = []
        self._numbers = itertools.count(1)
        self._mean = 0.3

    def start(self) -> None:
        for slot in self._slots:
            slot.process = self._process(
                self._command(self.engine.name, self._language),
                on_message=self._message,
                on_ready=self._dispatch,
                on_died=partial(self._died, slot),
            )

    async def ready(self, *, every: bool = False) -> None:
        """Wait until one worker is, or every one."""
        waits = [asyncio.ensure_future(slot.process.ready.wait()) for slot in self._slots if slot.process]
        await asyncio.wait(waits, return_when=asyncio.ALL_COMPLETED if every else asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def close(self) -> None:
        for slot in self._slots:
            for job in list(slot.jobs.values()):
                self._end(job, RecogniserDied("closing"))
            if slot.process:
                await slot.process.close()
        for job in self._waiting:
            self._end(job, RecogniserDied("closing"))

    @property
    def pids(self) -> list[int]:
        return [slot.process.pid for slot in self._slots if slot.process and slot.process.pid]

    @property
    def up(self) -> bool:
        """Whether a worker is ready."""
        return any(slot.process and slot.process.ready.is_set() for slot in self._slots)

    def expected(self) -> float:
        """Seconds until an utterance that came now, with somebody waiting for it, would be understood."""
        ahead = self._awaited + sum(len(slot.jobs) for slot in self._slots)
        return self._mean * (1 + ahead / len(self._slots))

    # Whole utterances

    def submit(self, want: Want, audio: bytes, *, awaited: bool = True) -> Job:
        """Understand a whole utterance. Raises `RecogniserBusy` where too much is waiting, `RecogniserDied` where no
        worker is up. One that nobody waits for yet is understood when no other is; see `hurry`."""
        self._must_be_up()
        if (self._awaited if awaited else len(self._waiting)) >= self._limit:
            raise RecogniserBusy(f"{len(self._waiting)} utterances are waiting for the {self.engine.name} recogniser")
        job = Job(next(self._numbers), want, asyncio.get_running_loop().create_future(), audio=audio, awaited=awaited)
        self._waiting.append(job)
        self._dispatch()
        return job

    def hurry(self, job: Job) -> None:
        """Somebody now waits for what was a guess. Raises `RecogniserBusy` where too much is waiting."""
        if job in self._waiting and not job.awaited and self._awaited >= self._limit:
            raise RecogniserBusy(f"{self._awaited} utterances are waiting for the {self.engine.name} recogniser")
        job.awaited = True

    # Streams

    def open(self, want: Want, on_partial: Callable[[str], None] | None) -> Job:
        """Begin an utterance of a streaming engine. Raises as `submit` does."""
        self._must_be_up()
        slot = self._free(STREAMS_A_WORKER)
        if slot is None:
            raise RecogniserBusy(f"the {self.engine.name} recogniser has as many callers as it can follow")
        job = Job(next(self._numbers), want, asyncio.get_running_loop().create_future(), on_partial, slot=slot)
        slot.jobs[job.number] = job
        self._send(job, "open", want=asdict(want))
        return job

    def feed(self, job: Job, frames: bytes) -> None:
        self._send(job, "feed", frames)

    def finish(self, job: Job) -> None:
        self._send(job, "finish")
        job.watchdog = asyncio.get_running_loop().call_later(self._hang_seconds, self._hung, job)

    def cancel(self, job: Job) -> None:
        """Nobody wants it any more. A whole utterance that a worker is at already is finished all the same."""
        if job in self._waiting:
            self._waiting.remove(job)
        elif job.slot is not None and self.engine.streaming and not job.watchdog:
            self._send(job, "cancel")
            job.slot.jobs.pop(job.number, None)
        job.done.cancel()

    # Inside

    @property
    def _awaited(self) -> int:
        return sum(job.awaited for job in self._waiting)

    def _must_be_up(self) -> None:
        if not self.up:
            raise RecogniserDied(f"no worker of the {self.engine.name} recogniser is up")

    def _free(self, most: int = 1) -> Slot | None:
        ready = [slot for slot in self._slots if slot.process and slot.process.ready.is_set()]
        free = [slot for slot in ready if len(slot.jobs) < most]
        return min(free, key=lambda slot: len(slot.jobs), default=None)

    def _send(self, job: Job, do: str, payload: bytes = b"", **more: object) -> None:
        if job.slot and job.slot.process and job.number in job.slot.jobs:
            job.slot.process.send({"do": do, "id": job.number, **more}, payload)

    def _dispatch(self) -> None:
        while self._waiting and (slot := self._free()) is not None:
            job = next((job for job in self._waiting if job.awaited), self._waiting[0])
            self._waiting.remove(job)
            if job.done.done():
                continue
            job.slot = slot
            slot.jobs[job.number] = job
            self._send(job, "open", want=asdict(job.want))
            self._send(job, "feed", job.audio)
            self.finish(job)

    def _message(self, message: dict[str, Any]) -> None:
        job = next((slot.jobs[message["id"]] for slot in self._slots if message["id"] in slot.jobs), None)
        if job is None:
            return
        if "partial" in message:
            if job.on_partial and not job.done.done():
                job.on_partial(str(message["partial"]))
        elif "heard" in message:
            if job.watchdog:
                taken = self._hang_seconds - (job.watchdog.when() - asyncio.get_running_loop().time())
                self._mean += 0.1 * (taken - self._mean)
            self._end(job, heard_from(message["heard"]))
        else:
            self._end(job, RecognitionError(str(message.get("failed"))))

    def _end(self, job: Job, outcome: Heard | Exception) -> None:
        if job.watchdog:
            job.watchdog.cancel()
        if job.slot:
            job.slot.jobs.pop(job.number, None)
        if not job.done.done():
            if isinstance(outcome, Exception):
                job.done.set_exception(outcome)
                job.done.exception()  # whoever waits is told; nobody need wait
            else:
                job.done.set_result(outcome)
        self._dispatch()

    def _hung(self, job: Job) -> None:
        log.error("a worker of the %s recogniser hung and is restarted", self.engine.name)
        if job.slot and job.slot.process:
            job.slot.process.kill()

    def _died(self, slot: Slot) -> None:
        self.restarts += 1
        log.warning("a worker of the %s recogniser ended and is restarted", self.engine.name)
        for job in list(slot.jobs.values()):
            self._end(job, RecogniserDied(f"the {self.engine.name} recogniser's process ended"))


def heard_from(data: dict[str, Any]) -> Heard:
    alternatives = tuple(Alternative(given["text"], given["confidence"]) for given in data["alternatives"])
    return Heard(**{**data, "alternatives": alternatives})
