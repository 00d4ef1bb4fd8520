"""language: go on in another language."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ivr.flow.model import StepModel
from ivr.flow.turn import Leave, Turn
from ivr.flow.verb import verb


@verb
class Language(StepModel):
    """Go on in another language, one of those in company.yaml."""

    verb: ClassVar[str] = "language"
    language: str = Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$", description="a language's code: en, es")

    def enter(self, turn: Turn) -> Leave:
        turn.language = self.language
        turn.event("language", language=self.language)
        return "done"
