"""The floor as it is now: queues, agents, who waits, who talks, whom to call back. For the supervisors' page."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from callcenter import alerts, emergency
from callcenter.acd import skills
from callcenter.acd.config import Config
from callcenter.acd.model import Estimate
from callcenter.alerts import USUAL, AlertsFile, Watched
from callcenter.db import reading
from callcenter.queues import closing
from callcenter.queues.redis_hash import Hash, skills_of, text
from callcenter.queues.store import Queues
from callcenter.record_tables import customers
from callcenter.reports.figures import Figures
from callcenter.reports.today import Promises, Today
from callcenter.tables import contacts

SHOWN = 200
"""Rows of a list that the page gets; what there is beyond is counted."""
FRESH = 0.25
"""Seconds for which several supervisors share one look."""
SHOWN_OF_AGENTS = ("presence", "reason", "state", "since", "skills", "skills_until")
IN_QUEUE = ("waiting", "offered", "accepted")


class Floor:
    """One for a process; thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._today = Today()
        self._lock = threading.Lock()
        self._kept: tuple[float, dict[str, Any]] = (float("-inf"), {})
        self._written: tuple[dict[str, Any], dict[str, str]] = ({}, {})

    def state(self, queues: Queues, now: datetime, watch: AlertsFile = USUAL) -> dict[str, Any]:
        """All that the page shows, as JSON; times are seconds since 1970. `now` in the company's time zone says which
        day it is; `watch` is alerts.yaml. Raises `redis.RedisError`."""
        with self._lock:
            at = queues.clock()
            if not 0 <= at - self._kept[0] < FRESH:
                self._kept = at, self._read(queues, now, at, watch)
            return self._kept[1]

    def written(self, state: dict[str, Any], language: str, write: Callable[[], str]) -> str:
        """A state as `write` writes it for people who read `language`: once, however many of them look."""
        with self._lock:
            if self._written[0] is not state:
                self._written = state, {}
            known = self._written[1]
            if language not in known:
                known[language] = write()
            return known[language]

    def stale(self) -> None:
        """Something was just changed: look anew."""
        with self._lock:
            self._kept = (float("-inf"), {})

    def _read(self, queues: Queues, now: datetime, at: float, watch: AlertsFile) -> dict[str, Any]:
        config = queues.config
        entries = _entries(queues)
        agents = _agents(queues)
        offers = _offers(queues, agents)
        of = defaultdict[str, list[Hash]](list)
        for offer in offers.values():
            of[offer["agent"]].append(offer)
        waiting = [(id, found) for id, found in entries.items() if found["leg"] != "absent"]
        back = [(id, found) for id, found in entries.items() if found["leg"] == "absent"]
        back.sort(key=lambda one: (float(one[1]["not_before"]) or float(one[1]["joined_at"]), one[0]))
        waiting.sort(key=lambda one: (-int(one[1]["priority"]), float(one[1]["joined_at"]), one[0]))
        shown = [*waiting[:SHOWN], *back[:SHOWN]]
        with reading(self._engine) as conn:
            figures, promises = self._today.read(
                conn,
                now.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC),
                now,
                {name: queue.service_level.seconds for name, queue in config.queues.items()},
            )
            closed, announced = closing.closed(conn), emergency.current(conn)
            people = _people(conn, [id for id, _ in shown] + [offer["contact"] for offer in offers.values()])
        in_queue = {name: [one for _, one in waiting if one["queue"] == name] for name in config.queues}
        told = queues.estimates({name: len(found) + 1 for name, found in in_queue.items()})
        shown_queues = [
            _queue(queues, name, in_queue[name], told[name], closed, figures, promises, at)
            | {
                "agents": _staff(config, agents, name),
                "available": _available(config, agents, name),
                "overdue": _overdue([one for _, one in back if one["queue"] == name], at),
            }
            for name in config.queues
        ]
        return {
            "now": at,
            "all_closed": closing.ALL in closed,
            "emergencies": sorted(one.id for one in announced.values()),
            "alerts": [
                {"name": one.name, "queue": one.queue.name, "label": one.queue.label, "limits": dict(one.limits)}
                for one in alerts.held(watch, watched(shown_queues, at))
            ],
            "queues": shown_queues,
            "skills": list(skills.known(config)),
            "reasons": list(config.people.reasons),
            "agents": [_agent(config, id, found, of[id], at) for id, found in sorted(agents.items())],
            "waiting": [_waiting(config, id, found, people) for id, found in waiting[:SHOWN]],
            "waiting_beyond": max(0, len(waiting) - SHOWN),
            "calls": _calls(config, offers, people),
            "callbacks": [_callback(config, id, found, people) for id, found in back[:SHOWN]],
            "callbacks_beyond": max(0, len(back) - SHOWN),
        }


