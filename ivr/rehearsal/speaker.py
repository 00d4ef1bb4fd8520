"""What the caller of a simulated call hears, and for how long it is being said."""

from __future__ import annotations

from collections.abc import Callable

from ivr.flow.pace import seconds
from ivr.prompts.parts import Prompt
from ivr.prompts.written import written
from ivr.rehearsal.phone import Heard


class Speaker:
    """Says one prompt after the other; each takes the time that a voice would need. Times are seconds of the call.

    In a thread of messages (`text`) nothing takes time. `on_heard` is called with all that is said, as it begins.
    """

    def __init__(self, text: bool, on_heard: Callable[[Heard], None]) -> None:
        self._text, self._on_heard = text, on_heard
        self.heard: list[Heard] = []
        self.until = 0.0
        """When all that was said so far is over."""

    def left(self, now: float) -> float:
        """Seconds for which it will still be speaking."""
        return max(0.0, self.until - now)

    def say(self, prompt: Prompt, now: float, *, interrupted: bool = False) -> None:
        """Say it after what is being said; `interrupted` at once by keys that the caller pressed ahead."""
        text = written(prompt)
        begins = max(now, self.until)
        self.show(prompt.id, text, begins)
        if not self._text and not interrupted:
            self.until = begins + seconds(text, prompt.language)

    def show(self, id: str, text: str, at: float) -> None:
        self.heard.append(Heard(id, text, at))
        self._on_heard(self.heard[-1])

    def silence(self, now: float) -> None:
        self.until = min(self.until, now)
