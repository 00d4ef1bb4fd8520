"""WAV files written off the media thread: a slow or full disk must never make a packet late."""

from __future__ import annotations

import os
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from struct import Struct
from struct import error as StructError

import numpy as np

from ivr.channels.sip.media.g711 import CODECS

_HEADER = Struct("<4sI4s4sIHHIIHH4sI")
MAX_WAITING = 16_000_000
"""Bytes of audio that may wait for a slow disk, of all recordings together; beyond it recordings fail."""


class WavFile:
    """A 16-bit, 8 kHz WAV file; its header is true after every append, so that a crash leaves a whole file.

    `OSError` from any method means the file is as far as it got (`samples`, of each channel).
    """

    def __init__(self, path: Path, channels: int = 1) -> None:
        # O_NONBLOCK: opening a named pipe that nobody reads fails at once
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NONBLOCK
        self._fd = os.open(path, flags, 0o640)
        self.samples, self.channels = 0, channels
        try:
            self._write(self._header(), 0)
        except OSError:
            os.close(self._fd)
            raise

    def _header(self) -> bytes:
        block = 2 * self.channels
        size = self.samples * block
        return _HEADER.pack(
            b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, self.channels, 8000, 8000 * block, block, 16, b"data", size
        )  # fmt: skip

    def _write(self, data: bytes, offset: int) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._fd, view, offset)
            view, offset = view[written:], offset + written

    def append(self, pcm: bytes) -> None:
        """Interleaved samples."""
        self._write(pcm, _HEADER.size + self.samples * 2 * self.channels)
        self.samples += len(pcm) // 2 // self.channels
        self._write(self._header(), 0)

    def close(self) -> None:
        os.close(self._fd)


def seconds_of(path: Path) -> float:
    """Of audio in a file that `WavFile` has begun; 0 where there is none."""
    try:
        with path.open("rb") as file:
            *_, block, _bits, _data, size = _HEADER.unpack(file.read(_HEADER.size))
    except (OSError, StructError):
        return 0.0
    return float(size / block / 8000)


class DiskWriter:
    """One thread that decodes and writes for all recordings; what became of each stands in `finished`."""

    def __init__(self) -> None:
        self.finished: deque[tuple[int, float, bool]] = deque()
        """(recording's number, seconds in its file, whether everything was written), in the order of ending."""
        self._jobs: SimpleQueue[tuple[str, int, str, bytes] | None] = SimpleQueue()
        self._files: dict[int, WavFile] = {}
        self._waiting = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def open(self, number: int, path: str, *, channels: int = 1) -> None:
        # Not before it is needed: in a process of one thread the kernel finds a descriptor more cheaply.
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="recordings", daemon=True)
            self._thread.start()
        self._jobs.put(("stereo" if channels == 2 else "mono", number, path, b""))

    def append(self, number: int, codec: str, coded: bytes) -> bool:
        """Queue audio, of two channels one after the other; False where the disk is so far behind that it was
        dropped."""
        with self._lock:
            if self._waiting + len(coded) > MAX_WAITING:
                return False
            self._waiting += len(coded)
        self._jobs.put(("append", number, codec, coded))
        return True

    def close(self, number: int) -> None:
        self._jobs.put(("close", number, "", b""))

    def stop(self, timeout: float = 5.0) -> None:
        """Write what is queued, then end the thread."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join(timeout)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            kind, number, text, coded = job
            if coded:
                with self._lock:
                    self._waiting -= len(coded)
            try:
                self._do(kind, number, text, coded)
            except (OSError, ValueError):  # ValueError: a path with a null byte
                self._end(number, complete=False)

    def _do(self, kind: str, number: int, text: str, coded: bytes) -> None:
        if kind in ("mono", "stereo"):
            self._files[number] = WavFile(Path(text), 2 if kind == "stereo" else 1)
        elif number not in self._files:
            return  # it failed before, and that was told
        elif kind == "append":
            file = self._files[number]
            samples = CODECS[text].linear[np.frombuffer(coded, np.uint8)].reshape(file.channels, -1).T
            file.append(samples.astype("<i2").tobytes())
        else:
            self._end(number, complete=True)

    def _end(self, number: int, *, complete: bool) -> None:
        file = self._files.pop(number, None)
        if file is not None:
            with suppress(OSError):
                file.close()
        self.finished.append((number, file.samples / 8000 if file else 0.0, complete))