def watched(queues: Iterable[Mapping[str, Any]], at: float) -> dict[str, Watched]:
    """What alerts look at, of the floor's queues at a time (seconds since 1970)."""
    return {
        one["name"]: Watched(
            name=one["name"],
            label=one["label"],
            level_seconds=one["level_seconds"],
            waiting=one["waiting"],
            longest=None if one["longest_since"] is None else at - one["longest_since"],
            level=one["service_level"],
            counted=one["answered"] + one["abandoned"],
            agents=one["available"],
            overdue=one["overdue"],
        )
        for one in queues
    }


def _entries(queues: Queues) -> dict[str, Hash]:
    ids = [text(id) for id in queues.client.zrange("cw:entries", 0, -1)]
    return {id: found for id, found in queues.hashes("cw:entry:", ids) if found.get("state") in IN_QUEUE}


def _agents(queues: Queues) -> dict[str, Hash]:
    """What the page shows of those who are signed in: of hundreds of agents all that is kept takes long to read."""
    ids = [text(id) for id in queues.client.smembers("cw:agents")]
    pipeline = queues.client.pipeline(transaction=False)
    for id in ids:
        pipeline.hmget(f"cw:agent:{id}", SHOWN_OF_AGENTS)
    return {
        id: {name: text(value) for name, value in zip(SHOWN_OF_AGENTS, values, strict=True) if value is not None}
        for id, values in zip(ids, pipeline.execute(), strict=True)
    }


def _offers(queues: Queues, agents: Iterable[str]) -> dict[str, Hash]:
    """What agents are asked for, talk on and wrap up."""
    pipeline = queues.client.pipeline(transaction=False)
    for agent in agents:
        pipeline.smembers(f"cw:agent_offers:{agent}")
    ids = [text(id) for found in pipeline.execute() for id in found]
    return {id: found for id, found in queues.hashes("cw:offer:", sorted(ids)) if found}


