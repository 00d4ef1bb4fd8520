"""`callwright run` with callers on the line and texts coming in by HTTP, while each of its processes is killed once:
calls whose leg is gone are closed as lost, every text is taken and answered once, and the audit finds nothing."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa
import yaml

from callcenter import redis_client, webhooks
from callcenter.acd.config import Config
from callcenter.db import open_database, reading
from callcenter.queues.store import Queues
from callcenter.tables import contacts, messages, queue_entries
from ivr import embedded
from tests.bridge.phones import TonePhone
from tests.ops.test_run import ROOT, Running

pytestmark = [pytest.mark.slow, pytest.mark.sip, pytest.mark.timeout(600)]

CALLERS, TEXTERS = 12, 8
SECRET = "whsec_" + base64.b64encode(b"a key for tests").decode()
US = "+15550199"
PATIENCE = 120.0
PROGRAMS = ("valkey-server", "callwright router", "callwright worker", "callwright web", "callwright sip")
AGENTS = {"agents": {"ana": {"queues": ["general"], "phone": "desk", "capacity": {"sms": 20}}}}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Running]:
    flows = tmp_path / "flows"
    shutil.copytree(ROOT / "flows", flows)
    shutil.rmtree(flows / "calls")
    (flows / "agents.yaml").write_text(yaml.safe_dump(AGENTS))
    running = Running(tmp_path / "var", FLOWS_DIR=str(flows), SMS_HTTP_SECRET=SECRET, SMS_HTTP_FROM=US)
    try:
        yield running
    finally:
        running.stop()


def until(what: Callable[[], object], told: str | Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if what():
                return
        except (requests.RequestException, ConnectionError):
            pass  # who answers has been killed just now
        assert time.monotonic() < deadline, told if isinstance(told, str) else told()
        time.sleep(0.1)


def kill(running: Running, program: str) -> None:
    """As `kill -9`, once; the supervisor starts it again."""
    pids = [pid for pid, line in running.descendants().items() if program in line]
    assert pids, f"{program} doesn't run: {running.descendants()}"
    os.kill(min(pids), signal.SIGKILL)


def post(web: str, id: str, number: str, text: str) -> bool:
    body = json.dumps({"id": id, "from": number, "to": US, "text": text}).encode()
    at = int(time.time())
    signed = {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": webhooks.sign(SECRET, id, at, body)}
    return requests.post(f"{web}/sms/inbound", data=body, headers=signed, timeout=20).ok


def text(web: str, id: str, number: str, words: str) -> None:
    """As a carrier does: again until it was taken, and once more for the answer that was lost."""
    until(lambda: post(web, id, number, words), f"{id} isn't taken")
    until(lambda: post(web, id, number, words), f"{id} isn't taken again")


async def ask_for_a_person(phone: TonePhone) -> None:
    await phone.call()
    await phone.until(lambda: len(phone.heard) > 20, "the greeting")
    phone.press("0")


def serve(queues: Queues) -> None:
    """Ana takes what she is asked for, and has done with it."""
    for offer in queues.offers_of("ana"):
        if offer.state == "offered" and queues.accept(offer.id) and queues.connected(offer.id):
            queues.complete(offer.id)
            queues.wrapped_up("ana", offer.id)


def test_each_process_dies_once(office: Running, tmp_path: Path) -> None:
    found = office.until(r"sip:anything@127\.0\.0\.1:(\d+)")
    web = office.until(r"(http://127\.0\.0\.1:\d+)")[1]
    office.until("Ctrl-C stops")
    office.until("prompts are rendered")  # no caller waits for a voice
    data = tmp_path / "var"
    engine = open_database(f"sqlite:///{data}/callwright.db")
    client = redis_client.connect(embedded.server_url(data))
    files = yaml.safe_load((tmp_path / "flows/queues.yaml").read_text())
    queues = Queues(client, Config.from_files({"queues": files, "agents": AGENTS}))
    queues.sign_in("ana")
    queues.set_presence("ana", "unavailable", "break")

    async def story() -> list[str]:
        phones = [await TonePhone.open(("127.0.0.1", int(found[1])), 300 + 50 * number) for number in range(CALLERS)]
        try:
            await asyncio.gather(*map(ask_for_a_person, phones))
            await asyncio.to_thread(
                until, lambda: client.zcard("cw:queue:general") == CALLERS, "the callers don't wait"
            )
            calls = [str(one, "ascii") for one in client.zrange("cw:entries", 0, -1)]  # type: ignore[union-attr]
            for number in range(TEXTERS):
                await asyncio.to_thread(text, web, f"m{number}", f"+1202555{number:04}", "agent")
                if number < len(PROGRAMS):
                    kill(office, PROGRAMS[number])
            return calls
        finally:
            for phone in phones:
                phone.close()
            for phone in phones:
                await phone.gone()

    calls = asyncio.run(story())
    until(
        lambda: not any(queues.entry(one).get("state") in ("waiting", "offered") for one in calls), "calls wait still"
    )
    queues.set_presence("ana", "available")

    def drained() -> bool:
        serve(queues)
        with reading(engine) as conn:
            rows = conn.execute(sa.select(queue_entries.c.state)).scalars().all()
        return not client.zcard("cw:entries") and set(rows) <= {"left", "done"}

    def told() -> str:
        with reading(engine) as conn:
            rows = conn.execute(sa.select(queue_entries)).all()
        return f"{[(row.channel, row.state, row.why) for row in rows]} {queues.agents()} {queues.offers_of('ana')}"

    until(drained, told)
    with reading(engine) as conn:
        entries = {row.contact_id: row for row in conn.execute(sa.select(queue_entries))}
        taken = conn.execute(sa.select(messages).where(messages.c.direction == "in")).all()
        answers = conn.execute(sa.select(messages).where(messages.c.direction == "out")).all()
        threads = conn.execute(sa.select(contacts).where(contacts.c.channel == "sms")).all()
    assert {(entries[one].state, entries[one].why) for one in calls} == {("left", "lost")}
    assert len(taken) == len(threads) == TEXTERS
    # Whoever wrote while the store was away was offered to leave a message; all others were served.
    assert {entries[row.id].state for row in threads if row.id in entries} == {"done"}
    assert {row.contact_id for row in answers} == {row.id for row in threads}
    assert len({(row.contact_id, row.body) for row in answers}) == len(answers), "somebody was answered twice"
    environment = {**os.environ, "DATA_DIR": str(data)}
    audit = subprocess.run(
        [sys.executable, "-m", "ivr.cli", "audit", "--patience", "0"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert audit.returncode == 0, audit.stdout + audit.stderr
    client.close()
    engine.dispose()
