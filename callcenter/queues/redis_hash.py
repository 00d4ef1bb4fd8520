"""Hashes of the store read as objects. What the store holds is text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from callcenter.acd import carriers, skills
from callcenter.acd.config import Config, medium
from callcenter.acd.model import Agent, AgentState, Entry, Offer, OfferState
from callcenter.acd.strategies import strategies
from callcenter.queues.described import Described

Hash = dict[str, str]


def text(value: Any) -> str:
    """What the client gave, whether it decodes or not."""
    return value.decode() if isinstance(value, bytes) else str(value)


def as_hash(given: Mapping[Any, Any]) -> Hash:
    return {text(name): text(value) for name, value in given.items()}


def moment(value: float) -> str:
    """A time as scripts take it, to the microsecond."""
    return f"{value:.6f}"


def entry_of(contact_id: str, found: Hash, config: Config) -> Entry:
    """An entry that is in a queue."""
    queue = config.queues.get(found["queue"])
    keeps_last = queue is not None and strategies()[queue.strategy].last_first
    absent = found["leg"] == "absent"
    required = json.loads(found["skills"])
    required.update(carriers.required(found["channel"], absent=absent, carried=config.carried))
    return Entry(
        contact_id=contact_id,
        queue=found["queue"],
        medium=found["medium"],
        priority=int(found["priority"]),
        joined_at=float(found["joined_at"]),
        queued_at=float(found["queued_at"]),
        skills=tuple(sorted((name, int(level)) for name, level in required.items())),
        language=found["language"],
        last_agent=found["last_agent"] if keeps_last else "",
        not_before=float(found["not_before"]),
        absent=absent,
        customer_id=found["customer_id"],
        visited=tuple(found["visited"].split()),
    )


def agent_of(agent_id: str, found: Hash, config: Config, now: float) -> Agent | None:
    """An agent who is signed in; `None` for one who isn't, or is configured no longer. Skills that were changed for a
    while are so until then."""
    configured = config.agents.get(agent_id)
    if configured is None or found.get("state", "offline") == "offline":
        return None
    changed, until = skills_of(found, now)
    device = found.get("device") or configured.device
    return Agent(
        id=agent_id,
        queues=frozenset(configured.queues),
        groups=config.groups(agent_id),
        skills=carriers.with_telephone(skills.merged(configured.skills, changed), device, config.carried),
        skills_until=until,
        languages=frozenset(configured.languages),
        capacity=config.capacity(agent_id),
        interrupts=config.interrupts(agent_id),
        device=device,
        presence=found["presence"],
        state=cast(AgentState, found["state"]),
        offer=found.get("offer", ""),
        load={name[5:]: int(count) for name, count in found.items() if name.startswith("load:")},
        blocked_until=float(found.get("blocked_until", 0)),
        idle_since=float(found.get("idle_since", 0)),
        handled=int(found.get("handled", 0)),
        offered={name[8:]: float(at) for name, at in found.items() if name.startswith("offered:")},
    )


def skills_of(found: Hash, now: float) -> tuple[dict[str, int], float]:
    """Which skills of an agent are changed, and until when (seconds since 1970); none and 0 where none are."""
    until = float(found.get("skills_until") or 0)
    if until <= now:
        return {}, 0.0
    return {name: int(level) for name, level in json.loads(found.get("skills") or "{}").items()}, until


def offer_of(offer_id: str, found: Hash) -> Offer:
    def at(name: str) -> float | None:
        return float(found[name]) if found.get(name) else None

    return Offer(
        id=offer_id,
        contact_id=found["contact"],
        agent_id=found["agent"],
        queue=found["queue"],
        medium=found["medium"],
        state=cast(OfferState, found["state"]),
        device=found["device"],
        made_at=float(found["made_at"]),
        lease_until=float(found["lease_until"]),
        accepted_at=at("accepted_at"),
        connected_at=at("connected_at"),
        holder=found.get("holder", ""),
        callback=found.get("callback") == "1",
    )


def entry_fields(
    described: Described,
    *,
    channel: str,
    joined_at: float,
    last_agent: str = "",
    holder: str = "",
    number: str = "",
    not_before: float = 0.0,
    **more: Any,
) -> Hash:
    """What JOIN stores of an entry, at the lowest priority where none is told; a number makes it a callback."""
    return {
        "channel": channel,
        "medium": "voice" if number else medium(channel),  # however it was asked for, a callback is a call
        "joined_at": moment(joined_at),
        "priority": str(described.get("priority") or 0),
        "caller": described.get("caller", ""),
        "customer_id": described.get("customer_id", ""),
        "language": described.get("language", ""),
        "skills": json.dumps(dict(described.get("skills") or {}), separators=(",", ":")),
        "last_agent": last_agent,
        "holder": holder,
        "data": json.dumps(dict(described.get("data") or {}), ensure_ascii=False, separators=(",", ":")),
        "known_as": " ".join(described.get("known_as", ())),
        "leg": "absent" if number else "present",
        "number": number,
        "not_before": moment(not_before) if not_before else "0",
        **{name: str(value) for name, value in more.items()},
    }
