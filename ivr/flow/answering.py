"""What all questions do: global keys and words, confirmation, and what happens when nothing or nonsense comes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ivr.flow.answers.yes_no import KEYS as YES_NO
from ivr.flow.answers.yes_no import YesNo, choices, phrases
from ivr.flow.effects import Collect
from ivr.flow.inputs import Input, Keys, Words
from ivr.flow.question import Question
from ivr.flow.turn import Goto, Leave, Turn
from ivr.flow.understand.digits import digits
from ivr.flow.understand.lexicon import lexicon
from ivr.flow.understand.tokens import digits_of
from ivr.prompts.parts import Prompt

GLOBAL_WORDS = ("person", "back", "repeat")
CARD_LENGTHS = range(12, 20)
MASKED = "•••"
START_OVER = "start over"
"""A target that no file can name: to the first of the secrets that are asked for here."""


def global_answer(turn: Turn, given: Keys | Words, own: Iterable[str] = ()) -> Goto | str | None:
    """What a global key or word asks for: a target, `"repeat"`, or `None` if it is no global one.

    `own` are the answers that the step itself knows; those win.
    """
    keys = turn.company.keys
    if isinstance(given, Keys):
        if given.digits in own:
            return None
        match given.digits:
            case keys.person:
                return Goto("person")
            case keys.back:
                return Goto("back")
            case keys.repeat:
                # whoever keys a secret while an agent waits is told that this key starts over
                return Goto(START_OVER) if turn.can("assisted") and turn.is_secret(turn.stack[-1]) else "repeat"
        return None
    tongue = lexicon(turn.language)
    said = {normal(given.text), tongue.plain(given.text)}
    for name in GLOBAL_WORDS:
        listed = turn.words(f"system.words.{name}")
        if said & {form for word in listed for form in (normal(word), tongue.plain(word))}:
            return "repeat" if name == "repeat" else Goto(name)
    return None


def global_keys(turn: Turn, own: Iterable[str]) -> tuple[str, ...]:
    """The global keys that a step doesn't use itself."""
    keys = turn.company.keys
    return tuple(key for key in (keys.person, keys.repeat, keys.back) if key not in own)


def global_phrases(turn: Turn) -> tuple[str, ...]:
    return tuple(word for name in GLOBAL_WORDS for word in turn.words(f"system.words.{name}"))


def normal(text: str) -> str:
    """Words without case, punctuation and double spaces."""
    return " ".join(re.sub(r"[^\w\s']", " ", text.casefold()).split())


def on_record(text: str, language: str) -> str:
    """Words as they may be kept: dots for what may be a card's number."""
    figures = (digits_of(run) for run in re.findall(r"\d(?:[\s.-]*\d)+", text))
    long = any(len(said) in CARD_LENGTHS for said in (*figures, *digits(text, lexicon(language))))
    return MASKED if long else text[:500]


def heard(turn: Turn, given: Input, secret: bool = False) -> None:
    """Put the caller's words in the event log: dots for a secret, and for what may be a card's number."""
    if isinstance(given, Words) and given.text.strip():
        words = MASKED if secret else on_record(given.text, turn.language)
        turn.event("heard", step=turn.stack[-1][1], words=words, confidence=round(given.confidence, 3))


def ask_again(
    turn: Turn,
    step: Question,
    kind: str,
    why: str | None = None,
    extra: Mapping[str, Any] | None = None,
    given: Input | None = None,
    **state: Any,
) -> Leave:
    """Count a failed attempt (no_input or no_match); say why and ask again, or leave by `kind`. `state` comes back with
    the answer.

    Without `why` the usual words are said, or the step's own `again` prompt alone. Words that weren't understood
    count towards taking only keys.
    """
    turn.event(kind, step=turn.stack[-1][1], attempt=turn.tries.get(kind, 0) + 1)
    failed = turn.tried(kind)
    before = step.keys_only(turn)
    if kind == "no_match" and isinstance(given, Words):
        turn.tried("speech")
    if failed >= step.attempts_in(turn):
        return kind
    if step.keys_only(turn) and not before:
        turn.say("system.keys_only")
    elif why is not None or not step.again:
        turn.say(why or f"system.{kind}", extra)
    return ask(turn, step.collect(turn), **state)


def unheard(turn: Turn, step: Question, **state: Any) -> Leave:
    """The caller spoke and we couldn't listen: say so, and go on with keys alone. No attempt is counted; `state` comes
    back with the answer."""
    turn.event("unheard", step=turn.stack[-1][1])
    if not step.keyed(turn) or not turn.can("keys"):
        return "failed"
    turn.tries["speech"] = turn.company.defaults.keys_only_after
    turn.say("system.keys_only")
    return ask(turn, step.collect(turn), **state)


def ask(turn: Turn, collect: Collect, **state: Any) -> Leave:
    """Ask, and wait for the answer."""
    turn.emit(collect)
    return turn.wait("Keys", "Words", **state)


def confirm(turn: Turn, step: Question, prompt: Prompt, **state: Any) -> Leave:
    """Ask whether something is right; `state` comes back with the answer."""
    return ask(turn, confirmation(turn, step, prompt), **state)


def confirmation(turn: Turn, step: Question, prompt: Prompt) -> Collect:
    return Collect(
        (prompt,),
        YesNo.name,
        (*YES_NO, *global_keys(turn, YES_NO)),
        choices=choices(turn),
        phrases=(*phrases(turn), *global_phrases(turn)),
        # A correction may come instead: no, ten twenty.
        open=True,
        **step.manner(turn, YesNo.end_silence, YesNo.max_seconds),
    )


def confirm_again(turn: Turn, step: Question, given: Input, prompt: Prompt, **state: Any) -> Leave:
    """Neither yes nor no came: count that, and ask for it again or leave."""
    kind = "no_input" if nothing(given) else "no_match"
    turn.event(kind, step=turn.stack[-1][1], attempt=turn.tries.get(kind, 0) + 1)
    if turn.tried(kind) >= step.attempts_in(turn):
        return kind
    turn.say(f"system.{kind}")
    return confirm(turn, step, prompt, **state)


def nothing(given: Input) -> bool:
    """Whether an answer is no input at all."""
    return (isinstance(given, Keys) and not given.digits) or (isinstance(given, Words) and not given.text.strip())
