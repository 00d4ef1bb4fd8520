"""Asking: play the prompt, take keys one by one, and time as it passes, until there is an answer."""

from __future__ import annotations

from collections.abc import Sequence

from ivr.channels.leg import Clip, Digit, PlayEnded
from ivr.channels.voice.line import Line
from ivr.flow import collect
from ivr.flow.effects import Collect
from ivr.flow.inputs import Keys


def begin(line: Line, ask: Collect) -> Keys | None:
    """Open the question; gives its answer if that was keyed ahead: then the prompt needn't be played."""
    line.keys, answer = collect.begin(line.keys, ask, line.now())
    return None if answer is None else Keys(answer)


async def answer(line: Line, ask: Collect, clips: Sequence[Clip]) -> Keys:
    """Play the prompt and wait for the answer; no key at all is an answer too. Raises `Gone`."""
    play = line.leg.play(clips) if clips else None
    if play is None:
        line.keys = collect.prompt_ended(line.keys, line.now())
    line.leg.pause_recording(ask.secret)
    keys = await _keys(line, ask, play)
    line.leg.pause_recording(False)
    if keys:
        line.leg.stop()
    return Keys(keys)


async def _keys(line: Line, ask: Collect, play: int | None) -> str:
    held: list[Digit] = []  # keys that came while the prompt may not be interrupted
    while True:
        event = await line.event(line.keys.deadline)
        found: str | None = None
        match event:
            case None:
                line.keys, found = collect.tick(line.keys, line.now())
            case PlayEnded(ended) if ended == play:
                play = None
                line.keys = collect.prompt_ended(line.keys, line.now())
                for digit in held:
                    # Once there is an answer the rest is kept for the next question.
                    complete = line.press(digit)
                    found = complete if found is None else found
                held = []
            case Digit() if play is not None and not ask.barge_in:
                held.append(event)
            case Digit():
                if play is not None:
                    line.leg.stop()
                    play = None
                found = line.press(event)
        if found is not None:
            return found
