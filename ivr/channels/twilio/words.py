"""Prompts that are said outside a flow: to agents, and to who is called back."""

from __future__ import annotations

from collections.abc import Iterator

from twilio.twiml import TwiML

from ivr.channels.twilio.say import said
from ivr.channels.twilio.twiml import Fold, bcp47
from ivr.flow import template
from ivr.flow.model import PROMPT_ID
from ivr.prompts.parts import Prompt
from ivr.published import Published


class Words:
    def __init__(self, published: Published, fold: Fold) -> None:
        self._published, self._fold = published, fold

    def of(self, ref: str, language: str, *, queue: str = "") -> Iterator[TwiML]:
        """A prompt, by its id or as it stands, spoken in this language or the company's first."""
        flows = self._published.latest() or self._published.current()
        language = language or flows.default_language
        text = flows.text(language, ref) if PROMPT_ID.match(ref) else ref
        known = {"company": flows.company.name, "language": language, "queue": queue}
        prompt = Prompt(template.parse(text or queue).fill(known, flows.company.currency), language, "")
        return said(prompt, self._fold.voices.get(language), bcp47(language))
