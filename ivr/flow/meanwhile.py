"""What a caller says who waits in a queue: what may be said, what it means, and whether to ask if it was meant. Pure.

People talk to each other while they wait. So what isn't surely one of the choices is never asked about, counted or put
on record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ivr.flow.answering import heard
from ivr.flow.answers.yes_no import KEYS as YES_NO
from ivr.flow.answers.yes_no import YesNo, choices, meaning, phrases
from ivr.flow.effects import Choice, Collect
from ivr.flow.inputs import Keys, Words
from ivr.flow.question import bands, manner
from ivr.flow.turn import Turn
from ivr.flow.verbs.menu import END_SILENCE, MAX_SECONDS, choose

MOST = 2
"""So often words may turn out to be none of the choices until nobody listens any more, up to the next announcement."""


def speaks(turn: Turn, speech: bool | None) -> bool:
    """Whether a choice may be said. Something plays all the time, so the caller's voice has to be let cut it short."""
    how = manner(turn, END_SILENCE, MAX_SECONDS, speech=speech)
    return bool(how["speech"] and how["voice_barge_in"])


def listen(turn: Turn, offered: Sequence[Choice], said: Mapping[str, tuple[str, ...]], speech: bool | None) -> Collect:
    """What to listen for. `said` are what can be said for each key, `speech` is the step's wish."""
    return Collect(
        prompts=(),
        kind="menu",
        accept=tuple(choice.key for choice in offered),
        finish_on="",
        choices=tuple(offered),
        phrases=tuple(dict.fromkeys(phrase for spoken in said.values() for phrase in spoken)),
        **{**manner(turn, END_SILENCE, MAX_SECONDS, speech=speech), "speech": speaks(turn, speech)},
    )


def meant(turn: Turn, given: Words, said: Mapping[str, tuple[str, ...]]) -> tuple[str, bool] | None:
    """The key of the choice that words stand for, and whether that is sure; `None` for no choice."""
    wish = choose(turn, said, given.text) if given.text.strip() else None
    sure = 0.0 if wish is None else min(wish.sure, given.confidence)
    accept, confirm = bands(turn)
    if wish is None or sure < confirm:
        return None
    heard(turn, given)
    return wish.exit, sure >= accept


def whether(turn: Turn, label: str, speech: bool | None) -> Collect:
    """Ask whether that choice was meant."""
    return Collect(
        (turn.prompt("system.did_you_want", {"label": label}),),
        YesNo.name,
        YES_NO,
        finish_on="",
        choices=choices(turn),
        phrases=phrases(turn),
        **manner(turn, YesNo.end_silence, YesNo.max_seconds, speech=speech),
    )


def confirmed(turn: Turn, given: Keys | Words) -> bool:
    """Whether the answer to `whether` is a yes; nothing at all is none."""
    if isinstance(given, Words) and given.confidence < bands(turn).confirm:
        return False
    heard(turn, given)
    return meaning(turn, given) is True
