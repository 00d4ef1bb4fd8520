"""The requests that a call on the double makes, with the parameters that Twilio sends of every call."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from ivr.rehearsal.twilio_double import rules
from ivr.rehearsal.twilio_double.transport import FailedWebhook, Params

if TYPE_CHECKING:
    from ivr.rehearsal.twilio_double.platform import Twilio


class Requests:
    twilio: Twilio
    sid: str
    caller: str
    called: str
    verstat: str
    outbound: bool
    failures: list[FailedWebhook]
    _url: str
    _fell_back: bool

    def _fetch(self, url: str, params: Params) -> Element | None:
        try:
            answer = self.twilio.post(url, {**self._standard(), **params})
        except FailedWebhook as failure:
            self.failures.append(failure)
            if self.twilio.fallback_url is None or self._fell_back:
                return None
            self._fell_back = True
            error = {"ErrorCode": str(failure.code), "ErrorUrl": failure.url}
            fallback = self.twilio.url(self.twilio.fallback_url)
            root = self._fetch(fallback, {**error, "CallStatus": "in-progress"})
            self._fell_back = False
            return root
        self._url = url
        return rules.parse(answer.body, answer.content_type)

    def _standard(self) -> dict[str, str]:
        """https://www.twilio.com/docs/voice/twiml#request-parameters"""
        return {
            "CallSid": self.sid,
            "AccountSid": self.twilio.account_sid,
            "From": self.caller,
            "To": self.called,
            "Caller": self.caller,
            "Called": self.called,
            "CallStatus": "in-progress",
            "ApiVersion": "2010-04-01",
            "Direction": "outbound-api" if self.outbound else "inbound",
            **({"StirVerstat": self.verstat} if self.verstat else {}),
        }
