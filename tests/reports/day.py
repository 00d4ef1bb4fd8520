"""A day of made-up events, written as the router writes them: deterministic, with every ending that there is."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection

from callcenter import contacts, events
from callcenter.tables import contacts as contacts_table

MORNING = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
QUEUES, AGENTS, CHANNELS = ("billing", "general"), ("ana", "ben", "cleo"), ("sip", "chat", "sms")


class Writer:
    """Writes one contact's events, the clock going on."""

    def __init__(self, conn: Connection, at: datetime, channel: str, customer: str) -> None:
        self.conn, self.at = conn, at
        self.id = contacts.start(conn, channel=channel, caller="+12125550100", called="1", at=at)
        if customer:
            conn.execute(contacts_table.update().where(contacts_table.c.id == self.id).values(customer_id=customer))

    def fact(self, kind: str, /, **data: Any) -> None:
        events.record(self.conn, self.id, None, kind, data, self.at)

    def passes(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def end(self, outcome: str) -> None:
        contacts.end(self.conn, self.id, outcome=outcome, at=self.at)


def write(conn: Connection, count: int = 300, seed: int = 7) -> None:
    """`count` contacts over twelve hours."""
    dice = random.Random(seed)
    for number in range(count):
        begun = MORNING + timedelta(seconds=dice.uniform(0, 43_200))
        customer = f"customer{dice.randrange(count // 2)}" if dice.random() < 0.8 else ""
        one = Writer(conn, begun, dice.choice(CHANNELS), customer)
        one.fact("step", flow="main", step="choose")
        one.passes(dice.uniform(1, 20))
        if dice.random() < 0.2:
            one.fact("asked_again", slot="account")
        if dice.random() < 0.4:
            one.fact("step", flow="hours", step="tell")
            one.end(dice.choice(("completed", "completed", "hung_up")))
            continue
        one.fact("to_person", because="0")
        _queue(one, dice, dice.choice(QUEUES), number)
        if dice.random() < 0.5:
            kind, most = dice.choice((("csat", 5), ("nps", 10), ("ces", 7)))
            one.fact("survey", kind=kind, score=dice.randint(0 if kind == "nps" else 1, most))


def _queue(one: Writer, dice: random.Random, queue: str, number: int, transferred: str = "") -> None:
    absent = not transferred and dice.random() < 0.15
    joined = one.at.timestamp()
    one.fact("queue.joined", queue=queue, joined_at=joined, leg="absent" if absent else "present", data={},
             **({"transferred": transferred} if transferred else {}))  # fmt: skip
    if absent:
        one.fact("callback.requested", queue=queue, number="+12125550100", at=0)
    if dice.random() < 0.6:
        one.fact("estimate.promised", queue=queue, seconds=dice.uniform(20, 200))
    one.passes(dice.expovariate(1 / 45))
    if dice.random() < 0.1:
        queue = "general"
        one.fact("queue.moved", queue=queue, why="after_wait", **{"from": "billing"})
    if dice.random() < 0.2:
        if absent:
            one.fact("callback.failed", queue=queue, attempts=3)
            one.fact("queue.left", queue=queue, why="callback_failed")
        else:
            one.fact("queue.left", queue=queue, why=dice.choice(("abandoned", "lost", "voicemail")))
        one.end("hung_up")
        return
    agent, offer = dice.choice(AGENTS), f"offer{number}{transferred}"
    one.fact("offer.connected", queue=queue, agent=agent, offer=offer, waited=one.at.timestamp() - joined)
    if absent:
        one.fact("callback.done", queue=queue, agent=agent, offer=offer)
    talked = dice.expovariate(1 / 180)
    one.passes(talked)
    onwards = not transferred and dice.random() < 0.15
    one.fact("offer.done", queue=queue, agent=agent, offer=offer, seconds=talked,
             why="transferred" if onwards else "completed")  # fmt: skip
    if dice.random() < 0.7:
        one.passes(dice.uniform(1, 30))
        one.fact("wrap_up.done", queue=queue, agent=agent, offer=offer, code="paid")
    if onwards:
        _queue(one, dice, "billing", number, transferred=offer)
    else:
        one.end("completed")
