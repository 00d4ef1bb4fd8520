"""The core's end of a voice's worker process: started when first needed, one request at a time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable

from ivr.speech.errors import SpeechError
from ivr.speech.voices import Voice

HANG_SECONDS = 60.0
"""A worker that takes longer over one piece is taken for hung and killed."""


class WorkerDied(SpeechError):
    """The process ended, hung or answered nonsense; the next request starts a new one."""


class CannotSpeak(SpeechError):
    """The voice works, but not for this text."""


def worker_command(voice: Voice) -> list[str]:
    return [sys.executable, "-m", "ivr.speech.worker", voice.name]


class VoiceWorker:
    """Belongs to the event loop that first uses it."""

    def __init__(
        self,
        voice: Voice,
        command: Callable[[Voice], list[str]] = worker_command,
        hang_seconds: float = HANG_SECONDS,
    ) -> None:
        self.voice = voice
        self.hang_seconds = hang_seconds
        self._command = command
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def synthesise(self, text: str, language: str, speed: float = 1.0, gain: float = 0.0) -> bytes:
        """PCM16 at 8 kHz, `speed` times as fast as usual and `gain` dB louder. Raises `WorkerDied` or `CannotSpeak`."""
        request: dict[str, object] = {"text": text, "language": language}
        if (speed, gain) != (1.0, 0.0):
            request |= {"speed": speed, "gain": gain}
        async with self._lock:
            try:
                async with asyncio.timeout(self.hang_seconds):
                    return await self._ask(request)
            except CannotSpeak:
                raise
            except (OSError, EOFError, ValueError, KeyError, TypeError, TimeoutError) as error:
                await self._kill()
                raise WorkerDied(f"the {self.voice.name} voice's process failed ({type(error).__name__})") from error
            except BaseException:
                # Cancelled half-way: an answer is due that nobody will read.
                await self._kill()
                raise

    async def _ask(self, request: dict[str, object]) -> bytes:
        if self._process is None:
            # A session of its own: Ctrl-C in a terminal is the core's to handle; the worker ends with its input.
            self._process = await asyncio.create_subprocess_exec(
                *self._command(self.voice),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        process = self._process
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(request).encode() + b"\n")
        await process.stdin.drain()
        head = json.loads(await process.stdout.readuntil(b"\n"))
        if "error" in head:
            raise CannotSpeak(str(head["error"]))
        audio = await process.stdout.readexactly(int(head["bytes"]))
        if not audio:
            raise CannotSpeak(f"the {self.voice.name} voice gave no sound")
        return audio

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await _reap(process)

    async def close(self) -> None:
        """End the process: politely at first."""
        process, self._process = self._process, None
        if not process:
            return
        assert process.stdin
        process.stdin.close()
        try:
            async with asyncio.timeout(2):
                await _reap(process)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await _reap(process)


async def _reap(process: asyncio.subprocess.Process) -> None:
    # communicate() reads to the end, so that the pipes' transports are closed with the process.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        await process.communicate()
