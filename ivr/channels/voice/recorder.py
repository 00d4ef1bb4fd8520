"""Recording the caller: a tone, then a file, then a row that names it."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime
from pathlib import Path

import structlog
from sqlalchemy.engine import Engine

from callcenter import recordings
from ivr.channels.leg import HungUp, RecordingEnded
from ivr.channels.voice.line import Line
from ivr.flow.effects import Record
from ivr.speech.pcm import beep

log = structlog.get_logger("callwright.voice")


async def record(line: Line, effect: Record, folder: Path) -> RecordingEnded:
    """Record until the caller is done or gone. Raises `LegOver` where the leg ended before recording began."""
    if effect.beep:
        await line.play([beep()], interruptible=False)
    path = folder / f"{uuid.uuid4().hex}.wav"
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    except OSError as error:
        log.error("recordings can't be kept", why=error.strerror)
        return RecordingEnded(path, 0.0, "error")
    line.leg.record(
        path,
        max_seconds=effect.max_seconds,
        finish_on=effect.finish_on,
        silence_seconds=effect.silence_seconds or None,
    )
    while True:
        event = await line.leg.next_event()
        if isinstance(event, RecordingEnded):
            return event
        if isinstance(event, HungUp):
            return RecordingEnded(path, 0.0, "error")  # the leg was lost with its recording


def keep(engine: Engine, effect: Record, ended: RecordingEnded, contact_id: str, caller: str) -> str:
    """Register a recording; gives its id. Blocking. Raises SQLAlchemy's errors and `OSError`."""
    with engine.begin() as connection:
        return recordings.keep(
            connection,
            path=ended.path,
            seconds=ended.seconds,
            kind=effect.kind,
            contact_id=contact_id,
            number=caller,
            at=datetime.now(UTC),
        )
