"""The call's ear: what is asked of a recogniser for a question, and what it makes of the caller's words."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from ivr import metrics
from ivr.channels.leg import CallLeg, Clip
from ivr.flow import cards
from ivr.flow.effects import Collect
from ivr.flow.inputs import Words
from ivr.prompts.written import written
from ivr.speech.endpoint import FRAME_BYTES, FRAME_SECONDS
from ivr.speech.recognise import DIGIT_KINDS, Heard, NoRecogniser, Want
from ivr.speech.recognise.listener import (
    Listener,
    ListenEvent,
    Partial,
    Pondering,
    SpeechBegan,
    Trouble,
    Understood,
    Whole,
    counted,
)
from ivr.speech.recognise.service import RecognitionService

log = structlog.get_logger("callwright.voice")

DIGITS = frozenset({"pin", "phone", "security_code", "expiry"})
KINDS = {"one_of": "name", "text": "open", "time": "open", **dict.fromkeys(DIGITS, "digits")}
"""What a recogniser calls the kinds of answers that it knows by another name."""
ALTERNATIVES = 8
SLACK = 0.1
"""Seconds by which frames may be late before they count as silence."""
SILENCE = b"\xff" * FRAME_BYTES
FREELY = 0.8
"""The confidence of words that were heard without a grammar to compare them with."""


class Ear:
    """One per call. Listens while a question is open that may be answered in words, and at no other time."""

    def __init__(self, leg: CallLeg, service: RecognitionService) -> None:
        self._leg = leg
        self._service = service
        self._events: asyncio.Queue[ListenEvent] = asyncio.Queue()
        self._listener: Listener | None = None
        self._next: asyncio.Task[ListenEvent] | None = None
        self._barge_in = True
        self._until = 0.0
        """The time up to which frames have come."""
        self._watch: asyncio.TimerHandle | None = None

    def open(self, ask: Collect, clips: Sequence[Clip]) -> bool:
        """Listen for the answer, while its prompt plays too; False where nobody could understand it."""
        wanted = want(ask)
        if not ask.speech or not self._service.understands(wanted):
            return False
        if self._listener is None:
            self._listener = Listener(self._service, self._events.put_nowait)
        try:
            self._begin(self._listener, wanted, ask)
        except NoRecogniser as error:
            log.info("no recogniser", why=str(error))
            return False
        self._until = asyncio.get_running_loop().time()
        self._leg.listen(self._frames)
        self._fill()
        self._barge_in = ask.voice_barge_in
        self.plays(clips)
        return True

    def plays(self, clips: Sequence[Clip]) -> None:
        """Our audio begins: all of it, so that its echo is known."""
        if self._listener is not None and clips:
            self._listener.prompt(b"".join(clip.ulaw for clip in clips), barge_in=self._barge_in)

    def again(self, ask: Collect) -> None:
        """Listen on: what came was a noise. What was said meanwhile counts."""
        if self._listener is not None:
            self._begin(self._listener, want(ask), ask)
            self._listener.catch_up()

    @staticmethod
    def _begin(listener: Listener, wanted: Want, ask: Collect) -> None:
        listener.begin(wanted, end_silence=ask.end_silence, longest=ask.max_seconds, whole=whole(ask, wanted))

    def prompt_ended(self) -> None:
        if self._listener is not None:
            self._listener.prompt_ended()

    def _frames(self, data: bytes) -> None:
        assert self._listener is not None
        self._until = asyncio.get_running_loop().time()
        self._listener.frames(data)

    def _fill(self) -> None:
        """Telephones that send nothing while their user is silent (RFC 3389, 3): hear that as silence."""
        missing = int((asyncio.get_running_loop().time() - self._until - SLACK) / FRAME_SECONDS)
        if missing > 0:
            self._frames(SILENCE * missing)
        self._watch = asyncio.get_running_loop().call_later(SLACK, self._fill)

    def close(self) -> None:
        """The question is over."""
        if self._watch is not None:
            self._watch.cancel()
        self._leg.listen(None)
        if self._listener is not None:
            self._listener.prompt_ended()
            self._listener.stop()
        if self._next is not None:
            self._next.cancel()
            self._next = None
        while not self._events.empty():
            self._events.get_nowait()

    @property
    def next(self) -> asyncio.Task[ListenEvent]:
        """Done when something was heard; then `take` it."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._events.get())
        return self._next

    def take(self) -> ListenEvent | None:
        """What was heard, if anything."""
        if self._next is None or not self._next.done():
            return None
        event, self._next = self._next.result(), None
        return event


