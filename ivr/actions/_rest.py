"""HTTP requests with a time budget that holds: for the whole exchange, not for each packet."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
import urllib3

MAX_BYTES = 1_000_000
BACK_OFF = 0.2
IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})  # RFC 9110, 9.2.2


class RestError(Exception):
    """No usable answer. The words name the host, never the query, headers or body."""


class UnreachableError(RestError):
    """The time budget ran out, or the connection broke, after the request may have reached the server."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises RestError where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise RestError("the answer is not JSON") from None


def request(
    method: str,
    url: str,
    *,
    deadline: float,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, Any] | None = None,
    body: Any = None,
    attempts: int = 3,
    repeatable: bool = False,
    max_bytes: int = MAX_BYTES,
) -> Answer:
    """One exchange. `deadline` in `time.monotonic()` seconds; `body` is sent as JSON. Broken connections, 429 and
    5xx are tried again with a back-off while there is time, if the method is idempotent or the request is `repeatable`
    (it carries an idempotency key). Redirects aren't followed. Raises RestError; any status comes back as an Answer.
    """
    tries = attempts if repeatable or method in IDEMPOTENT else 1
    for attempt in range(1, tries + 1):
        try:
            answer = _once(method, url, deadline, headers, params, body, max_bytes)
        except UnreachableError:
            if attempt == tries or not _pause(attempt, deadline):
                raise
            continue
        if attempt == tries or not (answer.status == 429 or answer.status >= 500) or not _pause(attempt, deadline):
            return answer
    raise AssertionError("unreachable")


def _pause(attempt: int, deadline: float) -> bool:
    """Wait before the next attempt; False where there is no time for one."""
    seconds = BACK_OFF * 2 ** (attempt - 1)
    if time.monotonic() + seconds >= deadline:
        return False
    time.sleep(seconds)
    return True


def _once(
    method: str,
    url: str,
    deadline: float,
    headers: Mapping[str, str] | None,
    params: Mapping[str, Any] | None,
    body: Any,
    max_bytes: int,
) -> Answer:
    left = deadline - time.monotonic()
    if left <= 0:
        raise UnreachableError("no time was left")
    host = urllib3.util.parse_url(url).host
    try:
        with requests.request(
            method, url, headers=dict(headers or {}), params=params, json=body, timeout=left, stream=True,
            allow_redirects=False,
        ) as response:  # fmt: skip
            content = bytearray()
            while True:
                # read1 returns what is there: a server that drips bytes can't hold us beyond the deadline.
                piece = response.raw.read1(65536, decode_content=True)
                if not piece:
                    return Answer(response.status_code, bytes(content))
                content += piece
                if len(content) > max_bytes:
                    raise RestError(f"{host} sent more than {max_bytes:,} bytes")
                if time.monotonic() > deadline:
                    raise UnreachableError(f"{host} didn't finish its answer in time")
    except requests.exceptions.Timeout:
        raise UnreachableError(f"{host} didn't answer in time") from None
    except requests.exceptions.ConnectionError:
        raise UnreachableError(f"{host} can't be reached or broke the connection") from None
    except (requests.exceptions.RequestException, ValueError) as error:
        raise RestError(f"the request to {host} can't be made: {type(error).__name__}") from None
    except (urllib3.exceptions.HTTPError, OSError):
        raise UnreachableError(f"{host} broke off its answer") from None
