"""Texts through Twilio, and how texts look whoever carries them."""

from __future__ import annotations

from callcenter.messages import Sender, SenderSettings, Shape, sender, shape
from callcenter.messages._twilio import open_twilio
from callcenter.messages.segments import count, plain

LONGEST = 10
"""Segments of one message: carriers drop or garble longer ones (Twilio takes 1600 characters)."""

shape(
    "sms", Shape(plain=plain, segments=lambda text: count(text).count, fits=lambda text: count(text).count <= LONGEST)
)


@sender("sms")
def open_sms(settings: SenderSettings) -> Sender:
    return open_twilio(settings, "SMS", "TWILIO_FROM", settings.twilio_from)
