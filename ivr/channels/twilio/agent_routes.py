"""Twilio's requests for an offer: TwiML at `/twilio/agent/OFFER` (the agent; others who are called at
`.../party/PARTY`), `/twilio/talk/...` (the customer), `/twilio/pay/...` and `/twilio/paid/...` (the customer who keys a
card) and `/twilio/back/OFFER` (who is called back), the ends of their calls at `.../status`, what is heard on hold at
`/twilio/hold/SOUND`, and the events of the conference
(https://www.twilio.com/docs/voice/twiml/conference#attributes-statusCallback). Only with Twilio's signature; these
routes never answer 500.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import redis
import structlog
from flask import Blueprint, Response, request
from werkzeug.exceptions import BadRequest, HTTPException

from ivr.channels.twilio.agents import Talks
from ivr.channels.twilio.api import ApiError
from ivr.channels.twilio.calls import Calls
from ivr.channels.twilio.documents import goodbye, held, tones
from ivr.channels.twilio.links import Link
from ivr.channels.twilio.paying import Paying
from ivr.channels.twilio.routes import twiml as _twiml
from ivr.channels.twilio.signature import guard
from ivr.channels.twilio.waiting import queued_again
from ivr.logs import about
from ivr.settings import Settings

log = structlog.get_logger("callwright.twilio")

KEYS = re.compile(r"[0-9sp]{1,64}\Z")
PRESSED = str.maketrans("sp", "*#")
OFFER = re.compile(r"[0-9a-f]{32}\Z")


def blueprint(
    settings: Settings, calls: Calls, talks: Callable[[], Talks | None], paying: Paying, fallback: Callable[[], str]
) -> Blueprint:
    """`talks` gives `None` while there are no queues; `fallback` what a caller hears whom nothing can be done for."""
    routes = Blueprint("twilio_agents", __name__, url_prefix="/twilio")
    routes.before_request(guard(settings))

    def twiml(offer: str, answer: Callable[[Talks, Link], str], instead: Callable[[], str]) -> Response:
        with about(call=request.form.get("CallSid", "")[:40], offer=offer):
            try:
                found = _found(talks(), offer)
                if found is not None:
                    return _twiml(answer(*found))
            except HTTPException:
                raise
            except Exception as error:
                log.exception("an agent's call could not be served", error=type(error).__name__)
            try:
                return _twiml(instead())
            except Exception as error:
                log.error("the caller's last document can't be read", error=type(error).__name__)
                return _twiml(fallback())

    def told(offer: str, tell: Callable[[Talks, Link], None]) -> tuple[str, int]:
        with about(offer=offer):
            try:
                found = _found(talks(), offer)
                if found is not None:
                    tell(*found)
            except (redis.RedisError, ApiError) as error:
                log.error("the queues can't be told", error=type(error).__name__)
                return "", 503
        return "", 204

    @routes.post("/agent/<offer>")
    def answered(offer: str) -> Response:
        return twiml(offer, lambda talks, link: talks.answered(talks.from_(link, _call())), goodbye)

    @routes.post("/agent/<offer>/key")
    def key(offer: str) -> Response:
        return twiml(
            offer, lambda talks, link: talks.keyed(talks.from_(link, _call()), request.form.get("Digits", "")), goodbye
        )

    @routes.post("/agent/<offer>/status")
    def status(offer: str) -> tuple[str, int]:
        return told(offer, lambda talks, link: talks.call_ended(link, request.form.get("CallStatus", "")))

    @routes.post("/agent/<offer>/conference")
    def conference(offer: str) -> tuple[str, int]:
        form = request.form
        what, call, sid = (form.get(name, "") for name in ("StatusCallbackEvent", "CallSid", "ConferenceSid"))
        number = form.get("SequenceNumber", 0, type=int)
        return told(offer, lambda talks, link: talks.event(link, what, call, sid, number))

    @routes.post("/agent/<offer>/party/<party>")
    def party(offer: str, party: str) -> Response:
        return twiml(offer, lambda talks, link: talks.joins(link, party, _call()), goodbye)

    @routes.post("/agent/<offer>/party/<party>/status")
    def party_status(offer: str, party: str) -> tuple[str, int]:
        return told(offer, lambda talks, link: talks.party_ended(link, party, request.form.get("CallStatus", "")))

    @routes.post("/hold/<any(music, ringing, held):sound>")
    def hold(sound: str) -> Response:
        """What who is on hold hears, again and again
        (https://www.twilio.com/docs/voice/api/conference-participant-resource, HoldUrl)."""
        return _twiml(held(sound, calls.fold))

    @routes.post("/keys/<digits>")
    def keys(digits: str) -> Response:
        """Tones for a participant of a conference (AnnounceUrl)."""
        if not KEYS.match(digits):
            raise BadRequest
        return _twiml(tones(digits.translate(PRESSED)))

    @routes.post("/back/<offer>")
    def back(offer: str) -> Response:
        return twiml(offer, lambda talks, link: talks.greeted(link, ""), goodbye)

    @routes.post("/back/<offer>/key")
    def back_key(offer: str) -> Response:
        return twiml(offer, lambda talks, link: talks.greeted(link, request.form.get("Digits", "")), goodbye)

    @routes.post("/back/<offer>/status")
    def back_status(offer: str) -> tuple[str, int]:
        return told(offer, lambda talks, link: talks.not_reached(link, request.form.get("CallStatus", "")))

    @routes.post("/back/<offer>/talk")
    def back_talk(offer: str) -> Response:
        return twiml(offer, lambda talks, link: talks.talk_back(link), goodbye)

    @routes.post("/back/<offer>/after")
    def back_after(offer: str) -> Response:
        gone = request.form.get("CallStatus") == "completed"
        return twiml(offer, lambda talks, link: talks.after_back(link, gone=gone), goodbye)

    @routes.post("/back/<offer>/wait")
    def back_wait(offer: str) -> Response:
        return twiml(offer, lambda talks, link: talks.waits(link), goodbye)

    @routes.post("/queued/<session>")
    def queued(session: str) -> Response:
        try:
            return _twiml(queued_again(calls.again(session)))
        except Exception as error:
            log.exception("a caller could not be brought back to the queue", error=type(error).__name__)
            return _twiml(fallback())

    @routes.post("/talk/<session>/<offer>")
    def talk(session: str, offer: str) -> Response:
        return twiml(offer, lambda talks, link: talks.talk(session, link), lambda: calls.again(session))

    def rescued() -> str:
        return paying.rescue(_call()) or fallback()

    @routes.post("/pay/<offer>/<order>")
    def pay(offer: str, order: str) -> Response:
        return twiml(offer, lambda talks, link: paying.begin(talks, link, order), rescued)

    @routes.post("/pay/<offer>/<order>/stop")
    def pay_stop(offer: str, order: str) -> Response:
        return twiml(offer, lambda talks, link: paying.stopped(talks, link, order), rescued)

    @routes.post("/paid/<session>")
    def paid(session: str) -> Response:
        with about(call=_call(), session=session):
            try:
                return _twiml(paying.over(session, _call()))
            except Exception as error:
                log.exception("a customer can't come back from a payment", error=type(error).__name__)
                return _twiml(rescued())

    @routes.post("/voice/<session>/<int:seq>/served/<offer>")
    def served(session: str, seq: int, offer: str) -> Response:
        gone = request.form.get("CallStatus") == "completed"
        return twiml(offer, lambda talks, link: talks.served(calls, session, seq, link, gone=gone),
                     lambda: calls.again(session))  # fmt: skip

    return routes


def _found(talks: Talks | None, offer: str) -> tuple[Talks, Link] | None:
    if not OFFER.match(offer):
        raise BadRequest
    link = talks.links.get(offer) if talks is not None else None
    return None if talks is None or link is None else (talks, link)


def _call() -> str:
    return request.form.get("CallSid", "")[:40]