def _people(conn: Connection, ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """Who the contacts are with: caller, customer's id and name."""
    query = (
        sa.select(contacts.c.id, contacts.c.caller, contacts.c.customer_id, customers.c.name)
        .select_from(contacts.outerjoin(customers, customers.c.id == contacts.c.customer_id))
        .where(contacts.c.id.in_(sorted(set(ids))))
    )
    return {
        row.id: {"caller": row.caller, "customer": row.customer_id or "", "name": row.name or ""}
        for row in conn.execute(query)
    }


def _queue(
    queues: Queues, name: str, waiting: list[Hash], told: Estimate | None, closed: frozenset[str],
    figures: Mapping[str, Figures], promises: Mapping[str, Promises], at: float,
) -> dict[str, Any]:  # fmt: skip
    configured = queues.config.queues[name]
    since = min((float(one["joined_at"]) for one in waiting), default=None)
    counted, promised = figures.get(name, Figures()).shown(), promises.get(name, Promises())
    return {
        "name": name,
        "label": configured.label or name,
        "closed": name in closed or closing.ALL in closed,
        "open_hours": configured.hours is None or queues.hours.is_open(configured.hours, at),
        "waiting": len(waiting),
        "longest_since": since,
        "estimate": told.seconds if told else None,
        "level_seconds": configured.service_level.seconds,
        "level_wanted": configured.service_level.percent / 100,
        "service_level": counted["service_level"],
        "answered": counted["answered"],
        "abandoned": counted["abandoned"],
        "asa": counted["asa"],
        "promises": promised.count,
        "promised": promised.told,
        "actual": promised.waited,
        "promise_kept": counted["promise_kept"],
    }


def _staff(config: Config, agents: Mapping[str, Hash], queue: str) -> dict[str, int]:
    """How many agents of a queue are signed in, by state."""
    found: dict[str, int] = defaultdict(int)
    for id, agent in agents.items():
        if config.serves(id, queue):
            found[agent.get("state", "offline")] += 1
    return dict(found)


def _available(config: Config, agents: Mapping[str, Hash], queue: str) -> int:
    """How many agents of a queue take contacts, whatever they are at."""
    serving = (agent for id, agent in agents.items() if config.serves(id, queue))
    return sum(agent.get("presence") == "available" for agent in serving)


def _overdue(back: Iterable[Hash], at: float) -> float | None:
    """For how many seconds the callback has been due that should have been made first; `None` where none is."""
    due = [float(one["not_before"]) or float(one["joined_at"]) for one in back if one["state"] == "waiting"]
    return max((at - since for since in due if since < at), default=None)


def _agent(config: Config, id: str, found: Hash, mine: Iterable[Hash], at: float) -> dict[str, Any]:
    configured = config.agents.get(id)
    usual = configured.skills if configured else {}
    changed, until = skills_of(found, at)
    levels = {**usual, **changed}
    return {
        "id": id,
        "name": (configured.name if configured else "") or id,
        "presence": found.get("presence", "offline"),
        "reason": found.get("reason", ""),
        "state": found.get("state", "offline"),
        "since": float(found.get("since") or 0),
        "skills": [{"name": name, "level": levels[name], "usual": usual.get(name, 0)} for name in sorted(levels)],
        "skills_until": until or None,
        "contacts": [{"id": offer["contact"], "medium": offer["medium"], "state": offer["state"]} for offer in mine],
    }


def _label(config: Config, queue: str) -> str:
    return (config.queues[queue].label if queue in config.queues else "") or queue


def _who(people: Mapping[str, dict[str, str]], id: str, caller: str) -> dict[str, str]:
    return people.get(id, {"caller": caller, "customer": "", "name": ""})


def _waiting(config: Config, id: str, found: Hash, people: Mapping[str, dict[str, str]]) -> dict[str, Any]:
    return {
        "contact": id,
        **_who(people, id, found["caller"]),
        "queue": found["queue"],
        "label": _label(config, found["queue"]),
        "medium": found["medium"],
        "state": "paused" if found.get("paused") == "1" else found["state"],
        "since": float(found["joined_at"]),
        "priority": int(found["priority"]),
        "language": found["language"],
    }


def _callback(config: Config, id: str, found: Hash, people: Mapping[str, dict[str, str]]) -> dict[str, Any]:
    return {
        "contact": id,
        **_who(people, id, found["caller"]),
        "number": found["number"],
        "queue": found["queue"],
        "label": _label(config, found["queue"]),
        "state": found["state"],
        "since": float(found["joined_at"]),
        "at": float(found["not_before"]),
        "attempts": int(found.get("attempts") or 0),
    }


def _calls(config: Config, offers: Mapping[str, Hash], people: Mapping[str, dict[str, str]]) -> list[dict[str, Any]]:
    """Telephone calls in which both parties are bridged, the longest first."""
    found = [
        {
            "contact": offer["contact"],
            **_who(people, offer["contact"], ""),
            "agent": offer["agent"],
            "agent_name": (config.agents[offer["agent"]].name if offer["agent"] in config.agents else "")
            or offer["agent"],
            "label": _label(config, offer["queue"]),
            "since": float(offer["connected_at"]),
        }
        for offer in offers.values()
        if offer["state"] == "connected" and offer["medium"] == "voice"
    ]
    return sorted(found, key=lambda one: (float(str(one["since"])), str(one["contact"])))
