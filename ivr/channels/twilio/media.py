"""Files that came with a message through Twilio: named in the webhook, fetched with our credentials.

https://www.twilio.com/docs/messaging/guides/accepting-incoming-media: Twilio answers with a redirect to where the file
lies; `requests` takes no credentials along to another host.
"""

from __future__ import annotations

import mimetypes
import re
import time
from collections.abc import Mapping
from typing import Any

import requests

from callcenter.files import LIMITS
from callcenter.messages.inbound import InboundFile
from ivr.attachments import MEDIA, NotFetched, fetcher
from ivr.settings import Settings

AT = "twilio"
MOST = 10
"""Media of one message, as Twilio has it."""
TIMEOUT = (5, 10)
BUDGET = 25.0
"""Seconds for all files of a message."""
_PLACE = re.compile(r"/Messages/((?:SM|MM)[0-9a-fA-F]{32})/Media/(ME[0-9a-fA-F]{32})\Z")


def attached(form: Mapping[str, str], message_sid: str) -> list[dict[str, str]]:
    """What the webhook says of files: the media's names at Twilio and their types. URLs aren't believed."""
    try:
        count = min(int(form.get("NumMedia", "0")), MOST)
    except ValueError:
        return []
    found = []
    for number in range(count):
        place = _PLACE.search(form.get(f"MediaUrl{number}", "").partition("?")[0][:500])
        if place and place[1].lower() == message_sid.lower():
            found.append(
                {
                    "at": AT,
                    "message": place[1],
                    "sid": place[2],
                    "type": form.get(f"MediaContentType{number}", "")[:100],
                }
            )
    return found


@fetcher(AT)
def fetch(settings: Settings, media: list[dict[str, str]]) -> tuple[list[InboundFile], list[tuple[str, str]]]:
    """The files, and those that can't be taken with why. The address is made from the names, never taken from a
    request. Raises `NotFetched` if one may come later."""
    if not settings.twilio_account_sid:
        raise NotFetched("set TWILIO_ACCOUNT_SID to fetch files")
    deadline = time.monotonic() + BUDGET
    files: list[InboundFile] = []
    refused: list[tuple[str, str]] = []
    for number, item in enumerate(media, 1):
        name = f"file{number}{mimetypes.guess_extension(item['type'].partition(';')[0]) or ''}"
        data = _one(settings, item, deadline)
        if isinstance(data, str):
            refused.append((name, data))
        else:
            files.append(InboundFile(name, item["type"], data))
    return files, refused


def _one(settings: Settings, item: Mapping[str, Any], deadline: float) -> bytes | str:
    """One file's bytes, or why it can't be had."""
    base = settings.twilio_api_base.rstrip("/")
    account = settings.twilio_account_sid
    url = f"{base}/2010-04-01/Accounts/{account}/Messages/{item['message']}/Media/{item['sid']}"
    data = bytearray()
    try:
        with requests.get(
            url, auth=(account, settings.twilio_auth_token), timeout=TIMEOUT, stream=True, allow_redirects=True
        ) as answer:
            if answer.status_code in (404, 410):
                return "gone"
            answer.raise_for_status()
            for chunk in answer.iter_content(65536):
                data += chunk
                if len(data) > LIMITS.size:
                    return "too_large"
                if time.monotonic() > deadline:
                    raise NotFetched("it takes too long")
    except requests.RequestException as error:
        raise NotFetched(f"{item['sid']}: {type(error).__name__}") from None
    return bytes(data)


__all__ = ["MEDIA", "attached", "fetch"]
