"""Recognition for the process that serves calls: engines tried in order, deadlines, and guesses while callers pause.

Nothing here blocks and nothing is logged of what was said. A caller's answer is late at most by the deadline; then an
exception says so and the caller is asked for keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from ivr.speech.recognise import (
    Heard,
    NoRecogniser,
    Recogniser,
    RecogniserBusy,
    RecogniserDied,
    RecogniserLate,
    RecognitionError,
    Want,
    all_recognisers,
)
from ivr.speech.recognise.pool import HANG_SECONDS, Job, Pool
from ivr.speech.recognise.process import WorkerProcess, worker_command
from ivr.speech.voices import base

DEADLINE = 3.2
"""Seconds from the end of speech until we give up; the caller has heard a filler before (`listener.PONDERING`)."""
BY_NAME_ONLY = 100
"""Engines of this rank and above are used only where they are named."""
Guessed = Callable[[Heard, int, bool], None]
LONGEST = 60 * 8000
"""Bytes of one utterance that are kept."""


class RecognitionService:
    """`engines` names the chain of a language, `{"en": ("english", "pocketsphinx")}`; other languages take every
    installed engine by rank. `workers` is the number of processes of a chain's first engine; the others have one."""

    def __init__(
        self,
        languages: Sequence[str] = ("en",),
        *,
        engines: Mapping[str, Sequence[str]] | None = None,
        workers: int = 2,
        queue: int = 12,
        deadline: float = DEADLINE,
        hang_seconds: float = HANG_SECONDS,
        command: Callable[[str, str], list[str]] = worker_command,
        process: type[WorkerProcess] = WorkerProcess,
        known: Sequence[Recogniser] | None = None,
    ) -> None:
        self.deadline = deadline
        self._pools: dict[tuple[str, str], Pool] = {}
        self._chains: dict[str, list[Pool]] = {}
        installed = all_recognisers() if known is None else known
        for language in dict.fromkeys(base(language) for language in languages):
            named = (engines or {}).get(language)
            here = [engine for engine in installed if language in engine.languages()]
            if named is None:
                order = [engine for engine in here if engine.rank < BY_NAME_ONLY]
            else:
                order = [engine for name in named for engine in here if engine.name == name]
            self._chains[language] = [
                Pool(
                    engine,
                    language,
                    workers=workers if place == 0 else 1,
                    queue=queue,
                    hang_seconds=hang_seconds,
                    command=command,
                    process=process,
                )
                for place, engine in enumerate(order)
            ]

    async def start(self) -> None:
        """Start all workers; returns at once. Until one is ready callers are asked for keys."""
        for pool in self.pools:
            pool.start()

    async def ready(self) -> None:
        """Wait until the first engine of each language that has one has a worker that is ready."""
        await asyncio.gather(*(pools[0].ready() for pools in self._chains.values() if pools))

    async def close(self) -> None:
        await asyncio.gather(*(pool.close() for pool in self.pools))

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that some engine understands."""
        return tuple(language for language, pools in self._chains.items() if pools)

    @property
    def pools(self) -> list[Pool]:
        return [pool for pools in self._chains.values() for pool in pools]

    def understands(self, want: Want) -> bool:
        """Whether this can be recognised now: an engine takes it and one of its workers is up."""
        return any(pool.up for pool in self._able(want))

    def check(self, want: Want) -> None:
        """Raises `NoRecogniser` where no engine takes this."""
        if not self._able(want):
            raise NoRecogniser(f"no recogniser for {want.language} takes {want.kind}")

    def hear(
        self,
        want: Want,
        on_partial: Callable[[str], None] | None = None,
        on_guess: Guessed | None = None,
    ) -> Listening:
        """Begin an utterance. Raises `NoRecogniser` where no engine takes it. `on_partial` gets what a streaming engine
        understands so far, never of a secret answer; `on_guess` what is understood at a pause, that
        pause's `mark`, and whether it still lasts."""
        self.check(want)
        return Listening(self._able(want), want, None if want.secret else on_partial, on_guess, self.deadline)

    def _able(self, want: Want) -> list[Pool]:
        return [pool for pool in self._chains.get(base(want.language), []) if pool.engine.takes(want)]


