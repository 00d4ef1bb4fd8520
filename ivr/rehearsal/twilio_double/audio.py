"""What <Play> fetches (https://www.twilio.com/docs/voice/twiml/play)."""

from __future__ import annotations

import io
import wave

from ivr.rehearsal.twilio_double.rules import RefusedTwiml
from ivr.rehearsal.twilio_double.transport import Answer

WAV = ("audio/wav", "audio/wave", "audio/x-wav")
"""Of the types that Twilio takes, those that a server of ours uses."""


def seconds(answer: Answer) -> float:
    """How long the audio lasts. Raises `RefusedTwiml` for what Twilio couldn't play."""
    if answer.status != 200:
        raise RefusedTwiml(f"the audio of <Play> can't be fetched: HTTP {answer.status}", 11200)
    if answer.content_type.partition(";")[0].strip().lower() not in WAV:
        raise RefusedTwiml(f"<Play> fetched {answer.content_type!r}, which is no audio", 12300)
    try:
        with wave.open(io.BytesIO(answer.body)) as sound:
            return float(sound.getnframes() / sound.getframerate())
    except (wave.Error, EOFError, ZeroDivisionError) as error:
        raise RefusedTwiml(f"<Play> can't read the audio: {error}", 13520) from None
