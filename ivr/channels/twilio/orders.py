"""Orders to conversations on Twilio (`callcenter.control`), carried out by participants of their conference
(https://www.twilio.com/docs/voice/api/conference-participant-resource). Runs in the router's process; several may: each
order is claimed. What isn't here is answered so: see docs/calls.md.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import redis
import structlog

from callcenter import control
from callcenter.queues.base import UnknownQueue
from callcenter.queues.journal import STREAM
from callcenter.queues.store import Queues
from ivr.channels.twilio.api import Api, ApiError
from ivr.channels.twilio.links import Link, Links
from ivr.channels.twilio.ringing import reachable
from ivr.settings import Settings

log = structlog.get_logger("callwright.twilio")

PAUSE = 0.3
"""Seconds between looks at what conversations there are."""
TROUBLE = 2.0
KEEP_SECONDS = 5.0
SUPERVISOR_SECONDS = 30
MODES = ("listen", "whisper", "join")


class NotDone(Exception):
    """Why an order makes no sense, or can't be carried out."""


class Orders:
    """`keep` is called every five seconds."""

    def __init__(self, settings: Settings, queues: Queues, music: str, api: Api | None = None,
                 keep: Callable[[], None] = lambda: None) -> None:  # fmt: skip
        self._keep, self._kept_at = keep, 0.0
        self._base_url, self._music = settings.base_url, music
        self._queues = queues
        self._api = api or Api(settings)
        self._links = Links(queues.client)
        self._after: dict[str, str] = {}
        self._verbs: Mapping[str, Callable[[Link, str, Mapping[str, Any]], None]] = {
            "hold": lambda link, by, args: self._hold(link, True),
            "resume": lambda link, by, args: self._hold(link, False),
            "mute": lambda link, by, args: self._mute(link, by, args, True),
            "unmute": lambda link, by, args: self._mute(link, by, args, False),
            "transfer": self._transfer,
            "hang_up": self._hang_up,
            **{mode: self._supervise(mode) for mode in MODES},
        }

    def run(self, stopping: threading.Event) -> None:
        while not stopping.wait(PAUSE):
            try:
                self.once()
            except redis.RedisError as error:
                log.warning("orders can't be read", error=type(error).__name__)
                stopping.wait(TROUBLE)
            except Exception:
                log.exception("orders can't be followed")
                stopping.wait(TROUBLE)

    def once(self) -> None:
        """Obey what has been ordered since the last time. Raises `redis.RedisError`."""
        if time.monotonic() - self._kept_at > KEEP_SECONDS:
            self._keep()
            self._kept_at = time.monotonic()
        talking = self._links.talking()
        self._after = {contact: self._after.get(contact, "0") for contact in talking}
        for contact, offer in talking.items():
            link = self._links.get(offer)
            key = control.key(contact)
            found: Any = self._queues.client.xrange(key, min=f"({self._after[contact]}")
            for id, fields in found:
                self._after[contact] = _text(id)
                order = {_text(name): _text(value) for name, value in fields.items()}
                if link is not None and order.get("id") and self._links.claim(f"order:{order['id']}"):
                    self._obey(link, order)

    def _obey(self, link: Link, order: Mapping[str, str]) -> None:
        why = ""
        try:
            args = json.loads(order.get("args") or "{}")
            verb = self._verbs.get(order.get("verb", ""))
            if verb is None:
                raise NotDone("this can't be done on a call that came by Twilio")
            verb(link, order.get("by", ""), args if isinstance(args, dict) else {})
        except (NotDone, ValueError) as error:
            why = str(error)
        except ApiError as error:
            why = str(error)
            log.error("an order failed", contact=link.contact, verb=order.get("verb"), why=why)
        data = {"order": order["id"], "ok": not why, "why": why}
        self._queues.client.xadd(
            STREAM,
            {"kind": "call.answer", "at": self._queues.now(), "contact": link.contact, "queue": link.queue,
             "agent": link.agent, "offer": link.offer, "data": json.dumps(data)},
        )  # fmt: skip

    # The verbs

    def _change(self, link: Link, call: str, **changes: Any) -> None:
        if not self._api.participant(link.conference, call, **changes):
            raise NotDone("that party isn't in the conversation")

    def _hold(self, link: Link, held: bool) -> None:
        music = {"hold_url": self._music, "hold_method": "GET"} if held else {}
        self._change(link, link.caller, hold=held, **music)

    def _mute(self, link: Link, by: str, args: Mapping[str, Any], muted: bool) -> None:
        party = str(args.get("party") or by)
        calls = {"customer": link.caller, link.agent: link.call}
        call = calls.get(party) or self._links.supervisor(link.offer, party)
        if not call:
            raise NotDone(f"{party!r} isn't in the conversation")
        self._change(link, call, muted=muted)

    def _transfer(self, link: Link, by: str, args: Mapping[str, Any]) -> None:
        to = args.get("to")
        if not isinstance(to, dict) or "queue" not in to or args.get("refer"):
            raise NotDone("a call that came by Twilio can be transferred to a queue only")
        if link.number:
            raise NotDone("who was called back by Twilio can't be transferred")
        try:
            done = self._queues.transfer(link.offer, str(to["queue"]))
        except UnknownQueue as error:
            raise NotDone(str(error)) from None
        if not done:
            raise NotDone("the conversation is over")
        # The conference ends when the customer leaves it, and the agent's call with it.
        if not self._api.redirect(link.caller, f"{self._base_url}/twilio/queued/{link.session}"):
            self._queues.leave(link.contact, "abandoned")

    def _hang_up(self, link: Link, by: str, args: Mapping[str, Any]) -> None:
        call = link.call if by == link.agent else self._links.supervisor(link.offer, by)
        if not call or not self._api.hang_up(call):
            raise NotDone(f"{by!r} isn't in the conversation")

    def _supervise(self, mode: str) -> Callable[[Link, str, Mapping[str, Any]], None]:
        def ordered(link: Link, by: str, args: Mapping[str, Any]) -> None:
            coached = {"coaching": True, "call_sid_to_coach": link.call} if mode == "whisper" else {"coaching": False}
            known = self._links.supervisor(link.offer, by)
            if known and self._api.participant(link.conference, known, muted=mode == "listen", **coached):
                return
            agent = self._queues.agent(by)
            if agent is None or not reachable(agent.device):
                raise NotDone(f"{by!r} has no telephone that Twilio can ring: a number or a sip: address")
            url = f"{self._base_url}/twilio/agent/{link.offer}/{mode}"
            call = self._api.ring(agent.device, shown=link.shown, url=url, seconds=SUPERVISOR_SECONDS)
            self._links.supervises(link.offer, by, call)

        return ordered


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
