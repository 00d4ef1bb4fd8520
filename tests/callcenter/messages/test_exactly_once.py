"""Hundreds of messages while the processes that send them are killed at any moment: at the receiving server each is
counted once, or it is parked where somebody can see it. None is lost."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter import events, outbox
from callcenter.db import reading
from callcenter.messages.attempt import LEASE
from callcenter.tables import messages
from tests.servers import Handler, serving
from tests.smtp import FreePort

ROOT = Path(__file__).parents[3]
COUNT = 500


class Receiver:
    """What arrived. `on_request` is called with the number of each, when it is taken and not yet answered."""

    def __init__(self) -> None:
        self.on_request: Callable[[int], None] = lambda number: None
        self.taken: Counter[str] = Counter()
        self.requests = 0
        self.list: list[dict[str, str]] = []
        self.lock = threading.Lock()

    def http(self, handler: Handler) -> None:
        """A provider that keeps ids (Idempotency-Key), and Twilio's API, which doesn't."""
        path = urlsplit(handler.path).path
        if path == "/sms":
            key = handler.headers["Idempotency-Key"]
            assert json.loads(handler.body)["id"] == key
            with self.lock:
                self.requests += 1
                self.taken[key] = 1
                self.on_request(self.requests)
            return handler.reply(200, json.dumps({"id": f"p-{key}"}).encode())
        if handler.command == "POST":
            form = {name: values[0] for name, values in parse_qs(handler.body.decode()).items()}
            with self.lock:
                self.requests += 1
                self.taken[form["Body"]] += 1
                sid = f"SM{self.requests:032x}"
                self.list.append({"sid": sid, "to": form["To"], "body": form["Body"], "direction": "outbound-api"})
                self.on_request(self.requests)
            return handler.reply(201, json.dumps({"sid": sid}).encode())
        to = parse_qs(urlsplit(handler.path).query)["To"][0]
        with self.lock:
            found = [one for one in self.list if one["to"] == to]
        return handler.reply(200, json.dumps({"messages": found, "page_size": 100}).encode())

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        name = next(line for line in envelope.content.decode().splitlines() if line.startswith("Message-ID:"))
        self.taken[name.partition("<")[2].partition("@")[0]] += 1
        self.requests += 1
        self.on_request(self.requests)
        return "250 OK"


@contextmanager
def receiving(kind: str, receiver: Receiver) -> Iterator[str]:
    if kind != "smtp":
        with serving(receiver.http) as base:
            yield base
        return
    controller = FreePort(receiver)
    controller.start()
    try:
        yield f"http://127.0.0.1:{controller.port}"
    finally:
        controller.stop()


def queue(engine: Engine, kind: str, count: int) -> list[str]:
    at = datetime.now(UTC) - timedelta(minutes=1)
    channel, to = ("email", "dana@example.com") if kind == "smtp" else ("sms", "+12025550143")
    with engine.begin() as conn:
        return [outbox.queue(conn, channel=channel, to=to, subject="s", body=f"number {number}", at=at, contact_id="c")
                for number in range(count)]  # fmt: skip


def sender(url: str, base: str, kind: str, late: float = 0) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.callcenter.messages.dying", url, base, kind, str(late)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout as out:
        assert out.readline() == b"up\n"
    return process


def begin(process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    assert process.stdin is not None
    process.stdin.close()
    return process


def run_while_killing(
    url: str, base: str, kind: str, engine: Engine, receiver: Receiver, doomed: Mapping[int, int]
) -> int:
    """Two processes send at once until nothing is queued. `doomed` has the numbers of requests at which one of them
    is killed, and which: most deaths fall between taking and answering. Returns how many there were."""
    died = 0
    senders = [sender(url, base, kind), sender(url, base, kind)]

    def on_request(number: int) -> None:
        if number in doomed:
            senders[doomed[number]].kill()

    receiver.on_request = on_request
    for one in senders:
        begin(one)
    try:
        while left(engine):
            for place, one in enumerate(senders):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    died += one.wait(0.05) == -signal.SIGKILL
                    senders[place] = begin(sender(url, base, kind))
        for one in senders:  # the last messages are on their way
            died += one.wait(60) == -signal.SIGKILL
    finally:
        for one in senders:
            one.kill()
            one.wait()
    return died


def left(engine: Engine) -> int:
    with reading(engine) as conn:
        query = sa.select(sa.func.count()).where(messages.c.status == "queued")
        return conn.execute(query).scalar_one()


def states(engine: Engine) -> dict[str, Any]:
    with reading(engine) as conn:
        return {row.id: row for row in conn.execute(sa.select(messages))}


@pytest.mark.parametrize(
    ("kind", "count", "deaths"), [("http", COUNT, 8), ("twilio", 100, 4), ("smtp", 100, 4)], ids=lambda one: str(one)
)
def test_each_message_once(
    kind: str, count: int, deaths: int, sqlite_engine: Engine, tmp_path: Path, record_property: Any
) -> None:
    url = f"sqlite:///{tmp_path}/test.db"
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    doomed = {number: chance.randrange(2) for number in chance.sample(range(1, count // 2), deaths)}
    receiver = Receiver()
    ids = queue(sqlite_engine, kind, count)
    with receiving(kind, receiver) as base:
        died = run_while_killing(url, base, kind, sqlite_engine, receiver, doomed)
        # What the dead have left is settled when their leases are over.
        last = begin(sender(url, base, kind, late=LEASE.total_seconds() + 60))
        assert last.wait(30) == 0
    rows = states(sqlite_engine)
    by_status = Counter(row.status for row in rows.values())
    record_property("statuses", dict(by_status))
    assert rows.keys() == set(ids)
    assert died
    unsure = [row for row in rows.values() if row.status == "unknown"]
    assert by_status["sent"] + len(unsure) == count, by_status
    for row in rows.values():
        arrived = receiver.taken[row.body if kind == "twilio" else row.id]
        assert arrived == 1 if row.status == "sent" else arrived <= 1, (row.id, row.status, arrived)
    if kind == "smtp":  # a mail server can't be asked: what died in between is parked, and says so
        assert len(unsure) <= died
        with reading(sqlite_engine) as conn:
            kinds = Counter(event.kind for event in events.of_contact(conn, "c"))
        assert kinds["message_unknown"] == len(unsure)
        assert all("may have been sent" in row.error for row in unsure)
    else:
        assert not unsure
    if kind == "http":
        assert receiver.requests >= count  # some were handed over twice under one key
