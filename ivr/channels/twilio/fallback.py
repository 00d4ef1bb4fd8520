"""What callers hear when we fail: TwiML that needs neither the database nor a session."""

from __future__ import annotations

from twilio.twiml.voice_response import VoiceResponse

from ivr.channels.twilio.twiml import bcp47, dial, voices
from ivr.flow.model import FlowSet
from ivr.settings import Settings

RETRIES = 3
"""How often a request is tried again while the database is away."""
RETRY_PAUSE = 2

_WORDS = {
    "system.one_moment": "One moment, please.",
    "system.fault": "Sorry, something went wrong on our side.",
    "system.sorry": "We are sorry, we can't help you right now. Please call again later. Goodbye.",
}


class Fallback:
    """`flows` is the version whose words are used, kept while the database is away; without it, plain English."""

    def __init__(self, settings: Settings, flows: FlowSet | None) -> None:
        self.flows = flows
        self._number = settings.fallback_number
        self._base_url = settings.base_url
        self._voices = voices(settings.twilio_voices)

    def retry(self, url: str) -> str:
        """A word, a pause, and the request `url` again."""
        response = VoiceResponse()
        self._say(response, "system.one_moment")
        response.pause(length=RETRY_PAUSE)
        response.redirect(url)
        return str(response)

    def person(self) -> str:
        """An apology, then a person: FALLBACK_NUMBER, else the flow's own route, by /twilio/fallback."""
        if self._number:
            return self.give_up()
        response = VoiceResponse()
        response.redirect(f"{self._base_url}/twilio/fallback")
        return str(response)

    def give_up(self) -> str:
        """An apology, FALLBACK_NUMBER if there is one, and the end."""
        response = VoiceResponse()
        if self._number:
            self._say(response, "system.fault")
            dial(response, self._number, action=f"{self._base_url}/twilio/fallback/dialled", timeout=30)
        else:
            self._say(response, "system.sorry")
            response.hangup()
        return str(response)

    def goodbye(self, *, sorry: bool = True) -> str:
        response = VoiceResponse()
        if sorry:
            self._say(response, "system.sorry")
        response.hangup()
        return str(response)

    def _say(self, response: VoiceResponse, id: str) -> None:
        language = self.flows.default_language if self.flows else "en"
        text = (self.flows.text(language, id) if self.flows else None) or _WORDS[id]
        voice = self._voices.get(language)
        response.say(text if "{" not in text else _WORDS[id], language=bcp47(language), voice=voice)
