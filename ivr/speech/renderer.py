"""Prompts to clips: from recordings, the cache, or a voice's worker process, never on the media path."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ivr.channels.leg import Clip
from ivr.flow.template import parse
from ivr.prompts.catalogue import Catalogue, content_hash, has_values
from ivr.prompts.parts import Prompt
from ivr.prompts.spoken import Piece, pieces
from ivr.speech import pcm, recordings
from ivr.speech.cache import AudioCache, cache_key
from ivr.speech.client import CannotSpeak, VoiceWorker, WorkerDied, worker_command
from ivr.speech.errors import NoVoice, RecordingError, RenderFailed, RenderLate
from ivr.speech.voices import Voice, all_voices, base, manner, speaks

log = logging.getLogger(__name__)
T = TypeVar("T")

SHAPING = "1"
"""Part of every key: raise it when resampling, loudness or trimming change."""
MAX_PIECE = 2000
"""Characters of one piece that are spoken; a value that is longer is cut."""
_DEFAULT = -1.0
DOWN_SECONDS = 60.0
"""How long a voice that failed twice is left alone."""


class Renderer:
    """Give prompts' audio. Used either from one event loop (`clips`) or without one (`clips_sync`).

    `voices` are tried in order, those that speak the language; by default every installed one. `budget_seconds` is
    how long a call waits for audio that is not in the cache.
    """

    def __init__(
        self,
        cache_dir: Path,
        catalogue: Catalogue,
        *,
        voices: Sequence[Voice] | None = None,
        budget_seconds: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        command: Callable[[Voice], list[str]] = worker_command,
    ) -> None:
        self.cache = AudioCache(cache_dir)
        self.catalogue = catalogue
        self.voices = tuple(all_voices() if voices is None else voices)
        self.budget_seconds = budget_seconds
        self._clock = clock
        self._command = command
        self._workers: dict[str, VoiceWorker] = {}
        self._down: dict[str, float] = {}
        self._running: dict[str, asyncio.Task[Clip]] = {}
        self._hashes: dict[Path, tuple[tuple[int, int], str]] = {}
        self._bad: dict[str, str] = {}
        self._runner: asyncio.Runner | None = None

    async def clips(self, prompt: Prompt, budget_seconds: float | None = _DEFAULT) -> list[Clip]:
        """The prompt's audio, to be played back to back. Identical requests share one rendering. `budget_seconds`
        of None waits as long as it takes.

        Raises `RenderLate` when the time budget runs out (the rendering goes on and lands in the cache), `NoVoice`
        or `RenderFailed`.
        """
        return await self._clips(prompt, self.budget_seconds if budget_seconds == _DEFAULT else budget_seconds)

    def clips_sync(self, prompt: Prompt) -> list[Clip]:
        """Like `clips`, without an event loop and without a time budget: for commands and jobs."""
        return self.run_sync(self._clips(prompt, None))

    def cached(self, prompt: Prompt) -> list[Clip] | None:
        """The prompt's audio if all of it is there already; reads small files at most, and starts nothing."""
        path = self.recording_path(prompt)
        try:
            if path:
                if path not in self._hashes:
                    return None
                key = self._recording_key(path)
                if key not in self._bad:
                    clip = self.cache.get(key)
                    return [clip] if clip else None
            found = []
            for piece in pieces(prompt):
                if piece.seconds:
                    found.append(pcm.silence(piece.seconds))
                    continue
                clip = self.cache.get(_key(self._chain(prompt.language)[0], piece, prompt.language))
                if clip is None:
                    return None
                found.append(clip)
            return found
        except (NoVoice, OSError):
            return None

    async def warm(self, language: str) -> None:
        """Start the language's voice, so that the first caller doesn't wait for a model to load. Raises as `clips`."""
        voice = self._chain(language)[0]
        try:
            await self._worker(voice).synthesise("1", language)
        except (WorkerDied, CannotSpeak) as error:
            raise RenderFailed(str(error)) from error

    async def close(self) -> None:
        """Stop rendering and end the workers."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        workers, self._workers = list(self._workers.values()), {}
        await asyncio.gather(*(worker.close() for worker in workers))

    def close_sync(self) -> None:
        """`close` for what `clips_sync` and `run_sync` started."""
        if self._runner:
            self._runner.run(self.close())
            self._runner.close()
            self._runner = None

    def run_sync(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine of this renderer's without an event loop; the workers stay for the next one."""
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(work)

    async def _clips(self, prompt: Prompt, budget_seconds: float | None) -> list[Clip]:
        ends = None if budget_seconds is None else self._clock() + budget_seconds
        path = self.recording_path(prompt)
        if path:
            held = self._held_recording(path)
            if held:
                return [held]
            try:
                return [await self.recording(path, budget_seconds)]
            except RecordingError as error:
                log.warning("spoken by the voice instead: %s", error)
        said = pieces(prompt)
        found = {piece: self._find(piece, prompt.language) for piece in said}
        tasks = [task for task in found.values() if isinstance(task, asyncio.Task)]
        await self._wait(tasks, None if ends is None else ends - self._clock())
        clips = {piece: got.result() if isinstance(got, asyncio.Task) else got for piece, got in found.items()}
        return [clips[piece] for piece in said]

    @staticmethod
    async def _wait(tasks: list[asyncio.Task[Clip]], seconds: float | None) -> None:
        # asyncio.wait leaves the tasks running, whether time runs out or the caller is cancelled.
        if tasks and (await asyncio.wait(tasks, timeout=seconds))[1]:
            raise RenderLate(
                "the audio of a prompt was not ready in time; render prompts ahead with `callwright prompts`"
            )

    def _find(self, piece: Piece, language: str) -> Clip | asyncio.Task[Clip]:
        """The piece's clip from memory, or the task that fetches or renders it."""
        if piece.seconds:
            return pcm.silence(piece.seconds)
        chain = self._chain(language)
        key = _key(chain[0], piece, language)
        return self.cache.held(key) or self._share(key, lambda: self._speak(piece, language, chain))

    def _share(self, key: str, make: Callable[[], Coroutine[Any, Any, Clip]]) -> asyncio.Task[Clip]:
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.get_running_loop().create_task(make())

            def over(task: asyncio.Task[Clip]) -> None:
                self._running.pop(key, None)
                if not task.cancelled():
                    task.exception()  # whoever asked may be gone: then nobody else would take it

            task.add_done_callback(over)
        return task

    async def _speak(self, piece: Piece, language: str, chain: list[Voice]) -> Clip:
        failures: list[str] = []
        how = manner(piece.rate, piece.emphasis)
        for voice in chain:
            key = _key(voice, piece, language)
            clip = await asyncio.to_thread(self.cache.get, key)
            if clip:
                return clip
            for _ in range(2):
                try:
                    samples = await self._worker(voice).synthesise(piece.text[:MAX_PIECE], language, *how)
                except CannotSpeak as error:
                    failures.append(str(error))
                    break
                except WorkerDied as error:
                    failures.append(str(error))
                    log.warning("%s", error)
                else:
                    return await asyncio.to_thread(self.cache.put, key, pcm.ulaw(samples))
            else:
                self._down[voice.name] = self._clock() + DOWN_SECONDS
        raise RenderFailed(f"no voice could speak a prompt in {language}: {'; '.join(failures)}")

    def _chain(self, language: str) -> list[Voice]:
        """The voices to try, best first: those that failed lately only where no other is left."""
        able = [voice for voice in self.voices if speaks(voice, language)]
        if not able:
            how = "; or ".join(voice.install for voice in self.voices)
            raise NoVoice(f"no installed voice speaks '{base(language)}'; get one: {how}")
        now = self._clock()
        return [voice for voice in able if self._down.get(voice.name, now) <= now] or able

    def _worker(self, voice: Voice) -> VoiceWorker:
        return self._workers.setdefault(voice.name, VoiceWorker(voice, self._command))

    def recording_path(self, prompt: Prompt) -> Path | None:
        """The recording to play for a prompt: one filed under its id, where nothing has to be filled in."""
        if not prompt.id:
            return None
        text = self.catalogue.text(prompt.language, prompt.id)
        if text and has_values(text):
            return None
        fixed = all(part.kind in ("text", "break") for part in prompt.parts)
        if fixed or (text and parse(text).fill({}) == prompt.parts):
            return self.catalogue.recording(prompt.language, prompt.id)
        return None

    async def recording(self, path: Path, budget_seconds: float | None = None) -> Clip:
        """A recording's clip, converted once. Raises `RecordingError` or `RenderLate`."""
        task = self._share(str(path), lambda: asyncio.to_thread(self.convert, path))
        await self._wait([task], budget_seconds)
        return task.result()

    def _held_recording(self, path: Path) -> Clip | None:
        """A recording's clip from memory: one look at the file's time, no thread."""
        if path not in self._hashes:
            return None
        try:
            stat = path.stat()
        except OSError:
            return None
        seen, content = self._hashes[path]
        if seen != (stat.st_mtime_ns, stat.st_size):
            return None
        return self.cache.held(cache_key("recording", SHAPING, content))

    def convert(self, path: Path) -> Clip:
        """A recording's clip, its key by content; from the cache if it is there. Blocking. Raises `RecordingError`."""
        try:
            key = self._recording_key(path)
        except OSError as error:
            raise RecordingError(f"{path}: this recording can't be read ({error.strerror})") from None
        if key in self._bad:
            raise RecordingError(self._bad[key])
        clip = self.cache.get(key)
        if clip:
            return clip
        try:
            return self.cache.put(key, pcm.ulaw(recordings.convert(path)))
        except RecordingError as error:
            self._bad[key] = str(error)
            raise

    def _recording_key(self, path: Path) -> str:
        """By content, so that a renamed file is not converted again and a changed one is. Raises `OSError`."""
        stat = path.stat()
        seen = (stat.st_mtime_ns, stat.st_size)
        if path not in self._hashes or self._hashes[path][0] != seen:
            self._hashes[path] = (seen, content_hash(path))
        return cache_key("recording", SHAPING, self._hashes[path][1])


def _key(voice: Voice, piece: Piece, language: str) -> str:
    speed, gain = manner(piece.rate, piece.emphasis)
    how = () if (speed, gain) == (1.0, 0.0) else (f"{speed:g}", f"{gain:g}")
    return cache_key("voice", SHAPING, voice.name, voice.version, base(language), piece.text[:MAX_PIECE], *how)
