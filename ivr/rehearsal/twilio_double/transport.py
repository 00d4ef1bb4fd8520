"""How the double's requests reach the server: in the same process by Flask's test client, or over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode, urlsplit

import requests
from flask import Flask

READ_TIMEOUT = 15.0
"""Twilio waits that long for a reply (https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides)."""
CONNECT_TIMEOUT = 5.0

Params = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    body: bytes


class NoAnswer(Exception):
    """The server can't be reached or took too long: Twilio's error 11200 (or 11205)."""


class FailedWebhook(Exception):
    """A reply that Twilio can't use; `code` is its error (11200 for no or a wrong HTTP answer)."""

    def __init__(self, url: str, code: int, why: str) -> None:
        super().__init__(f"{code} from {url}: {why}")
        self.url, self.code, self.why = url, code, why


class Transport(Protocol):
    def get(self, url: str) -> Answer:
        """Fetch what is to be played. Raises `NoAnswer`."""
        ...

    def post(self, url: str, params: Params, headers: Mapping[str, str]) -> Answer:
        """Raises `NoAnswer`."""
        ...


class FlaskTransport:
    def __init__(self, app: Flask) -> None:
        self._client = app.test_client()

    def get(self, url: str) -> Answer:
        parts = urlsplit(url)
        answer = self._client.get(parts.path, base_url=f"{parts.scheme}://{parts.netloc}")
        return Answer(answer.status_code, answer.content_type, answer.data)

    def post(self, url: str, params: Params, headers: Mapping[str, str]) -> Answer:
        parts = urlsplit(url)
        answer = self._client.post(
            parts.path + (f"?{parts.query}" if parts.query else ""),
            base_url=f"{parts.scheme}://{parts.netloc}",
            data=urlencode(params, doseq=True),
            content_type="application/x-www-form-urlencoded; charset=UTF-8",
            headers=dict(headers),
        )
        return Answer(answer.status_code, answer.content_type, answer.data)


class HttpTransport:
    """`server` is where requests really go (http://127.0.0.1:8080), whatever public address they are made for."""

    def __init__(self, server: str) -> None:
        self._server = server.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False

    def get(self, url: str) -> Answer:
        parts = urlsplit(url)
        try:
            answer = self._session.get(
                self._server + parts.path, headers={"Host": parts.netloc}, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT)
            )
        except requests.RequestException as error:
            raise NoAnswer(type(error).__name__) from None
        return Answer(answer.status_code, answer.headers.get("Content-Type", ""), answer.content)

    def post(self, url: str, params: Params, headers: Mapping[str, str]) -> Answer:
        parts = urlsplit(url)
        try:
            answer = self._session.post(
                self._server + parts.path + (f"?{parts.query}" if parts.query else ""),
                data=urlencode(params, doseq=True),
                headers={
                    "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
                    "Host": parts.netloc,
                    **headers,
                },
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise NoAnswer(type(error).__name__) from None
        return Answer(answer.status_code, answer.headers.get("Content-Type", ""), answer.content)
