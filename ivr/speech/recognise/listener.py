"""One call's ears: from the line's frames to answers. Puts together the voice detector, the decision to stop our own
audio, the ends of answers and the recognition service; the call says what it wants and is told what happened.

    listener = Listener(service, on_event=events.put_nowait)
    stream.listen(listener.frames)
    listener.begin(want)                       # a question; before its prompt
    listener.prompt(audio, barge_in=True)      # its prompt plays
    listener.prompt_ended()
    ...                                        # SpeechBegan, Partial, then Understood or Trouble
    listener.stop()                            # a key was pressed, or nobody spoke
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ivr.speech.barge import BargeIn
from ivr.speech.endpoint import (
    FRAME_BYTES,
    Classify,
    Ended,
    Endpoint,
    EndpointEvent,
    Paused,
    Resumed,
    Started,
    webrtc,
)
from ivr.speech.recognise import DIGIT_KINDS, Heard, RecognitionError, Want
from ivr.speech.recognise.service import Listening, RecognitionService

PONDERING = 1.3
"""Seconds from the end of speech until a caller should hear that we are still there, and at least so many from the
end of the answer: what comes in time needs no word."""
AT_LEAST = 0.3
SURE = 0.9
"""Confidence from which a whole answer is taken after the shorter silence."""
FOLLOWED = 0.85
"""Of the caller's time for a digit: when so much was said for each digit that is asked for, all may have been."""
UNKNOWN = 0.5
"""The confidence of what a streaming engine has so far."""
MISSED_FRAMES = 250
"""5 s of what was said while an answer was being understood."""
SOFT_FRAMES = 5
"""The soft beginning of a word, before what is noticed of it."""
KEPT_FRAMES = 40
"""0.8 s of what was said over a prompt before we were sure that it is the caller."""


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The caller speaks. `over_prompt`: while our audio plays, which is to stop now."""

    over_prompt: bool


@dataclass(frozen=True, slots=True)
class Partial:
    """What is understood so far; never of a secret answer."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Understood:
    """The answer. `text` is "" for a noise. `seconds` is from the end of speech to now; `cut` says that the caller
    went on for too long."""

    heard: Heard
    seconds: float
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """The caller has spoken and nothing can be made of it for a technical reason: ask for keys."""

    error: RecognitionError


@dataclass(frozen=True, slots=True)
class Pondering:
    """The caller has spoken, and what was said is not understood yet: time to let them hear something."""


ListenEvent = SpeechBegan | Partial | Understood | Trouble | Pondering


@dataclass(frozen=True, slots=True)
class Whole:
    """When an answer needs nothing more. `judge` gives how likely what was heard is that (0 to 1, 0 for no whole
    answer), a whole number has at least `digits`."""

    judge: Callable[[Heard], float]
    digits: int = 0


def counted(want: Want) -> Whole:
    """Where nothing else is known: a number with all the digits that it may have. What is said in a number's stead is
    whole, other words may go on."""

    def judge(heard: Heard) -> float:
        best = heard.text if heard.matched or not heard.alternatives else heard.alternatives[0].text
        number = best.isdecimal() and len(best) >= want.at_most
        instead = heard.matched and best in want.phrases
        return heard.confidence if want.kind in DIGIT_KINDS and (number or instead) else 0.0

    return Whole(judge, want.at_most if want.kind in DIGIT_KINDS and want.at_most > 1 else 0)


