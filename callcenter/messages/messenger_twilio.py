"""Facebook Messenger through Twilio: https://www.twilio.com/docs/messaging/channels/facebook-messenger

Free text may be sent for 24 hours after the customer's last message (Meta's standard messaging window).
"""

from __future__ import annotations

from datetime import timedelta

from callcenter.messages import Sender, SenderSettings, Shape, sender, shape
from callcenter.messages._twilio import LENGTH, open_twilio

shape("messenger", Shape(length=LENGTH, window=timedelta(hours=24)))


@sender("messenger")
def open_messenger(settings: SenderSettings) -> Sender:
    return open_twilio(settings, "Messenger", "TWILIO_MESSENGER_FROM", settings.twilio_messenger_from, "messenger:")
