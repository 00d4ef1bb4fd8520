"""What whoever holds the telephone does on a call of the double: keys, words, silence."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from ivr.flow.pace import seconds as speech_seconds
from ivr.rehearsal.twilio_double.heard import OpenGather

if TYPE_CHECKING:
    from ivr.rehearsal.twilio_double.platform import Twilio

KEY_SECONDS = 0.3
"""From one key to the next of the same `press`."""


class Handset(ABC):
    twilio: Twilio
    clock: float
    over: bool
    _gather: OpenGather | None
    _record: Element | None
    _recorded: float
    _record_from: float

    def press(self, keys: str) -> None:
        for key in keys:
            if self.over:
                return
            requests = len(self.twilio.exchanges)
            self._key(key)
            if not self.twilio.type_ahead and len(self.twilio.exchanges) > requests:
                return
            self._pass_until(self.clock + KEY_SECONDS)

    def say(self, words: str, confidence: float = 0.9) -> None:
        """Words: for a <Gather> that listens to speech, or onto a recording."""
        if self._record is not None:
            self.clock = max(self.clock, self._record_from)
            spoken = speech_seconds(words, "en")
            self._recorded += spoken
            self.clock += spoken
            if self._recorded >= int(self._record.get("maxLength", "3600")):
                self._end_recording("")
        elif self._gather is not None and "speech" in self._gather.element.get("input", "dtmf"):
            self._submit({"SpeechResult": words, "Confidence": str(confidence)})

    def finish_speaking(self) -> None:
        """Listen to what is being said, to its end."""
        if self._gather is not None:
            self.clock = max(self.clock, self._gather.spoken_until)

    def finish_keying(self) -> bool:
        """Let the pause after keyed digits pass; False if there are none."""
        if self._gather is None or not self._gather.digits:
            return False
        self._pass_until(self._gather.deadline)
        return True

    def wait(self, seconds: float) -> None:
        """Listen to the end, then stay silent."""
        self.finish_speaking()
        self._pass_until(self.clock + seconds)

    def pass_time(self) -> None:
        """Let time pass until something happens: what is said ends, a question gives up, a recording ends."""
        if self._gather is not None:
            speaking = self._gather.spoken_until
            self._pass_until(speaking if speaking > self.clock else self._gather.deadline)
        elif self._record is not None:
            self._pass_until(self._silent_at())

    def hang_up(self) -> None:
        if self.over:
            return
        if self._record is not None and self._recorded:
            self._end_recording("hangup", goes_on=False)
        self._end()

    # What a call makes of it

    @abstractmethod
    def _pass_until(self, moment: float) -> None: ...

    @abstractmethod
    def _silent_at(self) -> float: ...

    @abstractmethod
    def _key(self, key: str) -> None: ...

    @abstractmethod
    def _submit(self, params: dict[str, str]) -> None: ...

    @abstractmethod
    def _end_recording(self, key: str, *, goes_on: bool = True) -> None: ...

    @abstractmethod
    def _end(self, status: str = "completed") -> None: ...
