"""Twilio's REST API for calls and conferences (https://www.twilio.com/docs/voice/api), through Twilio's own library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests
from requests import Response
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from ivr.settings import Settings

API = "https://api.twilio.com"
TIMEOUT = 5.0
GONE = (20404, 21220)
"""No such call or participant; a call that is over already (https://www.twilio.com/docs/api/errors/21220)."""

CURRENT = "Twilio.CURRENT"
"""The recording of a call that goes on, whatever its SID."""
LIVE = ("queued", "initiated", "ringing", "in-progress")


class ApiError(Exception):
    """Twilio refuses, or can't be reached. `refused`: to ask again would come to the same."""

    def __init__(self, why: str, *, refused: bool = False) -> None:
        super().__init__(why)
        self.refused = refused


class _HttpClient:
    """Twilio's own, for another address of its API."""

    def __init__(self, base: str) -> None:
        self._inner = TwilioHttpClient(timeout=TIMEOUT)
        self._base = base.rstrip("/")

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        answer: Response = self._inner.request(method, self._base + url.removeprefix(API), *args, **kwargs)
        return answer


class Api:
    """Everything here blocks and raises `ApiError`. What gives a bool gives False for a call that is over."""

    def __init__(self, settings: Settings) -> None:
        account, token = settings.twilio_account_sid, settings.twilio_auth_token
        self._client = Client(account, token, http_client=_HttpClient(settings.twilio_api_base))

    def ring(self, to: str, *, shown: str, url: str, seconds: int, status: str = "",
             credentials: tuple[str, str] | None = None) -> str:  # fmt: skip
        """Call a number or SIP address; gives the call's SID. `url` is asked for TwiML when it is answered, `status`
        told of the end. `shown` must be a number of the account, or one that it has verified. `credentials` are the
        user and password that a SIP address is shown (https://www.twilio.com/docs/voice/api/sip-making-calls)."""
        create = self._client.calls.create
        told: dict[str, Any] = {}
        if status:
            told.update(status_callback=status, status_callback_event=["completed"])
        if credentials is not None:
            told.update(sip_auth_username=credentials[0], sip_auth_password=credentials[1])
        call = self._asked(lambda: create(to=to, from_=shown, url=url, method="POST", timeout=seconds, **told))
        return str(call.sid)

    def redirect(self, call: str, url: str) -> bool:
        """Have a call go on with the document of this address."""
        return self._there(lambda: self._client.calls(call).update(url=url, method="POST"))

    def hang_up(self, call: str) -> bool:
        """Also one that still rings."""
        return self._there(lambda: self._client.calls(call).update(status="completed"))

    def participant(self, conference: str, call: str, **changes: Any) -> bool:
        """hold, hold_url, muted, coaching, end_conference_on_exit, announce_url
        (https://www.twilio.com/docs/voice/api/conference-participant-resource)."""
        return self._there(lambda: self._client.conferences(conference).participants(call).update(**changes))

    def record(self, call: str, told: str) -> bool:
        """Record a call from now on, what it says and what it hears in a channel each. `told` hears of the file."""
        create = self._client.calls(call).recordings.create
        return self._there(
            lambda: create(
                recording_channels="dual", recording_status_callback=told, recording_status_callback_event=["completed"]
            )
        )

    def recording(self, call: str, status: str) -> bool:
        """paused (silence is recorded), in-progress, stopped."""
        silence = {"pause_behavior": "silence"} if status == "paused" else {}
        return self._there(lambda: self._client.calls(call).recordings(CURRENT).update(status=status, **silence))

    def participants(self, conference: str) -> set[str]:
        """The CallSids of those who are in a conference; none are in one that is over."""
        room = self._client.conferences(conference)
        try:
            return {str(one.call_sid) for one in self._asked(room.participants.list)}
        except ApiError:
            if self._status(room.fetch) in ("completed", ""):
                return set()
            raise

    def goes_on(self, call: str) -> bool:
        """Whether a call has not ended."""
        return self._status(self._client.calls(call).fetch) in LIVE

    def _status(self, fetch: Callable[[], Any]) -> str:
        """What a call or conference is at, "" for one that Twilio doesn't know."""
        try:
            return str(self._asked(fetch).status)
        except ApiError as error:
            if _gone(error):
                return ""
            raise

    def _there(self, ask: Callable[[], object]) -> bool:
        try:
            self._asked(ask)
        except ApiError as error:
            if _gone(error):
                return False
            raise
        return True

    def _asked(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except TwilioRestException as error:
            refused = 400 <= error.status < 500 and error.status not in (401, 429)
            raise ApiError(f"Twilio answered {error.status} (error {error.code})", refused=refused) from error
        except (TwilioException, requests.RequestException, ValueError) as error:
            raise ApiError(f"Twilio can't be reached: {type(error).__name__}") from error


def _gone(error: ApiError) -> bool:
    return isinstance(error.__cause__, TwilioRestException) and error.__cause__.code in GONE
