"""Texts from any provider, or a small adapter before one: POST /sms/inbound and POST /sms/status, both JSON.

Signed as in Standard Webhooks 1.0 with SMS_HTTP_SECRET: `webhook-id`, `webhook-timestamp`, `webhook-signature`. What is
older than five minutes, or comes from the future, is refused; what comes again with the same `id` changes nothing.
docs/messages.md describes both requests.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

import structlog
from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException

from callcenter import outbox, webhooks
from callcenter.db import reading
from callcenter.messages.inbound import Inbound, InboundFile
from ivr.conversations import Conversations
from ivr.logs import about
from ivr.settings import Settings

log = structlog.get_logger("callwright.messages")

T = TypeVar("T", bound=BaseModel)
WINDOW = 300.0
"""Seconds that a request's timestamp may be away from our clock (Standard Webhooks' tolerance)."""
MAX_BODY = 16_000_000
"""Bytes of a request: files are in it."""


def _decoded(value: Any) -> Any:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else value
    except binascii.Error:
        raise ValueError("it isn't base64") from None


class File(BaseModel):
    name: str = Field("file", max_length=300)
    type: str = Field(max_length=100)
    data: Annotated[bytes, BeforeValidator(_decoded)] = Field(repr=False)


class Received(BaseModel):
    """A text that somebody sent us. `id` is the provider's."""

    model_config = ConfigDict(populate_by_name=True)

    id: str = Field(min_length=1, max_length=200)
    from_: str = Field(alias="from", min_length=1, max_length=40)
    to: str = Field("", max_length=40)
    text: str = Field("", max_length=20_000, repr=False)
    files: list[File] = Field(default_factory=list, max_length=10)


class Status(BaseModel):
    """What became of a text of ours: `id` is ours (the Idempotency-Key), or `reference` the provider's with `to`."""

    id: str = Field("", max_length=64)
    reference: str = Field("", max_length=200)
    to: str = Field("", max_length=40)
    status: Literal["sent", "delivered", "read", "failed"]
    error: str = Field("", max_length=300)
    undeliverable: bool = Field(False, description="with failed: no text can ever be delivered to this number")
    opted_out: bool = Field(False, description="with failed: whoever it is has told the provider to stop")


def blueprint(settings: Settings, conversations: Conversations, clock: Callable[[], float] = time.time) -> Blueprint:
    routes = Blueprint("sms", __name__, url_prefix="/sms")

    @routes.before_request
    def signed() -> None:
        request.max_content_length = MAX_BODY
        _check_signature(settings.sms_http_secret, clock())

    @routes.errorhandler(HTTPException)
    def refused(error: HTTPException) -> tuple[Response, int]:
        return jsonify(error=error.description if isinstance(error, BadRequest) else error.name), error.code or 500

    @routes.post("/inbound")
    def inbound() -> tuple[Response, int]:
        came = _read(Received)
        with about(message=came.id):
            try:
                got = conversations.take(
                    Inbound(
                        channel="sms",
                        sender=came.from_,
                        to=came.to or settings.sms_http_from,
                        text=came.text,
                        provider_id=came.id,
                        files=tuple(InboundFile(file.name, file.type, file.data) for file in came.files),
                    ),
                    wait=False,
                )
            except ValueError as error:
                raise BadRequest(str(error)) from None
            except Exception as error:
                log.exception("a message could not be stored", error=type(error).__name__)
                return jsonify(error="try again later"), 503
        return jsonify(message=got.message_id, contact=got.contact_id, duplicate=got.duplicate), 200

    @routes.post("/status")
    def status() -> tuple[Response, int]:
        news = _read(Status)
        try:
            message_id = news.id
            if not message_id:
                with reading(conversations.engine) as conn:
                    message_id = outbox.by_reference(conn, "sms", news.reference, news.to) or ""
            nobody, opted_out = ("" if said else None for said in (news.undeliverable, news.opted_out))
            conversations.reported(message_id, news.status, reference=news.reference, error=news.error, nobody=nobody,
                                   opted_out=opted_out)  # fmt: skip
        except Exception as error:
            log.exception("a message's status could not be stored", error=type(error).__name__)
            return jsonify(error="try again later"), 503
        return jsonify(), 200

    return routes


def _check_signature(secret: str, now: float) -> None:
    """Raises Forbidden for a request that the provider hasn't signed lately."""
    if not secret:
        log.error("a provider's text is refused: set SMS_HTTP_SECRET")
        raise Forbidden
    id, stamp = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12 or abs(now - int(stamp)) > WINDOW:
        log.warning("a provider's text is too old, or has no time", path=request.path)
        raise Forbidden
    right = webhooks.sign(secret, id, int(stamp), request.get_data()).encode()
    # Several signatures may be there while a key is changed.
    given = request.headers.get("webhook-signature", "").split()[:5]
    if not any(hmac.compare_digest(right, one.encode("utf-8", "replace")) for one in given):
        log.warning("a provider's signature is missing or wrong", path=request.path)
        raise Forbidden


def _read(kind: type[T]) -> T:
    """The request's body. Raises BadRequest with the first mistake in it."""
    try:
        return kind.model_validate_json(request.get_data())
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        raise BadRequest(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from None
