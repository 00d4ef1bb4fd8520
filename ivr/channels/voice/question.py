"""Asking: play the prompt, take keys one by one, words, and time as it passes, until there is an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ivr.channels.leg import Clip, Digit, PlayEnded
from ivr.channels.voice.ear import Ear, Partial, Pondering, SpeechBegan, Trouble, Understood, words
from ivr.channels.voice.line import Line
from ivr.flow import collect
from ivr.flow.effects import Collect
from ivr.flow.inputs import Keys, Words


def begin(line: Line, ask: Collect) -> Keys | None:
    """Open the question; gives its answer if that was keyed ahead: then the prompt needn't be played."""
    line.keys, answer = collect.begin(line.keys, ask, line.now())
    return None if answer is None else Keys(answer)


@dataclass(frozen=True, slots=True)
class Besides:
    """What is done with words and keys beside taking them for an answer: `partial` is told what is understood so far,
    `filler` gives what is played while a recogniser takes its time, from memory or a small file; `keyed` is told how
    many keys of the answer have come."""

    partial: Callable[[str], None] = lambda text: None
    filler: Callable[[], Sequence[Clip]] = tuple
    keyed: Callable[[int], None] = lambda count: None


async def answer(
    line: Line, ask: Collect, clips: Sequence[Clip], ear: Ear | None = None, besides: Besides | None = None
) -> Keys | Words:
    """Play the prompt and wait for the answer; nothing at all is an answer too. Raises `Gone`."""
    question = _Question(line, ask, clips, ear, besides or Besides())
    line.leg.pause_recording(ask.secret)
    try:
        found = await question.answer()
    finally:
        question.close()
    line.leg.pause_recording(False)
    if found != Keys(""):
        line.leg.stop()
    return found


class _Question:
    """One open question. `play` is its prompt's number while that plays."""

    def __init__(self, line: Line, ask: Collect, clips: Sequence[Clip], ear: Ear | None, besides: Besides) -> None:
        self.line = line
        self.ask = ask
        self.besides = besides
        self.pondered = False
        self.ear = ear if ear is not None and ear.open(ask, clips) else None
        self.play = line.leg.play(clips) if clips else None
        self.held: list[Digit] = []  # keys that came while the prompt may not be interrupted
        if self.play is None:
            self._prompt_over()

    def close(self) -> None:
        if self.ear is not None:
            self.ear.close()
        self.line.keys = collect.cancel(self.line.keys)

    async def answer(self) -> Keys | Words:
        line = self.line
        while True:
            event = await line.event(line.keys.deadline, until=self.ear.next if self.ear else None)
            spoken = self.ear.take() if self.ear is not None and event is None else None
            found: Keys | Words | None
            match event or spoken:
                case None:
                    line.keys, keys = collect.tick(line.keys, line.now())
                    found = None if keys is None else Keys(keys)
                case PlayEnded(ended):
                    found = self._played() if ended == self.play else None
                case Digit() as digit:
                    found = self._pressed(digit)
                case SpeechBegan():
                    self._speaks()
                    found = None
                case Partial(text):
                    self.besides.partial(text)
                    found = None
                case Pondering():
                    self.pondered = True
                    line.leg.play(self.besides.filler())
                    found = None
                case (Understood() | Trouble()) as words:
                    found = self._spoken(words)
                case _:
                    found = None
            if found is not None:
                return found

    def _played(self) -> Keys | None:
        self._prompt_over()
        found: Keys | None = None
        for digit in self.held:
            # Once there is an answer the rest is kept for the next question.
            keys = self.line.press(digit)
            found = Keys(keys) if found is None and keys is not None else found
        self.held = []
        return found

    def _pressed(self, digit: Digit) -> Keys | None:
        """A key always wins over words."""
        if self.play is not None and not self.ask.barge_in:
            self.held.append(digit)
            return None
        self._stop_prompt()
        if self.ear is not None:
            self.ear.close()
            self.ear = None
        keys = self.line.press(digit)
        self.besides.keyed(len(self.line.keys.digits if keys is None else keys))
        return None if keys is None else Keys(keys)

    def _speaks(self) -> None:
        """The caller has begun to speak: our audio stops, and the time for a first key no longer runs."""
        self._stop_prompt()
        self.line.keys = replace(self.line.keys, deadline=None)

    def _spoken(self, heard: Understood | Trouble) -> Words | None:
        found = words(heard, self.ask)
        if found is None and self.pondered:
            return Words("", 0.0)  # after "one moment" a noise can't be passed over in silence: ask again
        if found is None and self.ear is not None:
            self.line.keys = collect.prompt_ended(self.line.keys, self.line.now())
            self.ear.again(self.ask)
        return found

    def _stop_prompt(self) -> None:
        if self.play is not None:
            self.line.leg.stop()
            self.play = None
            if self.ear is not None:
                self.ear.prompt_ended()

    def _prompt_over(self) -> None:
        self.play = None
        self.line.keys = collect.prompt_ended(self.line.keys, self.line.now())
        if self.ear is not None:
            self.ear.prompt_ended()
