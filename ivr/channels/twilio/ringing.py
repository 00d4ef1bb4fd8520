"""Rings agents for callers who wait on Twilio, by Twilio's REST API. Follows the journal, in the router's process;
several may: each offer is claimed."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import redis
import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from callcenter.db import reading
from callcenter.queues.base import NoSuchOffer
from callcenter.queues.journal import Fact
from callcenter.queues.store import Queues
from callcenter.tables import contacts, sessions
from ivr.channels.twilio.api import Api, ApiError
from ivr.channels.twilio.calls import CHANNEL
from ivr.channels.twilio.links import Link, Links
from ivr.channels.twilio.reach import Reach
from ivr.settings import Settings

log = structlog.get_logger("callwright.twilio")

OVER = ("offer.withdrawn", "offer.expired", "offer.refused")
BUFFER = 6
"""Twilio rings up to five seconds longer than it is told
(https://www.twilio.com/docs/voice/api/call-resource#create-a-call); it should give up before the offer's lease does."""
SHORTEST = 5
THREADS = 8
HOLDER = "twilio"
"""Who holds the legs of callbacks: whichever process follows the journal."""
NUMBER = re.compile(r"\+\d{6,15}\Z")


class Ringing:
    """`take` is quick: the work is done in threads. An offer that is taken back while its call is being made is hung up
    by whoever comes last."""

    def __init__(self, settings: Settings, queues: Queues, engine: Engine, api: Api | None = None) -> None:
        self._base_url = settings.base_url
        self._queues, self._engine = queues, engine
        self._api = api or Api(settings)
        self._reach = Reach(queues, settings)
        self._links = Links(queues.client)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="twilio")

    def take(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if fact.kind in ("offer.made", "callback.due") or fact.kind in OVER:
                self._pool.submit(self.follow, fact)

    def close(self) -> None:
        self._pool.shutdown(wait=True)

    def follow(self, fact: Fact) -> None:
        """See to one fact, in this thread. Never raises."""
        try:
            if fact.kind == "offer.made" and fact.data.get("medium") == "voice":
                self.ring(fact)
            elif fact.kind == "callback.due":
                self.call_back(fact)
            elif fact.kind in OVER:
                self.stop(fact)
        except (redis.RedisError, SQLAlchemyError, ApiError) as error:
            # The offer's lease ends it; the caller goes on waiting.
            log.error("an offer could not be followed", kind=fact.kind, offer=fact.offer, error=f"{error}"[:200])
        except Exception:
            log.exception("an offer could not be followed", kind=fact.kind, offer=fact.offer)

    def ring(self, fact: Fact) -> None:
        """Ring the agent's device, if the contact's call is Twilio's."""
        entry = self._queues.entry(fact.contact)
        if entry.get("channel") != CHANNEL or entry.get("leg") == "absent" or not self._links.claim(fact.offer):
            return
        device = str(fact.data.get("device", ""))
        link = self._link(fact, device, entry.get("language", ""))
        before = self._links.back(fact.contact)
        if link is not None and before is not None:
            link = replace(link, caller=before.caller, number=before.number, waits="1")
            self._links.calls_back(link)
        if link is None:
            log.error("a caller's call is not known", contact=fact.contact)
            self._queues.refuse(fact.offer, "failed")
            return
        self._dial(link, float(fact.data.get("lease_until", fact.at + 20)) - self._queues.clock())

    def call_back(self, fact: Fact) -> None:
        """Ring the agent for whom a customer of Twilio's is called back. An agent whom only the SIP service can ring is
        left to it; whoever claims the callback first dials."""
        entry = self._queues.entry(fact.contact)
        device = str(fact.data.get("device", ""))
        if (
            entry.get("channel") != CHANNEL
            or not self._reach.can_ring(device)
            or not NUMBER.match(entry.get("number", ""))
        ):
            return
        link = self._link(fact, device, entry.get("language", ""))
        if link is None or not self._links.claim(fact.offer):
            return
        if self._queues.claim_callback(fact.offer, HOLDER):
            link = replace(link, caller="", number=entry["number"])
            self._links.calls_back(link)
            self._dial(link, self._queues.queue(fact.queue).offer_seconds)

    def keep(self, connected: Collection[str]) -> None:
        """Say that the callbacks of Twilio's go on, also where the store has lost the offer; a dial that it wants no
        more ends. `connected`: offers by which an agent talks with the customer. Raises `redis.RedisError`."""
        links = {contact: self._links.back(contact) for contact in self._links.backs()}
        dials = {
            contact: link for contact, link in links.items()
            if link is not None and not link.waits and link.offer not in connected
        }  # fmt: skip
        offers = {contact: link.offer for contact, link in dials.items()}
        for contact in self._queues.keep(HOLDER, links, offers):
            link = dials.get(contact)
            if link is not None and self._restored(link) is False:
                self._end(link)

    def _restored(self, link: Link) -> bool | None:
        return self._queues.restore_dial(
            link.offer, link.contact, link.agent, device=link.device, holder=HOLDER, accepted=bool(link.began)
        )

    def _dial(self, link: Link, left: float) -> None:
        if left <= 0:
            return
        self._links.put(link)
        here = f"{self._base_url}/twilio/agent/{link.offer}"
        try:
            shows = link.number or self._queues.entry(link.contact).get("caller", "")
            to = self._reach.device(link.agent, link.device, shows)
            seconds = max(SHORTEST, int(left) - BUFFER)
            call = self._reach.call(self._api, to, link, url=here, status=f"{here}/status", seconds=seconds)
        except (ApiError, LookupError) as error:
            log.error("an agent can't be rung", agent=link.agent, why=str(error))
            if not link.waits:
                self._links.called_back(link)
            self._queues.refuse(link.offer, "failed")
            return
        self._links.note(link.offer, call=call)
        try:
            state: str = self._queues.offer(link.offer).state
        except NoSuchOffer:
            state = "over"
        if state not in ("offered", "accepted", "connected"):  # taken back while the call was made
            self._api.hang_up(call)

    def stop(self, fact: Fact) -> None:
        """The offer is over: the agent's telephone rings no longer."""
        link = self._links.get(fact.offer)
        if link is not None:
            self._end(link)

    def _end(self, link: Link) -> None:
        calls_back = bool(link.number) and not link.waits
        if calls_back:
            self._links.called_back(link)
        for call in filter(None, (link.call, link.caller if calls_back else "")):
            self._api.hang_up(call)

    def _link(self, fact: Fact, device: str, language: str) -> Link | None:
        with reading(self._engine) as conn:
            query = (
                sa.select(sessions.c.id, sessions.c.external_id, contacts.c.called)
                .join(contacts, contacts.c.id == sessions.c.contact_id)
                .where(
                    sessions.c.contact_id == fact.contact,
                    sessions.c.channel == CHANNEL,
                    sessions.c.external_id.not_like("%:%"),  # a payment's, on the same call
                )
            )
            row = conn.execute(query).first()
        if row is None:
            return None
        return Link(fact.offer, fact.contact, fact.queue, fact.agent, row.id, row.external_id, device, row.called,
                    language)  # fmt: skip
