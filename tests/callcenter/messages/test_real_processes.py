"""500 messages come in over the API of the real web process and go out by the real workers, all of which are killed at
random points and started again. Each is taken once and sent once, or is visible as one that nobody can tell of."""

from __future__ import annotations

import base64
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
import requests
import sqlalchemy as sa
from rq import Queue
from sqlalchemy.engine import Engine

from callcenter.api import SCOPES, create_key
from callcenter.db import migrate, open_database, reading
from callcenter.tables import messages
from ivr import jobs
from tests.callcenter.messages.processes import ROOT, Process
from tests.callcenter.messages.test_exactly_once import Receiver, receiving
from tests.valkey import redis_url, valkey, valkey_server

__all__ = ["redis_url", "valkey", "valkey_server"]

pytestmark = pytest.mark.timeout(700)
COUNT, DEATHS = 500, 12
PATIENCE = 600.0


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_database(f"sqlite:///{tmp_path}/callwright.db")
    migrate(made)
    yield made
    made.dispose()


class Company:
    """The company's own system, which sends 500 messages and repeats what got no answer, under the same key."""

    def __init__(self, key: str) -> None:
        self._headers = {"Authorization": f"Bearer {key}"}
        self.site = ""
        self.accepted: dict[int, str] = {}
        self.repeated = 0
        self.stop = threading.Event()

    def send(self, number: int) -> None:
        channel, to = ("sms", f"+1202555{1000 + number:04d}") if number % 2 else ("email", f"c{number}@example.com")
        given = {"channel": channel, "to": to, "subject": "s" if channel == "email" else "", "body": f"number {number}"}
        headers = {**self._headers, "Idempotency-Key": f"order-{number}"}
        while not self.stop.is_set():
            try:
                answer = requests.post(f"{self.site}/api/v1/messages", json=given, headers=headers, timeout=30)
            except requests.RequestException:
                self.repeated += 1
                time.sleep(0.05)
                continue
            if answer.status_code < 500:
                assert answer.status_code == 202, answer.text
                self.accepted[number] = answer.json()["id"]
                return
            time.sleep(0.05)


def test_nothing_is_lost_and_nothing_doubled(
    engine: Engine, redis_url: str, tmp_path: Path, record_property: Any
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    texts, mails = Receiver(), Receiver()
    with engine.begin() as conn:
        company = Company(create_key(conn, "test", SCOPES, at=datetime.now(UTC)))
    with ExitStack() as stack:
        provider = stack.enter_context(receiving("http", texts))
        mail_server = stack.enter_context(receiving("smtp", mails)).replace("http", "smtp")
        env = {
            **os.environ, "DATA_DIR": str(tmp_path), "REDIS_URL": redis_url, "PORT": "0", "HOST": "127.0.0.1",
            "FLOWS_DIR": str(ROOT / "flows"), "PROMPTS_DIR": str(ROOT / "prompts"), "PYTHONPATH": str(ROOT),
            "SMS_HTTP_URL": f"{provider}/sms", "SMS_HTTP_SECRET": base64.b64encode(b"a key for tests").decode(),
            "SMS_HTTP_FROM": "+12025550100", "SMTP_URL": mail_server, "MAIL_FROM": "bills@example.com",
        }  # fmt: skip
        web = Process("web", env, tmp_path)
        workers = [Process("worker", env, tmp_path) for _ in range(2)]
        for process in (web, *workers):
            process.start()
            stack.callback(process.end)
        company.site = web.says("web: ")
        client = stack.enter_context(redis.Redis.from_url(redis_url))
        clock = Queue(jobs.URGENT, connection=client)
        pool = stack.enter_context(ThreadPoolExecutor(4))
        stack.callback(company.stop.set)
        sending = [pool.submit(company.send, number) for number in range(COUNT)]
        # By progress rather than by time, so that they fall into the midst of it however fast the machine is.
        marks = sorted(chance.sample(range(COUNT // 20, 2 * COUNT - COUNT // 10), DEATHS))
        deadline = time.monotonic() + PATIENCE
        while not all(done.done() for done in sending) or queued(engine):
            assert time.monotonic() < deadline, (len(company.accepted), states(engine))
            if marks and len(company.accepted) + texts.requests + mails.requests >= marks[0]:
                marks.pop(0)
                taking = len(company.accepted) < COUNT and chance.random() < 0.6
                (web if taking else chance.choice(workers)).strike(chance)
            for process in (web, *workers):
                if process.dead:
                    process.start()
                    if process is web:
                        company.site = web.says("web: ")
            if len(clock) < 2:
                clock.enqueue(jobs.deliver_messages, job_timeout=60, result_ttl=1, failure_ttl=1)
            time.sleep(0.02)
        for done in sending:
            done.result()
        for worker in workers:
            worker.end()
        late(engine)
        last = Process("worker", env, tmp_path)
        last.start()
        stack.callback(last.end)
        while states(engine)["sending"] or queued(engine):
            assert time.monotonic() < deadline, states(engine)
            if len(clock) < 2:
                clock.enqueue(jobs.deliver_messages, job_timeout=60, result_ttl=1, failure_ttl=1)
            time.sleep(0.05)
    died = sum(process.deaths for process in (web, *workers))
    record_property("deaths", {"web": web.deaths, "worker": died - web.deaths, "repeated": company.repeated})
    print(f"deaths: {web.deaths} of web, {died - web.deaths} of workers; repeated requests: {company.repeated}")
    assert died > DEATHS // 2
    assert company.repeated, "no request was cut off"
    with reading(engine) as conn:
        rows = {row.id: row for row in conn.execute(sa.select(messages))}
    assert {row.id: row.body for row in rows.values()} == {
        id: f"number {number}" for number, id in company.accepted.items()
    }, "each request was taken once, with the answer that its repetition got"
    assert len(rows) == COUNT
    by_status = Counter((row.channel, row.status) for row in rows.values())
    record_property("statuses", {f"{channel} {status}": count for (channel, status), count in by_status.items()})
    print(dict(by_status), f"handed over: {texts.requests} texts, {mails.requests} mails")
    assert by_status["sms", "sent"] == COUNT // 2, "the provider keeps our ids: nothing is in doubt"
    assert by_status["email", "sent"] + by_status["email", "unknown"] == COUNT // 2, by_status
    assert by_status["email", "unknown"] <= died * 2, "one for each process that was in the midst of a mail"
    for row in rows.values():
        arrived = (texts if row.channel == "sms" else mails).taken[row.id]
        assert arrived == 1 if row.status == "sent" else arrived <= 1, (row.id, row.status, arrived)
        assert row.status == "sent" or "may have been sent" in row.error


def late(engine: Engine) -> None:
    """The leases of the dead are over: nobody is left who could still be sending."""
    with engine.begin() as conn:
        held = sa.update(messages).where(messages.c.status == "sending")
        conn.execute(held.values(next_at=datetime.now(UTC) - timedelta(seconds=1)))


def queued(engine: Engine) -> int:
    return states(engine)["queued"]


def states(engine: Engine) -> Counter[str]:
    with reading(engine) as conn:
        query = sa.select(messages.c.status, sa.func.count()).group_by(messages.c.status)
        return Counter({row.status: row[1] for row in conn.execute(query)})
