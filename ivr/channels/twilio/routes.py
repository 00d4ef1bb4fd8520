"""Twilio's webhooks. Requests are taken only with Twilio's signature
(https://www.twilio.com/docs/usage/webhooks/webhooks-security), made for PUBLIC_BASE_URL: the Host header says what
the sender likes. Whatever goes wrong, the caller hears something: these routes never answer 500.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

import structlog
from flask import Blueprint, Response, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import BadRequest, HTTPException, NotFound

from callcenter import attestation
from ivr import metrics
from ivr.channels.twilio import recordings
from ivr.channels.twilio.calls import CHANNEL, Calls
from ivr.channels.twilio.fallback import RETRIES, Fallback
from ivr.channels.twilio.paying import Paying
from ivr.channels.twilio.signature import guard
from ivr.flow.inputs import Keys, Recorded, TransferEnded, Words
from ivr.logs import about
from ivr.published import NothingPublished
from ivr.settings import Settings
from ivr.store import Unknown

log = structlog.get_logger("callwright.twilio")

CALL_SID = re.compile(r"CA[0-9a-fA-F]{32}\Z")
OVER = ("completed", "busy", "failed", "no-answer", "canceled")
MAX_KEYS = 64
MAX_WORDS = 1000
FREELY = 0.8
"""The confidence of words that came without one."""
_DIALLED: dict[str, Literal["answered", "busy", "no_answer"]] = {
    "completed": "answered",
    "answered": "answered",
    "busy": "busy",
    "no-answer": "no_answer",
}

Route = Callable[..., str]


def blueprint(settings: Settings, calls: Calls, fallback: Fallback, paying: Paying) -> Blueprint:
    """`paying` has customers who key a card for an agent: whatever goes wrong, they go back to that agent."""
    routes = Blueprint("twilio", __name__, url_prefix="/twilio")
    base_url = settings.base_url

    routes.before_request(guard(settings))

    @routes.errorhandler(HTTPException)
    def refused(error: HTTPException) -> tuple[str, int]:
        return f"{error.name}\n", error.code or 500

    def call(route: Route, retry: Callable[..., str]) -> Callable[..., Response]:
        """A route that always answers with TwiML. `retry` gives the URL, without attempt, to try again."""

        def guarded(**path: Any) -> Response:
            sid = request.form.get("CallSid", "")
            if not CALL_SID.match(sid):
                raise BadRequest
            with about(call=sid, **({"session": path["session"]} if "session" in path else {})):
                try:
                    return twiml(route(sid, **path))
                except HTTPException:
                    raise
                except SQLAlchemyError as error:
                    metrics.FAULTS.labels(CHANNEL, "database").inc()
                    attempt = request.args.get("attempt", 0, type=int) + 1
                    log.error("the database is away", error=type(error).__name__, attempt=attempt)
                    if 0 < attempt <= RETRIES:
                        return twiml(fallback.retry(f"{base_url}/twilio/{retry(**path)}?attempt={attempt}"))
                    return twiml(paying.rescue(sid) or fallback.give_up())
                except Unknown:
                    log.warning("unknown session")
                    return twiml(fallback.goodbye())
                except NothingPublished:
                    log.error("no flows are published; run: callwright publish")
                    return twiml(fallback.give_up())
                except Exception as error:
                    metrics.FAULTS.labels(CHANNEL, "error").inc()
                    log.exception("a call could not be served", error=type(error).__name__)
                    in_fallback = request.endpoint == "twilio.fallback"
                    return twiml(paying.rescue(sid) or (fallback.give_up() if in_fallback else fallback.person()))

        return guarded

    def add(rule: str, name: str, route: Route, retry: Callable[..., str]) -> None:
        routes.add_url_rule(rule, name, call(route, retry), methods=["POST"])

    def start(sid: str) -> str:
        form = request.form
        vouched = attestation.of_verstat(form.get("StirVerstat", ""))
        reply = calls.start(sid, form.get("From", "")[:200], form.get("To", "")[:200], vouched)
        fallback.flows = calls.runner.published.latest() or fallback.flows
        return reply

    def answered(sid: str, session: str, seq: int, what: str) -> str:
        form = request.form
        match what:
            case "recorded":
                reference = recordings.reference(form.get("RecordingUrl", ""))
                seconds = form.get("RecordingDuration", 0, type=int)
                if reference:
                    recordings.expect(calls.runner.engine, sid, reference, seconds)
                return calls.answer(session, seq, Recorded(reference or "empty", seconds if reference else 0))
            case "dialled":
                status = form.get("DialCallStatus", "")
                return calls.answer(session, seq, TransferEnded(_DIALLED.get(status, "failed")))
            case "chosen":
                given = keyed("menu", form.get("Digits", ""), "", form.get("SpeechResult", ""))
                return calls.chosen(session, seq, sure(given))
        raise NotFound

    def sure(given: Keys | Words) -> Keys | Words:
        """Words with Twilio's confidence."""
        if isinstance(given, Words):
            return Words(given.text, confidence(request.form.get("Confidence", "")))
        return given

    def gathered(sid: str, session: str, seq: int, kind: str, longest: int = 0, after: str = "") -> str:
        form = request.form
        given = keyed(kind, form.get("Digits", ""), form.get("FinishedOnKey", ""), form.get("SpeechResult", ""))
        given = sure(given)
        if after and given == Keys("#"):
            reply = calls.belongs_to_last(session, seq)
            if reply is not None:
                return reply
        full = bool(longest) and isinstance(given, Keys) and len(given.digits) == longest
        return calls.answer(session, seq, given, full=full)

    def again(sid: str, session: str) -> str:
        return calls.again(session)

    def retry_again(session: str, **path: Any) -> str:
        return f"again/{session}"

    add("/voice", "voice", start, lambda: "voice")
    where = "/voice/<session>/<int:seq>"
    for asked in ("<any(menu):kind>", "<any(number, amount):kind><int(max=999):longest>"):
        add(f"{where}/{asked}", f"gathered_{asked[5]}", gathered, retry_again)
        add(f"{where}/{asked}/<any(full):after>", f"gathered_{asked[5]}_after", gathered, retry_again)
    add(f"{where}/<what>", "answered", answered, retry_again)
    add(f"{where}/wait/<boot>", "wait", lambda sid, **path: calls.wait(**path), retry_again)
    add(f"{where}/waiting/<int:said>", "waiting", lambda sid, **path: calls.still_queued(**path), retry_again)
    add("/again/<session>", "again", again, retry_again)

    def failed(sid: str) -> str:
        log.error("Twilio could not use our reply", code=request.form.get("ErrorCode", "")[:10],
                  url=request.form.get("ErrorUrl", "")[:300])  # fmt: skip
        metrics.FAULTS.labels(CHANNEL, "fallback").inc()
        if (back := paying.rescue(sid)) is not None:
            return back
        if settings.fallback_number:
            return fallback.give_up()
        return calls.fault(sid, f"twilio {request.form.get('ErrorCode', '')[:10]}".strip())

    add("/fallback", "fallback", failed, lambda: "fallback")
    add("/fallback/dialled", "fallback_dialled",
        lambda sid: fallback.goodbye(sorry=request.form.get("DialCallStatus") not in ("completed", "answered")),
        lambda: "fallback/dialled")  # fmt: skip

    @routes.post("/status")
    def status() -> tuple[str, int]:
        """The call's end. 503 asks Twilio to try again, where the URL says so (docs/twilio.md)."""
        sid = request.form.get("CallSid", "")
        if not CALL_SID.match(sid):
            raise BadRequest
        with about(call=sid):
            try:
                if request.form.get("CallStatus") in OVER:
                    calls.hung_up(sid)
                    paying.hung_up(sid)
            except Unknown:
                log.info("the end of an unknown call")
            except Exception as error:
                log.exception("the end of a call could not be stored", error=type(error).__name__)
                return "", 503
        return "", 204

    @routes.post("/recording-status/<contact>/<kind>")
    def recording_status(contact: str, kind: str) -> tuple[str, int]:
        reference = recordings.reference(request.form.get("RecordingUrl", ""))
        sid = request.form.get("CallSid", "")
        if not CALL_SID.match(sid) or not reference:
            raise BadRequest
        with about(call=sid, contact=contact):
            try:
                if request.form.get("RecordingStatus", "completed") == "completed":
                    seconds = request.form.get("RecordingDuration", 0.0, type=float)
                    recordings.expect(calls.runner.engine, sid, reference, seconds, kind, contact)
                    calls.runner.submit(recordings.fetch, calls.runner.engine, settings, reference)
            except Exception as error:
                log.exception("a recording could not be noted", error=type(error).__name__)
                return "", 503
        return "", 204

    return routes


