"""The agent's part of a call on Twilio: the whisper, the key, the conference with the customer, its end.

Twilio's requests for an offer: its TwiML at `/twilio/agent/OFFER`, the end of the agent's call at `.../status`, and the
conference's events (https://www.twilio.com/docs/voice/twiml/conference#attributes-statusCallback). All of them may
come twice: what is told the queues is idempotent, and what is ordered of Twilio is ordered once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import redis
import structlog
from flask import Blueprint, Response, request
from twilio.twiml.voice_response import Dial, Gather, Say, VoiceResponse
from werkzeug.exceptions import BadRequest, HTTPException

from callcenter.queues.base import NoSuchOffer
from callcenter.queues.store import Queues
from ivr.channels.twilio.api import Api, ApiError
from ivr.channels.twilio.calls import Calls
from ivr.channels.twilio.links import Link, Links
from ivr.channels.twilio.say import said
from ivr.channels.twilio.signature import guard
from ivr.channels.twilio.twiml import Fold, bcp47
from ivr.channels.twilio.waiting import queued_again
from ivr.flow import template
from ivr.flow.inputs import Served
from ivr.flow.model import PROMPT_ID
from ivr.logs import about
from ivr.prompts.parts import Prompt
from ivr.queueing import Queueing
from ivr.runner import Runner
from ivr.settings import Settings

log = structlog.get_logger("callwright.twilio")

ACCEPT_KEY = "1"
"""An answering machine presses none."""
KEY_SECONDS = 3
OFFER = re.compile(r"[0-9a-f]{32}\Z")
ENDS = {"busy": "busy", "no-answer": "no_answer", "canceled": "no_answer"}
"""Why an agent's call came to nothing, by Twilio's CallStatus."""
EVENTS = "start end join leave"


class Talks:
    """The two of a conversation. Raises `redis.RedisError`; what Twilio refuses is logged and seen to."""

    def __init__(self, queues: Queues, api: Api, runner: Runner, fold: Fold) -> None:
        self.queues, self.api, self.runner, self.fold = queues, api, runner, fold
        self.links = Links(queues.client)

    # The agent

    def from_(self, link: Link, call: str) -> Link:
        """With the agent's CallSid, where Twilio was quicker than the process that rings."""
        if link.call or not call:
            return link
        self.links.note(link.offer, call=call)
        return replace(link, call=call)

    def answered(self, link: Link) -> str:
        """The agent's telephone was answered: a number has to press the key; a SIP telephone accepts by answering."""
        if link.device.startswith("sip"):
            return self.accepted(link)
        if self._state(link) != "offered":
            return _goodbye()
        response = VoiceResponse()
        gather = Gather(input="dtmf", num_digits=1, timeout=KEY_SECONDS, finish_on_key="",
                        action=f"{self._here(link)}/key")  # fmt: skip
        self._whisper(gather, link)
        response.append(gather)
        response.redirect(self._here(link))
        return str(response)

    def keyed(self, link: Link, key: str) -> str:
        return self.accepted(link) if key == ACCEPT_KEY else self.answered(link)

    def accepted(self, link: Link) -> str:
        """Both into a conference, if this agent is the first."""
        if not self.queues.accept(link.offer):
            return _goodbye()
        if self.links.once(link.offer, "redirect") and not self._fetch_caller(link):
            return _goodbye()
        response = VoiceResponse()
        if link.device.startswith("sip"):
            self._whisper(response, link)
        self._conference(response, link, "agent")
        return str(response)

    def _fetch_caller(self, link: Link) -> bool:
        try:
            if self.api.redirect(link.caller, f"{self.fold.base_url}/twilio/talk/{link.session}/{link.offer}"):
                return True
            self.queues.leave(link.contact, "abandoned")
        except ApiError as error:
            log.error("a caller can't be connected", contact=link.contact, why=str(error))
            self.queues.refuse(link.offer, "failed")
        return False

    # The customer

    def talk(self, session_id: str, link: Link) -> str:
        """What the customer's call goes on with: the conference, unless it has moved on meanwhile."""
        stored = self.runner.store.load(session_id)
        session = stored.session
        waits = session.contact_id == link.contact and "Served" in (session.waiting or {}).get("for", ())
        if not waits or self._state(link) not in ("accepted", "connected"):
            self.queues.refuse(link.offer, "failed")
            return stored.reply
        response = VoiceResponse()
        action = f"{self.fold.base_url}/twilio/voice/{session.id}/{session.seq}/served/{link.offer}"
        self._conference(response, link, "customer", action=action)
        return str(response)

    def served(self, calls: Calls, session: str, seq: int, link: Link, *, gone: bool) -> str:
        """The customer is out of the conference: the flow goes on, or the queue where nobody served them."""
        self._over(link, "customer_hung_up" if gone else "agent_hung_up")
        if gone:
            return _goodbye()
        place = self.queues.place(link.contact)
        if place is not None and place.state in ("waiting", "offered", "accepted"):
            return queued_again(self.runner.store.load(session).reply)
        return calls.answer(session, seq, Served(link.agent))

    def supervise(self, link: Link, mode: str) -> str:
        """A supervisor's telephone was answered: heard by nobody, by the agent alone, or by both."""
        if self._state(link) != "connected":
            return _goodbye()
        response = VoiceResponse()
        how: dict[str, Any] = {"muted": True} if mode == "listen" else {"coach": link.call} if mode == "whisper" else {}
        dial = Dial()
        dial.conference(link.offer, participant_label="supervisor", beep="false", start_conference_on_enter=False,
                        end_conference_on_exit=False, **how)  # fmt: skip
        response.append(dial)
        return str(response)

    # What happens

    def event(self, link: Link, what: str, call: str, conference: str) -> None:
        if what == "participant-join":
            self.links.note(link.offer, conference=conference)
            both = {link.caller, link.call} <= self.links.joined(link.offer, call)
            if not both:
                return
            if self.queues.connected(link.offer):
                self.links.begins(link)
            elif self.links.once(link.offer, "lapsed"):
                log.warning("an offer lapsed before both were there", contact=link.contact, offer=link.offer)
                self._quietly(
                    lambda: self.api.redirect(link.caller, f"{self.fold.base_url}/twilio/queued/{link.session}")
                )
                self._quietly(lambda: self.api.hang_up(link.call))
        elif what == "conference-end" or (what == "participant-leave" and call in (link.caller, link.call)):
            self._over(link, "customer_hung_up" if call == link.caller else "agent_hung_up")

    def call_ended(self, link: Link, status: str) -> None:
        """The agent's call is over, by Twilio's CallStatus."""
        self.links.ends(link)
        if status == "completed":
            if not self.queues.complete(link.offer, "agent_hung_up"):
                self.queues.refuse(link.offer, "rejected" if self._state(link) == "offered" else "failed")
            return
        self.queues.refuse(link.offer, ENDS.get(status, "failed"))

    def _over(self, link: Link, why: str) -> None:
        self.links.ends(link)
        if not self.queues.complete(link.offer, why):
            self.queues.refuse(link.offer, "failed")

    def _state(self, link: Link) -> str:
        try:
            return self.queues.offer(link.offer).state
        except NoSuchOffer:
            return ""

    def _quietly(self, ask: Callable[[], object]) -> None:
        try:
            ask()
        except ApiError as error:
            log.error("Twilio does not do what it was told", why=str(error))

    # Documents

    def _here(self, link: Link) -> str:
        return f"{self.fold.base_url}/twilio/agent/{link.offer}"

    def _conference(self, response: VoiceResponse, link: Link, label: str, **attributes: str) -> None:
        """The conversation ends for both when either leaves it."""
        dial = Dial(**attributes)
        waits = {"wait_url": self.fold.music, "wait_method": "GET"} if self.fold.music else {"wait_url": ""}
        dial.conference(
            link.offer, participant_label=label, beep="false", start_conference_on_enter=True,
            end_conference_on_exit=True, status_callback=f"{self._here(link)}/conference",
            status_callback_event=EVENTS, **waits,
        )  # fmt: skip
        response.append(dial)

    def _whisper(self, into: VoiceResponse | Gather, link: Link) -> None:
        flows = self.runner.published.latest() or self.runner.published.current()
        queue = self.queues.config.queues.get(link.queue)
        label = (queue.label if queue is not None else "") or link.queue
        ref = (queue.whisper if queue is not None else None) or "system.queue_whisper"
        language = flows.default_language
        text = flows.text(language, ref) if PROMPT_ID.match(ref) else ref
        known = {"company": flows.company.name, "language": language, "queue": label}
        prompt = Prompt(template.parse(text or label).fill(known, flows.company.currency), language, "")
        for element in said(prompt, self.fold.voices.get(language), bcp47(language)):
            assert isinstance(element, Say)
            into.append(element)


