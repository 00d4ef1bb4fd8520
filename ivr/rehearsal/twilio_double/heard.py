"""What the caller of a call hears, and the question that is open."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element


@dataclass(frozen=True, slots=True)
class Heard:
    """Words that were said, in the language of <Say>; or the address of the audio that was played, in `audio`. `at`
    in seconds since the call began."""

    text: str
    language: str
    at: float
    audio: str = ""


@dataclass(slots=True)
class OpenGather:
    """A <Gather> that waits for keys."""

    element: Element
    spoken_until: float
    digits: str = ""
    deadline: float = 0.0

    @property
    def timeout(self) -> int:
        return int(self.element.get("timeout", "5"))