def want(ask: Collect) -> Want:
    """What a recogniser is asked for by a question."""
    meant = [_choice(ask, phrase) or phrase for phrase in ask.phrases]
    numbers: dict[str, int] = {}
    return Want(
        language=ask.language or "en",
        kind=KINDS.get(ask.kind, ask.kind),
        phrases=ask.phrases,
        meanings=tuple(numbers.setdefault(one, len(numbers)) for one in meant),
        hints=ask.hints,
        at_least=ask.at_least,
        at_most=ask.at_most,
        secret=ask.secret,
    )


def words(event: Understood | Trouble, ask: Collect) -> Words | None:
    """The Input for what was heard; `None` for a noise.

    Where anything may be said, words that are none of the phrases count as heard freely: how sure it is then that
    they mean something is for the flow's intents to say.
    """
    if isinstance(event, Trouble):
        metrics.FAULTS.labels("speech", type(event.error).__name__).inc()
        log.warning("speech could not be recognised", why=type(event.error).__name__)
        return Words("", 0.0, unheard=True)
    heard: Heard = event.heard
    if not heard.text:
        return None
    others = [other.text for other in heard.alternatives if other.text != heard.text]
    confidence = max(heard.confidence, FREELY) if ask.open and not heard.matched else sure(heard, ask)
    return Words(heard.text, confidence, tuple(others[:ALTERNATIVES]))


def sure(heard: Heard, ask: Collect) -> float:
    """How likely it is that the caller meant what the best reading means: "another" and "another amount" may both be
    one choice of a menu, and which of the two was said then matters to nobody."""
    meant = _choice(ask, heard.text)
    if meant is None or not heard.matched:
        return heard.confidence
    alike = sum(other.confidence for other in heard.alternatives if _choice(ask, other.text) == meant)
    return min(1.0, max(heard.confidence, round(alike, 4)))


def whole(ask: Collect, wanted: Want) -> Whole:
    """When an answer needs nothing more: a number with all its digits, a card's with its check digit too, words that
    mean a choice to which no other begins alike. Where anything may be said as well, more may follow ("no, ten
    twenty")."""
    if wanted.kind == "card":
        simple = counted(wanted)
        return Whole(lambda heard: heard.confidence if cards.whole(heard.text) else simple.judge(heard), cards.SHORTEST)
    if wanted.kind in DIGIT_KINDS:
        return counted(wanted)
    meanings: dict[str, set[str]] = {}
    for phrase in ask.phrases:
        meanings.setdefault(_first(phrase), set()).add(_choice(ask, phrase) or phrase)

    def judge(heard: Heard) -> float:
        alike = meanings.get(_first(heard.text), set())
        return sure(heard, ask) if heard.matched and not ask.open and len(alike) == 1 else 0.0

    return Whole(judge)


def _first(phrase: str) -> str:
    return phrase.casefold().partition(" ")[0]


def _choice(ask: Collect, text: str) -> str | None:
    """The key of the choice that words stand for."""
    said = text.casefold()
    for choice in ask.choices:
        if any(said == words.casefold() for words in (*choice.words, written(choice.label))):
            return choice.key
    return None


__all__ = ["Ear", "Partial", "Pondering", "SpeechBegan", "Trouble", "Understood", "want", "whole", "words"]
