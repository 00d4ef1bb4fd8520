"""What the caller waits for on the line: an action at work, another party being called."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future

import structlog

from ivr.channels.leg import Clip, Digit, PlayEnded, ReferEnded
from ivr.channels.voice.line import Line
from ivr.flow.effects import RunAction
from ivr.flow.inputs import ActionDone, TransferEnded

log = structlog.get_logger("callwright.voice")

LATE = 2.0
"""Seconds beyond an action's own budget in which it may still say how it ended."""
BUSY, NO_ANSWER = frozenset({486, 600}), frozenset({408, 480})


async def act(
    line: Line, running: Future[ActionDone], action: RunAction, filler: Callable[[], Awaitable[list[Clip]]]
) -> ActionDone:
    """Wait for an action, with its filler from time to time. Keys are kept. Raises `Gone`; the action goes on."""
    done = asyncio.wrap_future(running)
    ends = line.now() + action.budget + LATE
    fill_at = line.now() + action.filler_after
    playing: int | None = None
    while not done.done():
        if line.now() >= ends:
            log.error("an action is late", action=action.name, budget=action.budget)
            return ActionDone(action.call, "failed", {"error": "late"})
        event = await line.event(min(ends, fill_at), until=done)
        if isinstance(event, Digit):
            line.press(event)
        if isinstance(event, PlayEnded) and event.play == playing:
            playing, fill_at = None, line.now() + 2 * action.filler_after
        if event is None and not done.done() and playing is None and action.filler and line.now() >= fill_at:
            playing, fill_at = line.leg.play(await filler()), ends
    if playing is not None:
        line.leg.stop()
    return done.result()


async def transfer(line: Line, target: str) -> TransferEnded:
    """Have the peer call somebody else (REFER), and wait for how that ends. Raises `Gone`."""
    try:
        line.leg.refer(target)
    except ValueError as error:
        log.error("a transfer to what is no address", why=str(error))
        return TransferEnded("failed")
    while True:
        event = await line.event()
        if isinstance(event, ReferEnded):
            break
    if 200 <= event.status < 300:
        return TransferEnded("answered")
    return TransferEnded("busy" if event.status in BUSY else "no_answer" if event.status in NO_ANSWER else "failed")
