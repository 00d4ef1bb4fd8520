"""The text channel's fold: what a flow wants of the world as messages to send. SMS, chat and mail share it.

Everything up to the next answer is one message: what was said, then the question, then its choices as a numbered list.
"""

from __future__ import annotations

from collections.abc import Sequence

from ivr.flow.effects import Collect, Effect, End, RunAction, Say
from ivr.flow.inputs import Words
from ivr.prompts.written import written


def messages(effects: Sequence[Effect]) -> list[str]:
    """The messages that these effects make, in order; none for effects that say nothing."""
    out: list[str] = []
    lines: list[str] = []
    for effect in effects:
        match effect:
            case Say(prompt):
                lines.append(written(prompt))
            case Collect():
                lines += question(effect)
                _flush(lines, out)
            case RunAction() | End():
                _flush(lines, out)
    _flush(lines, out)
    return out


def question(ask: Collect) -> list[str]:
    """The lines of one question. The customer may answer with a choice's key or its words."""
    lines = [written(prompt) for prompt in ask.prompts]
    return lines + [f"{choice.key}. {written(choice.label)}" for choice in ask.choices]


def answer(body: str) -> Words:
    """A customer's message as the Input that answers a `Collect`."""
    return Words(body.strip())


def _flush(lines: list[str], out: list[str]) -> None:
    text = "\n".join(line for line in lines if line)
    if text:
        out.append(text)
    lines.clear()
