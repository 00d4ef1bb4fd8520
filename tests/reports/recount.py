"""The same figures counted another way: raw SQL rows and plain loops, sharing nothing with `callcenter.reports`."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection


def recount(conn: Connection, queue: str, level_seconds: float) -> dict[str, Any]:
    """What concerns one queue, for all contacts in the database."""
    rows = conn.execute(sa.text("SELECT contact_id, at, kind, data FROM events ORDER BY contact_id, id")).all()
    by_contact: dict[str, list[tuple[float, str, dict[str, Any]]]] = defaultdict(list)
    for contact, at, kind, data in rows:
        moment = datetime.fromisoformat(at) if isinstance(at, str) else at
        by_contact[contact].append((moment.timestamp(), kind, json.loads(data) if isinstance(data, str) else data))
    waits, abandoned, short, offered, talked, wrapped, transfers = [], [], 0, 0, {}, {}, 0
    callbacks = callbacks_done = 0
    for happened in by_contact.values():
        for index, (at, kind, data) in enumerate(happened):
            if kind == "queue.joined":
                later = happened[index + 1 :]
                until = next((n for n, one in enumerate(later) if one[1] == "queue.joined"), len(later))
                later = later[:until]
                moved = [one[2]["queue"] for one in later if one[1] == "queue.moved"]
                if (moved or [data["queue"]])[-1] != queue:
                    continue
                offered += 1
                absent = data["leg"] == "absent"
                callbacks += absent
                callbacks_done += any(one[1] == "callback.done" for one in later)
                for when, what, more in later:
                    if what == "offer.connected" and not absent:
                        waits.append(when - at)
                    if what == "queue.left" and more["why"] in ("abandoned", "lost") and not absent:
                        if when - at > 5:
                            abandoned.append(when - at)
                        else:
                            short += 1
        for at, kind, data in happened:
            if data.get("queue") == queue and kind == "offer.done":
                talked[data["offer"]] = data["seconds"]
                transfers += data["why"] == "transferred"
                wrapped[data["offer"]] = at
        for at, kind, data in happened:
            if kind == "wrap_up.done" and data["offer"] in wrapped:
                talked[data["offer"]] += at - wrapped[data["offer"]]
    served = len(waits) + len(abandoned)
    return {
        "offered": offered,
        "abandoned": len(abandoned),
        "short_abandoned": short,
        "service_level": sum(wait <= level_seconds for wait in waits) / served,
        "asa": sum(waits) / len(waits),
        "handling": sum(talked.values()) / len(talked),
        "transfers": transfers,
        "callbacks": callbacks,
        "callbacks_done": callbacks_done,
    }
