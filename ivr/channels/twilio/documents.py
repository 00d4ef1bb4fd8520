"""Documents of conversations that are the same for everybody: an end, sounds, tones."""

from __future__ import annotations

from twilio.twiml.voice_response import VoiceResponse

from ivr.channels.twilio.twiml import Fold


def goodbye() -> str:
    response = VoiceResponse()
    response.hangup()
    return str(response)


def held(sound: str, fold: Fold) -> str:
    """What who is on hold hears: the company's music, or one of our tones (`ivr.web.audio`)."""
    response = VoiceResponse()
    music = fold.music if sound == "music" else ""
    response.play(music or f"{fold.base_url}/audio/{'ringing' if sound == 'music' else sound}-1.wav", loop=0)
    return str(response)


def tones(digits: str) -> str:
    """Keys pressed for whoever hears this, half a second apart (https://www.twilio.com/docs/voice/twiml/play#attributes-digits)."""
    response = VoiceResponse()
    response.play("", digits="w".join(digits))
    return str(response)
