"""Messages that Twilio brings: texts, WhatsApp, Messenger, and what became of those that we sent.

https://www.twilio.com/docs/messaging/guides/webhook-request and
https://www.twilio.com/docs/messaging/guides/track-outbound-message-status. A message is stored before Twilio gets its
(empty) answer; replies go out by Twilio's API. Photos and other files are fetched afterwards, with our credentials.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import structlog
from flask import Blueprint, Response, request
from werkzeug.exceptions import BadRequest, HTTPException

from callcenter.messages._twilio import NOBODY, OPTED_OUT
from callcenter.messages.inbound import Inbound
from callcenter.messages.keywords import Keywords
from callcenter.messages.rules import KEYWORD
from ivr.channels.twilio.media import MEDIA, attached
from ivr.channels.twilio.signature import guard
from ivr.conversations import Conversations
from ivr.logs import about
from ivr.messaging import ANSWERED
from ivr.settings import Settings

log = structlog.get_logger("callwright.twilio")

MESSAGE_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}\Z")
EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
CHANNELS = {"whatsapp": "whatsapp", "messenger": "messenger", "": "sms"}
"""By the prefix of Twilio's addresses."""
ANSWERED_BY_TWILIO = frozenset({"stop", "start"})
"""Twilio confirms these itself where it knows the word."""
_STATUSES: dict[str, Literal["sent", "delivered", "read", "failed"]] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "undelivered": "failed",
    "failed": "failed",
}
"""Twilio's words; others (accepted, queued, sending) are no news."""


def blueprint(settings: Settings, conversations: Conversations) -> Blueprint:
    routes = Blueprint("twilio_messages", __name__, url_prefix="/twilio/messages")
    routes.before_request(guard(settings))

    @routes.errorhandler(HTTPException)
    def refused(error: HTTPException) -> tuple[str, int]:
        return f"{error.name}\n", error.code or 500

    @routes.post("")
    def received() -> Response | tuple[str, int]:
        sid = request.form.get("MessageSid") or request.form.get("SmsSid", "")
        if not MESSAGE_SID.match(sid):
            raise BadRequest
        with about(message=sid):
            try:
                conversations.take(_inbound(sid), wait=False)
            except ValueError as error:
                log.warning("Twilio's message can't be used", why=str(error))
                raise BadRequest from None
            except Exception as error:  # Twilio tries again, where the URL says so (docs/twilio.md)
                log.exception("a message could not be stored", error=type(error).__name__)
                return "", 503
        return Response(EMPTY, content_type="text/xml; charset=utf-8")

    @routes.post("/status")
    def status() -> tuple[str, int]:
        sid = request.form.get("MessageSid", "")
        if not MESSAGE_SID.match(sid):
            raise BadRequest
        news = _STATUSES.get(request.form.get("MessageStatus", ""))
        if news is None:
            return "", 204
        code = request.form.get("ErrorCode", "")[:10]
        error = f"Twilio could not deliver it (error {code})" if news == "failed" else ""
        number = int(code) if code.isdecimal() else 0
        nobody, opted_out = (code if number in codes else None for codes in (NOBODY, OPTED_OUT))
        with about(message=sid):
            try:
                ours = request.args.get("message", "")[:64]
                conversations.reported(ours, news, reference=sid, error=error, nobody=nobody, opted_out=opted_out)
            except Exception as failure:
                log.exception("a message's status could not be stored", error=type(failure).__name__)
                return "", 503
        return "", 204

    return routes


def _inbound(sid: str) -> Inbound:
    form = request.form
    channel, sender = _address(form.get("From", ""))
    meta: dict[str, Any] = {}
    asked = form.get("OptOutType", "").lower()
    if asked in ("stop", "start", "help"):  # Advanced Opt-Out: Twilio has answered in the words set there
        meta |= {KEYWORD: asked, ANSWERED: True}
    elif channel == "sms" and _confirmed(form.get("Body", "")):
        meta[ANSWERED] = True
    media = attached(form, sid)
    if media:
        meta[MEDIA] = media
    return Inbound(
        channel=channel,
        sender=sender,
        to=_address(form.get("To", ""))[1],
        text=form.get("Body", ""),
        provider_id=sid,
        meta=meta,
    )


def _address(address: str) -> tuple[str, str]:
    """The channel and the address itself. Raises ValueError for a channel that we don't know."""
    prefix, colon, rest = address.strip().partition(":")
    if not colon:
        return "sms", prefix
    if prefix not in CHANNELS:
        raise ValueError(f"messages from {prefix!r} aren't taken")
    return CHANNELS[prefix], rest


def _confirmed(text: str) -> bool:
    """Whether Twilio confirms this word by itself (its default opt-out handling, of whole English keywords)."""
    return Keywords().find("sms", text) in ANSWERED_BY_TWILIO
