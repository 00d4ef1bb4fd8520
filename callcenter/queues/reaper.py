"""What is over because nobody spoke up: leases, legs, wrap-up timers, desks. Any number of routers may reap at once:
each step is checked again by its script."""

from __future__ import annotations

from typing import Any

from callcenter.queues.redis_hash import text
from callcenter.queues.store import Queues

BATCH = 500


def _due(queues: Queues, key: str, before: float) -> list[str]:
    found: Any = queues.client.zrangebyscore(key, "-inf", before, start=0, num=BATCH)
    return [text(item) for item in found]


def reap_timers(queues: Queues) -> int:
    """End leases and wrap-ups whose time is over; gives how many."""
    now = queues.clock()
    ended = sum(queues.expire(offer_id) for offer_id in _due(queues, "cw:leases", now))
    return ended + sum(queues.end_wrap_up(offer_id) for offer_id in _due(queues, "cw:wrapups", now))


def reap_legs(queues: Queues) -> int:
    """End calls whose process is gone: those that wait leave as lost, conversations are over."""
    ended = 0
    for contact_id in _due(queues, "cw:kept", queues.clock() - queues.timing.kept):
        entry = queues.entry(contact_id)
        match entry.get("state"):
            case "waiting" | "offered" | "accepted":
                ended += queues.leave_unkept(contact_id)
            case "connected":
                ended += queues.complete_unkept(entry["offer"])
            case _:
                queues.client.zrem("cw:kept", contact_id)
    return ended


def reap_desks(queues: Queues) -> int:
    """Sign out agents whose desk is silent. Their messages go back to the queues; calls go on on the phone."""
    gone = 0
    for agent_id in _due(queues, "cw:seen", queues.clock() - queues.config.people.logout_after):
        if queues.sign_out_unseen(agent_id):
            gone += 1
            give_back_messages(queues, agent_id)
    return gone


def give_back_messages(queues: Queues, agent_id: str) -> None:
    """Put an absent agent's chats and messages back into their queues, before others."""
    for offer in queues.offers_of(agent_id):
        if offer.state == "accepted":
            queues.refuse(offer.id, "failed")
        elif offer.state == "connected" and offer.medium != "voice":
            to = offer.queue if offer.queue in queues.config.queues else queues.config.default
            if to:
                queues.transfer(offer.id, to, why="agent_gone")
        elif offer.state == "wrap_up":
            queues.end_wrap_up(offer.id)
