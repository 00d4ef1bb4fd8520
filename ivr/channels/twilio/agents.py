"""What the calls of a conversation are told, as TwiML: the agent's whisper and key, the conference, what comes after
it; and customers who are called back.

All of Twilio's requests may come twice: what is told the queues is idempotent, and what is ordered of Twilio is ordered
once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import structlog
from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

from callcenter.queues.base import NoSuchOffer
from callcenter.queues.callbacks import NotInQueue
from callcenter.queues.store import Queues
from ivr.bridge.machine import AGENT
from ivr.bridge.state import CUSTOMER, Gone, OfferLost
from ivr.channels.twilio import addresses, happenings
from ivr.channels.twilio.api import Api, ApiError
from ivr.channels.twilio.calls import Calls
from ivr.channels.twilio.conversations import Conversations
from ivr.channels.twilio.documents import goodbye
from ivr.channels.twilio.links import Link, Links
from ivr.channels.twilio.participants import Wish
from ivr.channels.twilio.payments import Payments
from ivr.channels.twilio.reach import Reach, by_key
from ivr.channels.twilio.talk import Talk
from ivr.channels.twilio.twiml import Fold
from ivr.channels.twilio.waiting import queued_again
from ivr.channels.twilio.words import Words
from ivr.flow.inputs import Served

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
    """The calls of conversations. Raises `redis.RedisError`; what Twilio refuses is logged and seen to."""

    def __init__(self, queues: Queues, api: Api, fold: Fold, reach: Reach, payments: Payments) -> None:
        self.queues, self.api, self.fold = queues, api, fold
        self.runner = payments.runner
        self.conversations = Conversations(queues, api, fold.base_url, reach, payments)
        self.links: Links = self.conversations.links
        self.words = Words(self.runner.published, fold)

    # The agent

    def from_(self, link: Link, call: str) -> Link:
        """With the agent's CallSid, where Twilio was quicker than the process that rings."""
        if link.call or not call:
            return link
        self.links.note(link.offer, call=call)
        return replace(link, call=call)

    def answered(self, link: Link) -> str:
        """The agent's telephone was answered: a number has to press the key; a SIP telephone accepts by answering."""
        if not by_key(link.device):
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
        flows = self.runner.published.latest() or self.runner.published.current()
        self.conversations.open(link, payments=flows.company.payment is not None)
        if self.links.once(link.offer, "redirect") and not self._fetch_caller(link):
            return goodbye()
        response = VoiceResponse()
        if not by_key(link.device):
            self._whisper(response, link)
        self._consent(response, link, "")
        self._conference(response, link, AGENT, happenings.ENTERED)
        return str(response)

    def _fetch_caller(self, link: Link) -> bool:
        try:
            if link.number and not link.waits:
                self._call_back(link)
                return True
            if self.api.redirect(link.caller, self.fold.base_url + addresses.conference(link)):
                return True
            self.queues.leave(link.contact, "abandoned")
            self.conversations.happened(link.offer, Gone(CUSTOMER))
        except ApiError as error:
            log.error("a caller can't be connected", contact=link.contact, why=str(error))
            self.queues.refuse(link.offer, "failed")
            self.conversations.happened(link.offer, OfferLost())
        return False

    def call_ended(self, link: Link, status: str) -> None:
        """The agent's call is over, by Twilio's CallStatus. Twilio doesn't tell a broken line from one that was hung
        up."""
        if self.conversations.over(link.offer, AGENT, "completed") is not None:
            return
        self.queues.refuse(link.offer, "rejected" if status == "completed" else ENDS.get(status, "failed"))

    # Others who are called for a conversation

    def joins(self, link: Link, party: str, call: str) -> str:
        """A third party's or supervisor's telephone was answered."""
        talk = self.conversations.change(
            link.offer,
            lambda found: happenings.answers(found, party, call) if party in found.state.parties else found,
        )
        if talk is None or talk.state.over or party not in talk.state.parties:
            return goodbye()
        response = VoiceResponse()
        wish = talk.leg(party).told
        self._conference(response, link, party, wish, coach=talk.leg(wish.coaches).call if wish.coaches else "")
        return str(response)

    def party_ended(self, link: Link, party: str, status: str) -> None:
        self.conversations.over(link.offer, party, status)

    # The customer

    def _call_back(self, link: Link) -> None:
        """The agent is there: now the customer is called."""
        here = f"{self.fold.base_url}/twilio/back/{link.offer}"
        seconds = int(self.queues.queue(link.queue).callback.ring_seconds)
        call = self.api.ring(link.number, shown=link.shown, url=here, status=f"{here}/status", seconds=max(5, seconds))
        self.links.note(link.offer, caller=call)
        self.conversations.change(link.offer, lambda talk: talk.with_leg(CUSTOMER, call=call))

    def greeted(self, link: Link, key: str) -> str:
        """A customer who was called back: nobody talks to a machine, so a key has to be pressed."""
        if self._state(link) != "accepted":
            return goodbye()
        if key == ACCEPT_KEY:
            return self.talk_back(link)
        response = VoiceResponse()
        gather = Gather(input="dtmf", num_digits=1, timeout=KEY_SECONDS, finish_on_key="",
                        action=f"{self.fold.base_url}/twilio/back/{link.offer}/key")  # fmt: skip
        for element in self.words.of("system.callback_greeting", link.language):
            gather.append(element)
        response.append(gather)
        response.hangup()
        return str(response)

    def talk_back(self, link: Link) -> str:
        """A customer who was called back comes into the conference."""
        talk = self.conversations.change(link.offer, lambda talk: talk.arrived(addresses.conference(link)))
        if talk is None or talk.state.over:
            return self.after_back(link)
        return self.into_conference(link, f"{self.fold.base_url}/twilio/back/{link.offer}/after")

    def after_back(self, link: Link, *, gone: bool = False) -> str:
        """... and out of it: nobody's flow goes on, but who was not done with waits on the line."""
        talk = self._out(link, gone=gone)
        if gone or talk is None:
            return goodbye()
        if talk.end is None:
            return self.talk_back(link)
        return self.waits(link) if addresses.waits(talk, link) else goodbye()

    def waits(self, link: Link) -> str:
        """Music, until the next agent is there."""
        place = self.queues.place(link.contact)
        if place is None or place.state not in ("waiting", "offered", "accepted"):
            return goodbye()
        here = f"{self.fold.base_url}/twilio/back/{link.offer}/wait"
        response = VoiceResponse()
        gather = Gather(input="dtmf", num_digits=1, timeout=1, finish_on_key="", action=here)
        gather.play(self.fold.music) if self.fold.music else gather.pause(length=10)
        response.append(gather)
        response.redirect(here)
        return str(response)

    def not_reached(self, link: Link, status: str) -> None:
        """The call of a customer who was called back is over: after conversations, or without one."""
        last = self.links.back(link.contact) or link
        talk = self.conversations.get(last.offer)
        if last.waits or (talk is not None and talk.connected):
            self.conversations.over(last.offer, CUSTOMER, "completed")
            place = self.queues.place(link.contact)
            if place is not None and place.state in ("waiting", "offered", "accepted"):
                self.queues.leave(link.contact, "abandoned")
        else:
            try:
                self.queues.callback_tried(last.offer, BACK.get(status, "failed"))
            except NotInQueue:
                log.info("a callback was over before the customer's call", contact=link.contact, offer=last.offer)
            self.conversations.over(last.offer, CUSTOMER, status)
        self.links.called_back(last)

    def talk(self, session_id: str, link: Link) -> str:
        """What the customer's call goes on with: the conference, unless it has moved on meanwhile."""
        stored = self.runner.store.load(session_id)
        session = stored.session
        waits = session.contact_id == link.contact and "Served" in (session.waiting or {}).get("for", ())
        action = f"{self.fold.base_url}/twilio/voice/{session.id}/{session.seq}/served/{link.offer}"
        talk = self.conversations.change(link.offer, lambda talk: talk.arrived(addresses.conference(link)))
        if talk is not None and not talk.state.started and not (waits and self._state(link) == "accepted"):
            self.queues.refuse(link.offer, "failed")
            self.conversations.happened(link.offer, OfferLost())
            return stored.reply
        if talk is None or talk.state.over or not waits:
            return stored.reply
        return self.into_conference(link, action)

    def served(self, calls: Calls, session: str, seq: int, link: Link, *, gone: bool) -> str:
        """The customer is out of the conference: the flow goes on, or the queue, or the conference that had to begin
        anew."""
        talk = self._out(link, gone=gone)
        if gone:
            return goodbye()
        if talk is None or talk.end is None:
            return self.talk(session, link)
        if talk.end.how == "requeue":
            return queued_again(self.runner.store.load(session).reply)
        return calls.answer(session, seq, Served(talk.agent))

    def _out(self, link: Link, *, gone: bool) -> Talk | None:
        if gone:
            return self.conversations.over(link.offer, CUSTOMER, "completed")
        clock = self.conversations.clock
        return self.conversations.changed(link.offer, lambda talk: happenings.let_go(talk, clock()))

    def into_conference(self, link: Link, action: str) -> str:
        """The customer; `action` is where the call goes on afterwards."""
        talk = self.conversations.change(link.offer, lambda talk: happenings.enters(talk, action))
        response = VoiceResponse()
        if talk is not None and not talk.state.started:
            self._consent(response, link, link.language)
        wish = happenings.ENTERED if talk is None else happenings.entering(talk)
        self._conference(response, link, CUSTOMER, wish, action=action)
        return str(response)

    # What happens

    def event(self, link: Link, what: str, call: str, conference: str, number: int) -> None:
        """An event of a conference (https://www.twilio.com/docs/voice/twiml/conference#attributes-statusCallbackEvent);
        `number` is its SequenceNumber."""
        talk = self.conversations.get(link.offer)
        party = talk.party_of(call) if talk is not None else ""
        if not party:
            return
        tell: dict[str, Callable[..., Talk]] = {
            "participant-join": happenings.joined,
            "participant-leave": happenings.left,
        }
        if what in tell:
            now = self.conversations.clock()
            self.conversations.changed(link.offer, lambda found: tell[what](found, party, conference, now, number))

    def _state(self, link: Link) -> str:
        try:
            return self.queues.offer(link.offer).state
        except NoSuchOffer:
            return ""

    # Documents

    def _here(self, link: Link) -> str:
        return f"{self.fold.base_url}/twilio/agent/{link.offer}"

    def _conference(self, response: VoiceResponse, link: Link, party: str, wish: Wish, *, coach: str = "",
                    **attributes: str) -> None:  # fmt: skip
        """Into the conference, so. Who comes first hears music."""
        how: dict[str, Any] = (
            {"wait_url": self.fold.music, "wait_method": "GET"} if self.fold.music else {"wait_url": ""}
        )
        if wish.muted:
            how["muted"] = True
        if coach:
            how["coach"] = coach
        dial = Dial(**attributes)
        dial.conference(
            link.offer, participant_label=party, beep="false", start_conference_on_enter=True,
            end_conference_on_exit=wish.ends, status_callback=f"{self._here(link)}/conference",
            status_callback_event=EVENTS, **how,
        )  # fmt: skip
        response.append(dial)

    def _consent(self, into: VoiceResponse, link: Link, language: str) -> None:
        """That the conversation is recorded, before it begins."""
        if self.conversations.taping.announced(link):
            for element in self.words.of("system.recorded", language):
                into.append(element)

    def _whisper(self, into: VoiceResponse | Gather, link: Link) -> None:
        queue = self.queues.config.queues.get(link.queue)
        label = (queue.label if queue is not None else "") or link.queue
        ref = (queue.whisper if queue is not None else None) or "system.queue_whisper"
        for element in self.words.of(ref, "", queue=label):
            into.append(element)