class Listening:
    """One utterance. Feed it from its beginning, pre-roll included; then ask for the `result` or `cancel`."""

    def __init__(
        self,
        pools: Sequence[Pool],
        want: Want,
        on_partial: Callable[[str], None] | None,
        on_guess: Guessed | None,
        deadline: float,
    ) -> None:
        self.want = want
        self._pools = pools
        self._on_guess = on_guess
        self._deadline = deadline
        self._audio = bytearray()
        self._stream: tuple[Pool, Job] | None = None
        self._guess: tuple[Pool, Job] | None = None
        self._over = False
        first = pools[0]
        if first.engine.streaming:
            try:
                self._stream = (first, first.open(want, on_partial))
            except RecognitionError:
                self._stream = None

    def feed(self, frames: bytes) -> None:
        """Mu-law at 8 kHz."""
        if len(self._audio) + len(frames) <= LONGEST:
            self._audio += frames
        if self._stream:
            pool, job = self._stream
            pool.feed(job, frames)

    def paused(self, mark: int = 0) -> None:
        """The caller fell silent, perhaps for good: understand what there is when a worker has nothing better to do.
        What it gives is the result if `result` is asked for before `resumed`. `mark` is told with it."""
        pool = self._pools[0]
        if pool.engine.streaming or self._guess is not None:
            return
        try:
            job = pool.submit(self.want, bytes(self._audio), awaited=False)
        except RecognitionError:
            return
        self._guess = (pool, job)
        job.done.add_done_callback(lambda _: self._guessed(job, mark))

    def resumed(self) -> None:
        """The caller speaks again: what was guessed is not the whole. What a worker is at already is told all the
        same."""
        if self._guess:
            pool, job = self._guess
            if job.slot is None and not job.done.done():
                pool.cancel(job)
            self._guess = None

    async def result(self, deadline: float | None = None) -> Heard:
        """What was said. Raises `RecogniserBusy`, `RecogniserLate` or `RecogniserDied` within `deadline` seconds; the
        engines of the chain have been tried as far as time allowed."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + (self._deadline if deadline is None else deadline)
        trouble: RecognitionError = RecogniserLate("nothing was recognised in time")
        try:
            for pool in self._pools:
                # a worker that dies takes this utterance with it only once: the audio is still here
                for _ in range(2):
                    try:
                        job = self._job(pool, ends - loop.time())
                        return await asyncio.wait_for(asyncio.shield(job.done), max(0.0, ends - loop.time()))
                    except RecogniserDied as error:
                        trouble = error
                        self._stream = self._guess = None
                        continue
                    except TimeoutError:
                        raise RecogniserLate(f"the {pool.engine.name} recogniser is late") from None
                    except RecognitionError as error:
                        trouble = error
                    break
            raise trouble
        finally:
            self.cancel()

    def cancel(self) -> None:
        """Let go of the utterance and its audio."""
        self._over = True
        for held in (self._stream, self._guess):
            if held:
                pool, job = held
                if not job.done.done():
                    pool.cancel(job)
        self._stream = self._guess = None
        self._audio.clear()

    def _job(self, pool: Pool, left: float) -> Job:
        if self._guess and self._guess[0] is pool:
            job = self._guess[1]
            if job.slot is None and not job.done.done():
                self._in_time(pool, left)
                pool.hurry(job)
            return job
        if self._stream and self._stream[0] is pool:
            pool.finish(self._stream[1])
            return self._stream[1]
        if pool.engine.streaming:
            job = pool.open(self.want, None)
            pool.feed(job, bytes(self._audio))
            pool.finish(job)
            self._stream = (pool, job)
            return job
        self._in_time(pool, left)
        job = pool.submit(self.want, bytes(self._audio))
        self._guess = (pool, job)
        return job

    @staticmethod
    def _in_time(pool: Pool, left: float) -> None:
        if pool.expected() > left:
            raise RecogniserBusy(f"the {pool.engine.name} recogniser would be late")

    def _guessed(self, job: Job, mark: int) -> None:
        if self._over or job.done.cancelled() or job.done.exception() is not None:
            return
        if self._on_guess:
            self._on_guess(job.done.result(), mark, self._guess is not None and self._guess[1] is job)
