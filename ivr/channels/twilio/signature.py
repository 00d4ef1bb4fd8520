"""Whether a request is Twilio's: https://www.twilio.com/docs/usage/webhooks/webhooks-security

The signature is checked against PUBLIC_BASE_URL: the Host header says what the sender likes.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

import structlog
from flask import request
from twilio.request_validator import RequestValidator
from werkzeug.exceptions import Forbidden

from ivr.settings import Settings

log = structlog.get_logger("callwright.twilio")


def guard(settings: Settings) -> Callable[[], None]:
    """What lets only Twilio's requests through: to be called before each; raises `Forbidden`."""
    validator = RequestValidator(settings.twilio_auth_token)
    base_url = settings.base_url

    def signed() -> None:
        if not settings.twilio_auth_token:
            log.error("Twilio's request is refused: set TWILIO_AUTH_TOKEN (and PUBLIC_BASE_URL) to take calls")
            raise Forbidden
        signature = request.headers.get("X-Twilio-Signature", "")
        url = base_url + (request.full_path if request.query_string else request.path)
        form = _Form(request.form.lists())
        # The usual case costs one digest; the library's own check then allows for a port in the URL.
        right = validator.compute_signature(url, form)
        if hmac.compare_digest(right.encode(), signature.encode("utf-8", "replace")):
            return
        if not validator.validate(url, form, signature):
            log.warning("Twilio's signature is missing or wrong", path=request.path, checked_as=base_url)
            raise Forbidden

    return signed


class _Form(dict[str, list[str]]):
    """A form as the library's validator reads it quickest."""

    def getall(self, name: str) -> list[str]:
        return self[name]
