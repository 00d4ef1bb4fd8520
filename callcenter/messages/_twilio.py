"""What the channels that go through Twilio share: https://www.twilio.com/docs/messaging/api/message-resource

Twilio takes no idempotency key for messages. It is told our message's id in the URL of the status callback, so that it
tells us what it made of a message even if the process that handed it over has died; else its list of messages is
searched for the text.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from callcenter.messages import (
    NotConfiguredError,
    OptedOutError,
    Outgoing,
    RefusedError,
    Sender,
    SenderSettings,
    TemporaryError,
    UncertainError,
    UndeliverableError,
)

API = "https://api.twilio.com"
NOBODY = frozenset({21211, 21614, 21635, 30005, 30006, 63003, 63014, 63024})
"""Errors that are about the address until something comes from it: no number, no mobile, a landline, no such handset,
no account on the channel, one that has blocked us (63014). https://www.twilio.com/docs/api/errors has them all. Not
among them: 30003 (switched off, no signal), 30004 (blocked, by whom it doesn't say), 30007 (filtered for what it said),
30008 (unknown), 21408 and 21612 (what our own account and number may do)."""
OPTED_OUT = frozenset({21610})
"""Whoever it is has told Twilio to stop, and must tell it START before it takes anything for them again
(https://www.twilio.com/docs/api/errors/21610). Through a Messaging Service it comes with the status, not the answer."""
TIMEOUT = 10.0
LENGTH = 1600
"""Characters of one Body (error 21617)."""
SLACK = timedelta(minutes=2)
"""How far Twilio's clock may be behind ours."""


class _HttpClient:
    """Twilio's own, for another address of its API."""

    def __init__(self, base: str) -> None:
        self.inner = TwilioHttpClient(pool_connections=False, timeout=TIMEOUT)
        self.base = base.rstrip("/")

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        return self.inner.request(method, self.base + url.removeprefix(API), *args, **kwargs)


class TwilioMessages(Sender):
    """`prefix` is the channel's in Twilio's addresses (`whatsapp:`); `own` our address without it, or a Messaging
    Service (MG...). `callback` is the URL that statuses are posted to, "" for none."""

    def __init__(
        self, account: str, token: str, own: str, *, prefix: str = "", base: str = API, callback: str = ""
    ) -> None:
        self.own, self.prefix, self.callback = own, prefix, callback
        self.client = Client(account, token, http_client=_HttpClient(base))

    def send(self, message: Outgoing) -> str:
        try:
            return str(self.client.messages.create(**self._arguments(message)).sid)
        except TwilioRestException as error:
            words = f"Twilio answered {error.status} (error {error.code})"
            if error.status == 429 or error.status == 401:  # 401: somebody will mend the token
                raise TemporaryError(words) from None
            if error.status >= 500:
                raise UncertainError(words) from None
            if error.code in OPTED_OUT:
                raise OptedOutError(f"{words}: they have opted out there", str(error.code)) from None
            if error.code in NOBODY:
                raise UndeliverableError(words, str(error.code)) from None
            raise RefusedError(words) from None
        except requests.exceptions.ConnectTimeout as error:
            raise TemporaryError(f"Twilio can't be reached: {type(error).__name__}") from None
        except requests.exceptions.ConnectionError as error:
            # "Connection refused" and the like: nothing was handed over. A connection that broke later is another
            # matter, and comes as the same class.
            refused = "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error)
            failure = TemporaryError if refused else UncertainError
            raise failure(f"Twilio can't be reached: {type(error).__name__}") from None
        except (TwilioException, requests.RequestException, ValueError) as error:
            raise UncertainError(f"Twilio's answer can't be read: {type(error).__name__}") from None

    def _arguments(self, message: Outgoing) -> dict[str, Any]:
        own = message.sender or self.own
        arguments: dict[str, Any] = {"to": self.prefix + message.to.removeprefix(self.prefix)}
        if own.startswith("MG"):
            arguments["messaging_service_sid"] = own
        else:
            arguments["from_"] = self.prefix + own.removeprefix(self.prefix)
        if template := message.meta.get("content_sid"):
            arguments |= {"content_sid": template, "content_variables": message.meta.get("content_variables", "{}")}
        else:
            arguments["body"] = message.body
        if self.callback:
            arguments["status_callback"] = f"{self.callback}?{urlencode({'message': message.id})}"
        return arguments

    def look_up(self, message: Outgoing, since: datetime, known: Collection[str]) -> str | None:
        to = self.prefix + message.to.removeprefix(self.prefix)
        try:
            found = self.client.messages.list(to=to, date_sent_after=since - SLACK, limit=100)
        except (TwilioException, requests.RequestException, ValueError) as error:
            raise TemporaryError(f"Twilio's list can't be read: {type(error).__name__}") from None
        same = [one for one in found if one.sid not in known and (one.direction or "").startswith("outbound")
                and (one.body or "").strip() == message.body.strip()]  # fmt: skip
        return str(same[-1].sid) if same else ""


def open_twilio(settings: SenderSettings, channel: str, name: str, own: str, prefix: str = "") -> TwilioMessages:
    """`own` is our address, which the setting `name` has. Raises NotConfiguredError."""
    account, token = settings.twilio_account_sid, settings.twilio_auth_token
    needed = {"TWILIO_ACCOUNT_SID": account, "TWILIO_AUTH_TOKEN": token, name: own}
    if not all(needed.values()):
        missing = ", ".join(name for name, value in needed.items() if not value)
        raise NotConfiguredError(f"no {channel} sender is configured: set {missing}")
    public = settings.public_base_url.rstrip("/")
    callback = f"{public}/twilio/messages/status" if public else ""
    base = settings.twilio_api_base or API
    return TwilioMessages(account, token, own.removeprefix(prefix), prefix=prefix, base=base, callback=callback)
