"""Rendered audio, by the hash of what it was rendered from: a folder of files, and the latest in memory.

Processes share the folder: a file is written aside and renamed into place, and never changes. Anything may be
deleted from it at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from collections import OrderedDict
from pathlib import Path
from threading import Lock

from ivr.channels.leg import FRAME_BYTES, Clip

log = logging.getLogger(__name__)


def cache_key(*what: str) -> str:
    """The SHA-256, as hex, of a list of texts."""
    return hashlib.sha256("\0".join(what).encode()).hexdigest()


class AudioCache:
    """`folder` is made when something is first written. `memory_bytes` bounds the clips held in memory. Never
    raises: without a disk it is a memory cache, and says so in the log once. Thread-safe."""

    def __init__(self, folder: Path, memory_bytes: int = 64_000_000) -> None:
        self.folder = folder
        self.memory_bytes = memory_bytes
        self._clips: OrderedDict[str, Clip] = OrderedDict()
        self._held = 0
        self._lock = Lock()
        self._told = False

    def path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.ulaw"

    def held(self, key: str) -> Clip | None:
        """The clip if it is in memory: no disk is touched."""
        with self._lock:
            clip = self._clips.get(key)
            if clip:
                self._clips.move_to_end(key)
            return clip

    def get(self, key: str) -> Clip | None:
        """The clip from memory or disk. A file that isn't whole frames (a machine that lost power) counts as none."""
        clip = self.held(key)
        if clip:
            return clip
        try:
            ulaw = self.path(key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._tell(error)
            return None
        if not ulaw or len(ulaw) % FRAME_BYTES:
            with contextlib.suppress(OSError):
                self.path(key).unlink()
            return None
        return self._hold(Clip(key, ulaw))

    def put(self, key: str, ulaw: bytes) -> Clip:
        """Keep whole frames of mu-law under a key, and give the clip back even if the disk is full."""
        path = self.path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(ulaw)
                os.chmod(name, 0o644)  # other processes of ours may run as another user
                os.replace(name, path)
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(name)
                raise
        except OSError as error:
            self._tell(error)
        return self._hold(Clip(key, ulaw))

    def _hold(self, clip: Clip) -> Clip:
        with self._lock:
            old = self._clips.pop(clip.key, None)
            self._held += len(clip.ulaw) - (len(old.ulaw) if old else 0)
            self._clips[clip.key] = clip
            while self._held > self.memory_bytes and len(self._clips) > 1:
                self._held -= len(self._clips.popitem(last=False)[1].ulaw)
        return clip

    def _tell(self, error: OSError) -> None:
        if not self._told:
            self._told = True
            log.warning("the audio cache %s can't be used, so audio is kept in memory: %s", self.folder, error.strerror)
