"""Texts through Twilio: https://www.twilio.com/docs/messaging/api/message-resource"""

from __future__ import annotations

from typing import Any

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from callcenter.messages import NotConfiguredError, Outgoing, RefusedError, Sender, TemporaryError, sender, setting

API = "https://api.twilio.com"
TIMEOUT = 10.0
NEEDED = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM")


class _HttpClient:
    """Twilio's own, for another address of its API."""

    def __init__(self, base: str) -> None:
        self.inner = TwilioHttpClient(pool_connections=False, timeout=TIMEOUT)
        self.base = base.rstrip("/")

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        return self.inner.request(method, self.base + url.removeprefix(API), *args, **kwargs)


class TwilioSms(Sender):
    def __init__(self, account: str, token: str, number: str, base: str = API) -> None:
        self.number = number
        self.client = Client(account, token, http_client=_HttpClient(base))

    def send(self, message: Outgoing) -> str:
        try:
            sent = self.client.messages.create(to=message.to, from_=self.number, body=message.body)
        except TwilioRestException as error:
            words = f"Twilio answered {error.status} (error {error.code})"
            if error.status == 429 or error.status >= 500 or error.status == 401:  # 401: somebody will mend the token
                raise TemporaryError(words) from None
            raise RefusedError(words) from None
        except (TwilioException, requests.RequestException, ValueError) as error:
            raise TemporaryError(f"Twilio can't be reached: {type(error).__name__}") from None
        return str(sent.sid)


@sender("sms")
def open_sms(settings: Any) -> Sender:
    account, token, number = (setting(settings, name) for name in NEEDED)
    if not (account and token and number):
        missing = ", ".join(name for name in NEEDED if not setting(settings, name))
        raise NotConfiguredError(f"no SMS sender is configured: set {missing}")
    return TwilioSms(account, token, number, setting(settings, "TWILIO_API_BASE") or API)