def twiml(document: str) -> Response:
    return Response(document, content_type="text/xml; charset=utf-8")


def confidence(given: str) -> float:
    """Twilio's Confidence, 0 to 1. Not every speech model gives one; some give 0.0 for it
    (https://www.twilio.com/docs/voice/twiml/gather#action): then words count as heard freely do elsewhere."""
    try:
        value = float(given)
    except ValueError:
        return FREELY
    return min(1.0, value) if value > 0 else FREELY


def keyed(what: str, digits: str, finished_on: str, words: str) -> Keys | Words:
    """What <Gather> collected as the Input that the same keys would be elsewhere (`ivr.flow.collect`).

    Twilio takes `*` and, where it doesn't finish, `#` as digits like any other; asked for a number, they mean "again"
    and "back", unless `*` is the decimal point of an amount. The finishing key alone comes as no digits at all, with
    its name in FinishedOnKey.
    """
    keys = "".join(key for key in digits[: MAX_KEYS * 4] if key in "0123456789*#")[:MAX_KEYS]
    if not keys and words:
        return Words(words[:MAX_WORDS])
    if what == "menu":
        return Keys(keys)
    if not keys:
        return Keys(finished_on if finished_on in ("*", "#") else "")
    if keys[0] in "*#":
        return Keys(keys[0])
    if "#" in keys or ("*" in keys and what == "number"):
        return Keys(next(key for key in keys if key in "*#"))
    return Keys(keys)
