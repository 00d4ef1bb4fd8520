"""WhatsApp through Twilio: https://www.twilio.com/docs/whatsapp/api

Free text may be sent for 24 hours after the customer's last message; later only a template that WhatsApp has approved
(`content_sid` in the message's `meta`).
"""

from __future__ import annotations

from datetime import timedelta

from callcenter.messages import Sender, SenderSettings, Shape, sender, shape
from callcenter.messages._twilio import LENGTH, open_twilio

shape("whatsapp", Shape(length=LENGTH, window=timedelta(hours=24)))


@sender("whatsapp")
def open_whatsapp(settings: SenderSettings) -> Sender:
    return open_twilio(settings, "WhatsApp", "TWILIO_WHATSAPP_FROM", settings.twilio_whatsapp_from, "whatsapp:")
