"""The two of a conversation on Twilio: the agent's whisper and key, the conference with the customer, its end; and
customers who are called back.

All of Twilio's requests may come twice: what is told the queues is idempotent, and what is ordered of Twilio is ordered
once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import structlog
from twilio.twiml import TwiML
from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

from callcenter.queues.base import NoSuchOffer
from callcenter.queues.callbacks import NotInQueue
from callcenter.queues.store import Queues
from ivr.channels.twilio.api import Api, ApiError
from ivr.channels.twilio.calls import Calls
from ivr.channels.twilio.links import Link, Links
from ivr.channels.twilio.say import said
from ivr.channels.twilio.twiml import Fold, bcp47
from ivr.channels.twilio.waiting import queued_again
from ivr.flow import template
from ivr.flow.inputs import Served
from ivr.flow.model import PROMPT_ID
from ivr.prompts.parts import Prompt
from ivr.runner import Runner

log = structlog.get_logger("callwright.twilio")

ACCEPT_KEY = "1"
"""An answering machine presses none."""
KEY_SECONDS = 3
ENDS = {"busy": "busy", "no-answer": "no_answer", "canceled": "no_answer"}
"""Why an agent's call came to nothing, by Twilio's CallStatus."""
BACK = {"busy": "busy", "no-answer": "no_answer", "canceled": "no_answer", "completed": "machine"}
"""Why a customer wasn't reached; who answered and pressed nothing was a machine, or is asked again later."""
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
            return goodbye()
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
            return goodbye()
        if self.links.once(link.offer, "redirect") and not self._fetch_caller(link):
            return goodbye()
        response = VoiceResponse()
        if link.device.startswith("sip"):
            self._whisper(response, link)
        self._conference(response, link, "agent")
        return str(response)

    def _fetch_caller(self, link: Link) -> bool:
        try:
            if link.number:
                self._call_back(link)
                return True
            if self.api.redirect(link.caller, f"{self.fold.base_url}/twilio/talk/{link.session}/{link.offer}"):
                return True
            self.queues.leave(link.contact, "abandoned")
        except ApiError as error:
            log.error("a caller can't be connected", contact=link.contact, why=str(error))
            self.queues.refuse(link.offer, "failed")
        return False

    # The customer

    def _call_back(self, link: Link) -> None:
        """The agent is there: now the customer is called."""
        here = f"{self.fold.base_url}/twilio/back/{link.offer}"
        seconds = int(self.queues.queue(link.queue).callback.ring_seconds)
        call = self.api.ring(link.number, shown=link.shown, url=here, status=f"{here}/status", seconds=max(5, seconds))
        self.links.note(link.offer, caller=call)

    def greeted(self, link: Link, key: str) -> str:
        """A customer who was called back: nobody talks to a machine, so a key has to be pressed."""
        if self._state(link) != "accepted":
            return goodbye()
        response = VoiceResponse()
        if key == ACCEPT_KEY:
            self._conference(response, link, "customer")
            return str(response)
        gather = Gather(input="dtmf", num_digits=1, timeout=KEY_SECONDS, finish_on_key="",
                        action=f"{self.fold.base_url}/twilio/back/{link.offer}/key")  # fmt: skip
        for element in self._words("system.callback_greeting", link.language):
            gather.append(element)
        response.append(gather)
        response.hangup()
        return str(response)

    def not_reached(self, link: Link, status: str) -> None:
        """The customer's call is over, by Twilio's CallStatus: after a conversation, or without one."""
        self.links.called_back(link)
        if self.queues.complete(link.offer, "customer_hung_up"):
            return
        try:
            self.queues.callback_tried(link.offer, BACK.get(status, "failed"))
        except NotInQueue:
            return
        self._quietly(lambda: self.api.hang_up(link.call))

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
            return goodbye()
        place = self.queues.place(link.contact)
        if place is not None and place.state in ("waiting", "offered", "accepted"):
            return queued_again(self.runner.store.load(session).reply)
        return calls.answer(session, seq, Served(link.agent))

    def supervise(self, link: Link, mode: str) -> str:
        """A supervisor's telephone was answered: heard by nobody, by the agent alone, or by both."""
        if self._state(link) != "connected":
            return goodbye()
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
        self.links.called_back(link)
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
        queue = self.queues.config.queues.get(link.queue)
        label = (queue.label if queue is not None else "") or link.queue
        for element in self._words((queue.whisper if queue is not None else None) or "system.queue_whisper", "", label):
            into.append(element)

    def _words(self, ref: str, language: str, queue: str = "") -> Iterator[TwiML]:
        """A prompt, by its id or as it stands, spoken in this language or the company's first."""
        flows = self.runner.published.latest() or self.runner.published.current()
        language = language or flows.default_language
        text = flows.text(language, ref) if PROMPT_ID.match(ref) else ref
        known = {"company": flows.company.name, "language": language, "queue": queue}
        prompt = Prompt(template.parse(text or queue).fill(known, flows.company.currency), language, "")
        return said(prompt, self.fold.voices.get(language), bcp47(language))


def goodbye() -> str:
    response = VoiceResponse()
    response.hangup()
    return str(response)