class Listener:
    """Belongs to the event loop. `on_event` is called from it, in order; after `stop` nothing comes of what was asked
    before. Without `classify` WebRTC's detector is taken (ImportError where it is not installed)."""

    def __init__(
        self,
        service: RecognitionService,
        on_event: Callable[[ListenEvent], None],
        *,
        classify: Classify | None = None,
    ) -> None:
        self._service = service
        self._on_event = on_event
        self._classify = classify or webrtc()
        self._barge = BargeIn()
        self._playing = False
        self._may_barge = False
        self._recent: deque[tuple[bytes, bool]] = deque(maxlen=KEPT_FRAMES)
        self._missed: deque[tuple[bytes, bool]] = deque(maxlen=MISSED_FRAMES)
        self._want: Want | None = None
        self._endpoint: Endpoint | None = None
        self._listening: Listening | None = None
        self._answering: asyncio.Task[None] | None = None
        self._over_prompt = False
        self._whole = counted(Want())

    def begin(self, want: Want, *, end_silence: float = 0.0, longest: float = 0.0, whole: Whole | None = None) -> None:
        """Listen for an answer from now on, or from the end of the prompt if that may not be interrupted. May be
        called again after an answer. `end_silence` and `longest` are `Endpoint.of`'s. Raises `NoRecogniser` where
        nobody understands such an answer."""
        self.stop()
        self._service.check(want)
        self._want, self._whole = want, whole or counted(want)
        self._endpoint = Endpoint.of(want.kind, end_silence=end_silence, longest=longest, at_least=self._whole.digits)

    def catch_up(self) -> None:
        """After `begin`: hear what has come since the last answer ended, which was none. A caller whose cough took a
        busy recogniser a second has said the words by then, and would wait for us as we for them."""
        missed, self._missed = list(self._missed), deque(maxlen=MISSED_FRAMES)
        self._replay(missed)

    def stop(self) -> None:
        """Stop listening for an answer; what was said is dropped."""
        if self._answering:
            self._answering.cancel()
        if self._listening:
            self._listening.cancel()
        self._want = self._endpoint = self._listening = self._answering = None
        self._over_prompt = False

    def prompt(self, mulaw: bytes, *, barge_in: bool) -> None:
        """Our audio begins to play: all of it, so that its echo is known."""
        self._playing, self._may_barge = True, barge_in
        self._barge.playing(mulaw)

    def prompt_ended(self) -> None:
        """Our audio is over or was stopped. Who had just begun to speak is heard from there on."""
        waiting = self._endpoint is not None and not self._answering and not self._over_prompt
        begun = self._barge.suspected if waiting and self._playing and self._may_barge else 0
        self._playing = False
        self._barge.stopped()
        if begun:
            recent = list(self._recent)
            self._replay([(frame, False) for frame, _ in recent[-begun - SOFT_FRAMES : -begun]])  # perhaps an echo
            self._replay(recent[-begun:])

    def frames(self, data: bytes) -> None:
        """Take received audio: whole 20 ms frames of mu-law."""
        for start in range(0, len(data) - FRAME_BYTES + 1, FRAME_BYTES):
            self._frame(data[start : start + FRAME_BYTES])

    def _frame(self, frame: bytes) -> None:
        voiced = self._classify(frame)
        barged = self._barge.hear(frame, voiced)
        self._recent.append((frame, voiced))
        if self._endpoint is None or self._answering:
            if not self._playing:  # of what comes while we speak it isn't known whose it is
                self._missed.append((frame, voiced))
            return
        if self._playing and not self._over_prompt:
            if barged and self._may_barge:
                self._over_prompt = True
                self._replay(list(self._recent))
                if self._endpoint is not None and not self._endpoint.speaking:  # no time to lose by counting frames
                    self._endpoint, begun = self._endpoint.begin()
                    self._happened(begun)
            return
        self._step(frame, voiced)

    def _replay(self, frames: list[tuple[bytes, bool]]) -> None:
        for frame, voiced in frames:
            if self._endpoint is None or self._answering:
                self._missed.append((frame, voiced))
            else:
                self._step(frame, voiced)

    def _step(self, frame: bytes, voiced: bool) -> None:
        assert self._endpoint is not None
        before = self._endpoint.speaking
        self._endpoint, event = self._endpoint.hear(frame, voiced)
        if before and self._listening:
            self._listening.feed(frame)
        if event:
            self._happened(event)

    def _happened(self, event: EndpointEvent) -> None:
        match event:
            case Started(audio):
                self._started(audio)
            case Paused() if self._listening and self._endpoint:
                self._listening.paused(self._endpoint.voiced)
            case Resumed() if self._listening and self._endpoint and self._want:
                self._listening.resumed()
                self._endpoint = self._endpoint.understood(self._want.kind not in DIGIT_KINDS)
            case Ended(silence, cut) if self._listening:
                self._missed.clear()
                self._answering = asyncio.ensure_future(self._answer(self._listening, silence, cut))

    def _started(self, audio: bytes) -> None:
        assert self._want is not None
        try:
            self._listening = self._service.hear(self._want, self._partial, self._guessed)
        except RecognitionError as error:
            self.stop()
            self._on_event(Trouble(error))
            return
        self._listening.feed(audio)
        self._on_event(SpeechBegan(self._over_prompt))

    async def _answer(self, listening: Listening, silence: float, cut: bool) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        pondering = loop.call_later(max(AT_LEAST, PONDERING - silence), self._on_event, Pondering())
        event: ListenEvent
        try:
            heard = await listening.result(max(AT_LEAST, self._service.deadline - silence))
            event = Understood(heard, silence + loop.time() - began, cut)
        except RecognitionError as error:
            event = Trouble(error)
        finally:
            pondering.cancel()
        self._answering = None
        self.stop()
        self._on_event(event)

    def _partial(self, text: str) -> None:
        if text:
            self._on_event(Partial(text))
        self._consider(Heard(text, UNKNOWN))

    def _guessed(self, heard: Heard, voiced: int, lasts: bool) -> None:
        self._learn_pace(heard, voiced)
        if not lasts:
            return
        if heard.text and self._want and not self._want.secret:
            self._on_event(Partial(heard.text))
        self._consider(heard)

    def _consider(self, heard: Heard) -> None:
        """What is understood so far: is it an answer already?"""
        if self._endpoint and self._want:
            whole = self._whole.judge(heard)
            self._endpoint = self._endpoint.understood(
                whole > 0 or self._want.kind not in DIGIT_KINDS, heard.matched and whole >= SURE
            )

    def _learn_pace(self, heard: Heard, voiced: int) -> None:
        """Of a number some digits are there, in so many frames with speech: it is not to be understood again in every
        pause before the rest."""
        count = len(heard.text) if heard.text.isdecimal() else 0
        if self._endpoint and 1 < count < self._whole.digits:
            self._endpoint = self._endpoint.expecting(round(FOLLOWED * voiced / count * self._whole.digits))
