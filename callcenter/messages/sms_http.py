"""Texts through any provider that takes them by HTTP, or a small adapter before one.

We POST JSON {id, from, to, text} to SMS_HTTP_URL with a bearer token, an `Idempotency-Key` (the message's id: the
provider must send a message with a key that it has seen no second time) and Standard Webhooks headers. 2xx takes the
message, `{"id": ...}` in the answer being the provider's name for it; 409 means that it has it; 408, 425, 429 and 5xx
are tried again; anything else refuses it for ever. docs/messages.md describes it for those who build the other end.
"""

from __future__ import annotations

import json
import time
from typing import ClassVar
from urllib.parse import urlsplit

import requests

from callcenter import webhooks
from callcenter.messages import (
    NotConfiguredError,
    Outgoing,
    RefusedError,
    Sender,
    SenderSettings,
    TemporaryError,
    sender,
)

TIMEOUT = (5.0, 15.0)
AGAIN = frozenset({401, 403, 408, 425, 429})
"""Besides 5xx. 401 and 403: somebody will mend the token."""


class HttpSms(Sender):
    keeps_ids: ClassVar[bool] = True

    def __init__(self, url: str, token: str, secret: str, own: str) -> None:
        self.url, self.own = url, own
        self._token, self._secret = token, secret

    def send(self, message: Outgoing) -> str:
        data = {"id": message.id, "from": message.sender or self.own, "to": message.to, "text": message.body}
        body = json.dumps(data, ensure_ascii=False).encode()
        timestamp = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Callwright",
            "Idempotency-Key": message.id,
            "webhook-id": message.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": webhooks.sign(self._secret, message.id, timestamp, body),
        }
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            with requests.post(self.url, data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False) as answer:
                status, words = answer.status_code, answer.content[:10_000]
        except requests.RequestException as error:
            # Whether it was taken or not: the same key does it once.
            raise TemporaryError(f"the SMS provider can't be reached: {type(error).__name__}") from None
        if 200 <= status < 300 or status == 409:
            return _reference(words)
        failure = TemporaryError if status >= 500 or status in AGAIN else RefusedError
        raise failure(f"the SMS provider answered {status}")


def _reference(answer: bytes) -> str:
    try:
        found = json.loads(answer)
    except ValueError:
        return ""
    return str(found.get("id", ""))[:200] if isinstance(found, dict) else ""


@sender("sms")
def open_http_sms(settings: SenderSettings) -> Sender:
    url, secret = settings.sms_http_url, settings.sms_http_secret
    if not url:
        raise NotConfiguredError("")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NotConfiguredError("SMS_HTTP_URL is not an http(s) address")
    try:
        webhooks.sign(secret, "", 0, b"")
    except ValueError:
        raise NotConfiguredError("SMS_HTTP_SECRET must be base64") from None
    if not secret:
        raise NotConfiguredError("no SMS sender is configured: set SMS_HTTP_SECRET")
    return HttpSms(url, settings.sms_http_token, secret, settings.sms_http_from)
