"""The run that has a data folder: one at a time, and where commands in another terminal find it."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ivr.finding import readable_by_others
from ivr.settings import Settings
from ivr.startup import CannotStart

LOCK = "run.lock"
"""Held for as long as the run goes on; what it says is the web server's port."""


@contextmanager
def only_one(data_dir: Path) -> Iterator[Callable[[int], None]]:
    """Hold `data_dir`'s lock; gives what to tell the web server's port to. Raises `CannotStart` where another run has
    it."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if open_to := readable_by_others(data_dir):
        with suppress(OSError):  # another user's folder: the doctor says it
            data_dir.chmod(data_dir.stat().st_mode & ~open_to)
    with (data_dir / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotStart(f"{data_dir} is in use by another `callwright run`; stop it or set DATA_DIR") from None
        lock.truncate(0)

        def listens(port: int) -> None:
            lock.write(str(port))
            lock.flush()

        yield listens


def as_running(settings: Settings) -> Settings:
    """With the port that the run in this data folder listens on: it takes a free one where the usual one is taken."""
    try:
        with (settings.data_dir / LOCK).open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return settings.model_copy(update={"port": int(lock.read())})
    except (OSError, ValueError):  # nothing ever ran here, or it is only starting
        pass
    return settings
