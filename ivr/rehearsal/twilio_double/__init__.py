"""A strict stand-in for Twilio: signs its requests, follows TwiML as the vendor documents it, refuses what isn't TwiML.

`platform` is the account and its numbers, `call` one call with its caller, `rules` what TwiML may be, `transport` how
requests travel, `media` the API that serves recordings. Sources are the pages under https://www.twilio.com/docs/voice.
"""

from ivr.rehearsal.twilio_double.call import Call, EndlessLoop
from ivr.rehearsal.twilio_double.heard import Heard
from ivr.rehearsal.twilio_double.media import Media
from ivr.rehearsal.twilio_double.platform import Exchange, Twilio
from ivr.rehearsal.twilio_double.rules import RefusedTwiml
from ivr.rehearsal.twilio_double.transport import Answer, FlaskTransport, HttpTransport, NoAnswer, Transport

__all__ = [
    "Answer", "Call", "EndlessLoop", "Exchange", "FlaskTransport", "Heard", "HttpTransport", "Media", "NoAnswer",
    "RefusedTwiml", "Transport", "Twilio",
]  # fmt: skip
