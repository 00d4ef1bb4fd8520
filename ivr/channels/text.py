"""The text channel's fold: what a flow wants of the world as messages to send. SMS, chat and mail share it.

Everything up to the next answer is one message: what was said, then the question, then its choices as a numbered list.
"""

from __future__ import annotations

from collections.abc import Sequence

from ivr.flow.effects import Collect, Effect, End, Enqueue, RequestCallback, RunAction, Say
from ivr.flow.inputs import Words
from ivr.prompts.written import written

MAX_WORDS = 4000
"""Characters of a message that a flow reads."""


def messages(effects: Sequence[Effect]) -> list[str]:
    """The messages that these effects make, in order; none for effects that say nothing."""
    sent, held = fold(effects)
    return [*sent, held] if held else sent


def fold(effects: Sequence[Effect], carried: str = "") -> tuple[list[str], str]:
    """The messages that these effects make, and what is said before an action: that is held back, to be sent with
    what the action leads to (`carried` is what was held so)."""
    out: list[str] = []
    lines: list[str] = [carried]
    acting = False
    for effect in effects:
        match effect:
            case Say(prompt):
                lines.append(written(prompt))
            case Collect():
                lines += question(effect)
                _flush(lines, out)
            case RunAction() | RequestCallback() | Enqueue(told=False):
                acting = True
            case End():
                _flush(lines, out)
    held: list[str] = []
    _flush(lines, held if acting else out)
    return out, "".join(held)


def question(ask: Collect) -> list[str]:
    """The lines of one question. The customer may answer with a choice's key or its words."""
    lines = [written(prompt) for prompt in ask.prompts]
    return lines + [f"{choice.key}. {written(choice.label)}" for choice in ask.choices]


def choices(effects: Sequence[Effect]) -> list[dict[str, str]]:
    """What can be answered to the question that these effects end with: each choice's key and label, for channels
    that have buttons."""
    asked = next((effect for effect in reversed(effects) if isinstance(effect, Collect)), None)
    return [{"key": choice.key, "label": written(choice.label)} for choice in asked.choices] if asked else []


def answer(body: str) -> Words:
    """A customer's message as the Input that answers a `Collect`."""
    return Words(body.strip())


def _flush(lines: list[str], out: list[str]) -> None:
    text = "\n".join(line for line in lines if line)
    if text:
        out.append(text)
    lines.clear()
