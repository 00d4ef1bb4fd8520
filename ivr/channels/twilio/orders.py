"""Orders to conversations on Twilio (`callcenter.control`): read in the router's process and given to the bridge's
machine, as on SIP. Several processes may; each order is claimed. What Twilio can't do is answered so (docs/calls.md).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

import redis
import structlog

from callcenter import control
from callcenter.queues.store import Queues
from ivr.bridge.state import Answer, Order, Target
from ivr.channels.twilio.api import Api
from ivr.channels.twilio.conversations import Conversations
from ivr.channels.twilio.links import Link
from ivr.channels.twilio.payments import Payments
from ivr.channels.twilio.reach import Reach
from ivr.channels.twilio.telling import Telling
from ivr.channels.twilio.watch import Watch
from ivr.settings import Settings

log = structlog.get_logger("callwright.twilio")

PAUSE = 0.3
"""Seconds between looks at what conversations there are."""
TROUBLE = 2.0
KEEP_SECONDS = 5.0
LOOK_SECONDS = 1.0
SUPERVISE = ("listen", "whisper", "join", "take_over")
VERBS = (
    "hold", "resume", "mute", "unmute", "transfer", "consult", "conference", "merge", "complete", "return", "hang_up",
    "digits", "record_pause", "record_resume", "pay", "pay_stop", *SUPERVISE,
)  # fmt: skip
"""What Twilio can do."""
CANT = {
    "secret_start": "on a call that came by Twilio the agent would hear the keys: nothing keeps them from a conference",
    "transfer": "a call that came by Twilio can't be sent on by its own side: transfer it without `refer`",
}
"""Why not, of what is asked for most."""


class Orders:
    """`keep` is called every five seconds with the offers of conversations that have begun. `payments` are the sessions
    of payments."""

    def __init__(self, settings: Settings, queues: Queues, payments: Payments, api: Api | None = None,
                 keep: Callable[[Collection[str]], None] = lambda connected: None) -> None:  # fmt: skip
        self._keep, self._kept_at = keep, 0.0
        self._queues = queues
        self._reach = Reach(queues, settings)
        self.conversations = Conversations(queues, api or Api(settings), settings.base_url, self._reach, payments)
        self._watch = Watch(self.conversations)
        self._telling = Telling(queues)
        self._after: dict[str, str] = {}

    def run(self, stopping: threading.Event) -> None:
        """Obey orders."""
        self._again(stopping, PAUSE, self.once)

    def watch(self, stopping: threading.Event) -> None:
        """Look after the conversations: in a thread of its own, since Twilio may be slow to answer."""
        self._again(stopping, LOOK_SECONDS, self.look)

    def _again(self, stopping: threading.Event, pause: float, work: Callable[[], None]) -> None:
        while not stopping.wait(pause):
            try:
                work()
            except redis.RedisError as error:
                log.warning("conversations can't be read", error=type(error).__name__)
                stopping.wait(TROUBLE)
            except Exception:
                log.exception("conversations can't be followed")
                stopping.wait(TROUBLE)

    def once(self) -> None:
        """Obey what has been ordered since the last time. Raises `redis.RedisError`."""
        if time.monotonic() - self._kept_at > KEEP_SECONDS:
            self._keep(self._connected())
            self._kept_at = time.monotonic()
        talking = self.conversations.links.talking()
        self._after = {offer: after for offer, after in self._after.items() if offer in talking.values()}
        for contact, offer in talking.items():
            if offer not in self._after:
                link = self.conversations.links.get(offer)
                self._after[offer] = link.began if link is not None and link.began else "-"
            found: Any = self._queues.client.xrange(control.key(contact), min=self._after[offer])
            for id, fields in found:
                self._after[offer] = f"({_text(id)}"
                order = {_text(name): _text(value) for name, value in fields.items()}
                if order.get("id") and self.conversations.links.claim(f"order:{order['id']}"):
                    self._obey(offer, order)

    def _connected(self) -> set[str]:
        """The offers of conversations that have begun."""
        talks = {offer: self.conversations.get(offer) for offer in self.conversations.links.talking().values()}
        return {offer for offer, talk in talks.items() if talk is not None and talk.connected}

    def look(self) -> None:
        """Look after all conversations. Raises `redis.RedisError`."""
        for offer in self.conversations.links.talking().values():
            self._watch.look(offer)

    def _obey(self, offer: str, given: Mapping[str, str]) -> None:
        link, talk = self.conversations.links.get(offer), self.conversations.get(offer)
        if link is None or talk is None:
            return
        try:
            args = json.loads(given.get("args") or "{}")
            order = Order(given["id"], given.get("verb", ""), given.get("by", ""),
                          args if isinstance(args, dict) else {})  # fmt: skip
            self._check(link, order)
        except (LookupError, ValueError) as error:
            self._telling.tell(link, talk, Answer(given["id"], False, str(error)))
            return
        self.conversations.happened(offer, order)

    def _check(self, link: Link, order: Order) -> None:
        """Raises LookupError for what can't be done here, whatever the conversation is at."""
        if order.verb not in VERBS or order.args.get("refer"):
            raise LookupError(CANT.get(order.verb, "this can't be done on a call that came by Twilio"))
        if order.verb == "digits" and set(str(order.args.get("digits", "")).upper()) & set("ABCD"):
            raise LookupError("Twilio presses no keys A to D")
        if order.verb in SUPERVISE:
            talk = self.conversations.get(link.offer)
            if talk is None or all(party.who != order.by for party in talk.state.parties.values()):
                self._reach.check(Target("agent", order.by))
        to = order.args.get("to")
        if not isinstance(to, dict):
            return
        if order.verb == "transfer" and to.get("queue"):
            self._queues.queue(str(to["queue"]))
        elif order.verb in ("transfer", "consult", "conference"):
            for kind in ("agent", "number"):
                if isinstance(to.get(kind), str) and to[kind].strip():
                    self._reach.check(Target(kind, to[kind].strip()))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