class LazyTalks:
    """Gives `Talks` once there are queues, and credentials to call agents with."""

    def __init__(self, settings: Settings, calls: Calls, queueing: Callable[[], Queueing | None]) -> None:
        self._settings, self._calls, self._queueing = settings, calls, queueing
        self._made: Talks | None = None

    def __call__(self) -> Talks | None:
        if self._made is None and self._settings.twilio_account_sid and self._settings.twilio_auth_token:
            queueing = self._queueing()
            if queueing is not None:
                self._made = Talks(queueing.queues, Api(self._settings), self._calls.runner, self._calls.fold)
        return self._made


def blueprint(
    settings: Settings, calls: Calls, talks: Callable[[], Talks | None], fallback: Callable[[], str]
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
            except redis.RedisError as error:
                log.error("the queues can't be told", error=type(error).__name__)
                return "", 503
        return "", 204

    @routes.post("/agent/<offer>")
    def answered(offer: str) -> Response:
        return twiml(offer, lambda talks, link: talks.answered(talks.from_(link, _call())), _goodbye)

    @routes.post("/agent/<offer>/key")
    def key(offer: str) -> Response:
        return twiml(
            offer, lambda talks, link: talks.keyed(talks.from_(link, _call()), request.form.get("Digits", "")), _goodbye
        )

    @routes.post("/agent/<offer>/status")
    def status(offer: str) -> tuple[str, int]:
        return told(offer, lambda talks, link: talks.call_ended(link, request.form.get("CallStatus", "")))

    @routes.post("/agent/<offer>/conference")
    def conference(offer: str) -> tuple[str, int]:
        form = request.form
        what, call, sid = (form.get(name, "") for name in ("StatusCallbackEvent", "CallSid", "ConferenceSid"))
        return told(offer, lambda talks, link: talks.event(link, what, call, sid))

    @routes.post("/agent/<offer>/<any(listen, whisper, join):mode>")
    def supervise(offer: str, mode: str) -> Response:
        return twiml(offer, lambda talks, link: talks.supervise(link, mode), _goodbye)

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


def _goodbye() -> str:
    response = VoiceResponse()
    response.hangup()
    return str(response)


def _twiml(document: str) -> Response:
    return Response(document, content_type="text/xml; charset=utf-8")
