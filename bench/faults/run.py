"""The run: an office on real processes, people who come by chance, processes that are killed by chance; then what
everybody saw, what the store says, and what the log says."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import redis
import sqlalchemy as sa
import yaml

from bench.faults.desks import Agent, sign_in
from bench.faults.killing import Killer
from bench.faults.line import Company, Leg
from bench.faults.people import Caller, Person, Writer
from bench.faults.writing import ORIGIN, OUR_MAIL, OUR_NUMBER, SECRET, Chats, Mails, Texts
from bench.sip.caller import Callers
from callcenter import redis_client
from callcenter.acd.config import Config
from callcenter.db import open_database, reading
from callcenter.queues.store import Queues
from callcenter.tables import contacts, messages, queue_entries
from ivr import embedded
from ivr.settings import Settings
from tests.ops.test_run import ROOT, Running

FLOWS, PROMPTS = Path(__file__).parent / "flows", Path(__file__).parent / "prompts"
SHARES = {"sip": 45, "sms": 20, "chat": 15, "email": 20}
"""Of a hundred people, how many come by each channel."""
CALL_ME = 0.2
"""The share of callers who want to be called back."""
PARKED = ("unknown", "parked", "failed", "sending")


@dataclass(frozen=True)
class Plan:
    """`people` come within `coming` seconds; something is killed every `every` seconds meanwhile, if it isn't 0, and
    until there were `kills`. `settling` is how long everything may take afterwards."""

    people: int
    seed: int
    coming: float
    every: float
    kills: int = 0
    settling: float = 420.0
    agents: int = 12


@dataclass
class Outcome:
    """What the run found. `faults` is empty where nobody was lost, served twice or called though served, no agent is
    stuck, and the audit finds nothing. `parked`: whose answer lies in the outbox, in sight. `entries`, `callbacks` and
    `outcomes` are what the database says of places in queues, of callbacks and of contacts."""

    people: Counter[str] = field(default_factory=Counter)
    served: Counter[str] = field(default_factory=Counter)
    parked: list[str] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    entries: Counter[str] = field(default_factory=Counter)
    callbacks: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    tries: int = 0
    called_back: int = 0
    audit: str = ""
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


class Office:
    """`callwright run` in a folder of its own."""

    def __init__(self, folder: Path, plan: Plan, company: Company, texts: Texts, mails: Mails) -> None:
        self.data, flows = folder / "var", folder / "flows"
        shutil.copytree(FLOWS, flows)
        self.names = [f"a{number}" for number in range(plan.agents)]
        people = {
            name: {"queues": ["calls", "messages"], "phone": f"sip:{name}@127.0.0.1:{company.port}"}
            for name in self.names
        }
        soon = dict.fromkeys(("reject_delay", "busy_delay", "no_answer_delay"), "1s")
        files: dict[str, Any] = {
            "queues": yaml.safe_load((flows / "queues.yaml").read_text()),
            "agents": {"penalties": {**soon, "no_answers_until_unavailable": 9}, "agents": people},
        }
        (flows / "agents.yaml").write_text(yaml.safe_dump(files["agents"]))
        self.config = Config.from_files(files)
        self.client: redis.Redis | None = None
        self.running = Running(
            self.data,
            FLOWS_DIR=str(flows),
            PROMPTS_DIR=str(PROMPTS),
            SPEECH_WORKERS="0",
            SIP_REGISTER=f"us:secret@127.0.0.1:{company.port}",
            SMS_HTTP_URL=texts.url,
            SMS_HTTP_SECRET=SECRET,
            SMS_HTTP_FROM=OUR_NUMBER,
            SMTP_URL=mails.url,
            MAIL_FROM=f"Us <{OUR_MAIL}>",
            MAIL_IN_PORT="0",
            CHAT_ORIGINS=ORIGIN,
        )

    def wait_until_up(self) -> None:
        running = self.running
        running.until("Ctrl-C stops")
        running.until("prompts rendered")  # no caller waits for a voice
        said = "".join(running.lines)
        self.sip = ("127.0.0.1", _port(r"sip:anything@127\.0\.0\.1:(\d+)", said))
        port = _port(r"http://127\.0\.0\.1:(\d+)", said)
        self.web = f"http://127.0.0.1:{port}"
        self.mail_port = _port(r"(?:SMTP|smtp|mail).*?127\.0\.0\.1:(\d+)", said)
        self.engine = open_database(f"sqlite:///{self.data}/callwright.db")
        self.client = redis_client.connect(embedded.server_url(self.data))
        self.queues = Queues(self.client, self.config)

    def close(self) -> None:
        self.running.stop()
        if self.client is not None:
            self.client.close()
            self.engine.dispose()


def _port(pattern: str, said: str) -> int:
    found = re.search(pattern, said)
    assert found, f"no {pattern!r} in:\n{said}"
    return int(found[1])


class Run:
    """One run in a folder, which is empty before."""

    def __init__(self, folder: Path, plan: Plan, say: Callable[[str], None] = lambda _: None) -> None:
        self.folder, self.plan, self.say = folder, plan, say
        self.chance = random.Random(plan.seed)
        self.people: list[Person] = []
        self.agents: dict[str, Agent] = {}
        self.by_phone: dict[str, Caller] = {}
        self.outcome = Outcome()
        self._desks: list[asyncio.Task[None]] = []

    async def __call__(self) -> Outcome:
        """Raises nothing for what the product does wrong: that is in the outcome's `faults`."""
        began = time.monotonic()
        async with contextlib.AsyncExitStack() as stack:
            http = await stack.enter_async_context(
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30), connector=aiohttp.TCPConnector(limit=0))
            )
            self.texts, self.mails, self.chats = Texts(http), Mails(), Chats(http)
            for each in (self.texts, self.mails):
                await each.open()
                stack.push_async_callback(each.close)
            company = await Company.open(self._ring)
            stack.push_async_callback(company.close)
            office = self.office = Office(self.folder, self.plan, company, self.texts, self.mails)
            stack.push_async_callback(asyncio.to_thread, office.close)
            await asyncio.to_thread(office.wait_until_up)
            self.callers = await Callers.open(office.sip)
            stack.callback(self.callers.close)
            await self._open_desks(stack)
            await self._story(company)
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    async def _ring(self, name: str, leg: Leg) -> None:
        if name in self.agents:
            await self.agents[name].rings(leg)
        elif name in self.by_phone:
            person = self.by_phone[name]
            await person.rings(leg)
        else:
            self.outcome.faults.append(f"somebody who doesn't exist was called: {name}")
            leg.refuse(404, "Not Found")

    async def _open_desks(self, stack: contextlib.AsyncExitStack) -> None:
        office = self.office
        settings = Settings(_env_file=None, data_dir=office.data)
        for name in office.names:
            token = await asyncio.to_thread(sign_in, office.engine, settings, name)
            agent = self.agents[name] = Agent(name, office.web, token, random.Random(self.chance.random()))
            stack.push_async_callback(agent.close)
            self._desks.append(asyncio.create_task(agent.work()))
            stack.push_async_callback(_end, self._desks[-1])
        await _until(lambda: len(office.queues.agents()) == len(office.names), 60)

    async def _story(self, company: Company) -> None:
        plan, outcome = self.plan, self.outcome
        killer = Killer(self.office.running.descendants, random.Random(plan.seed + 1))
        coming = [asyncio.create_task(self._comes(number)) for number in range(plan.people)]
        killing = asyncio.create_task(killer.run(plan.every)) if plan.every else None
        telling = asyncio.create_task(self._tell(killer, company))
        try:
            await asyncio.sleep(plan.coming)
            await _until(lambda: killer.kills.total() >= plan.kills, plan.settling)
            if killing is not None:
                await _end(killing)
            outcome.kills = killer.kills
            await _until(self._all_over, plan.settling)
        finally:
            for task in (telling, *([killing] if killing else []), *coming, *self._desks):
                if (error := await _end(task)) is not None:
                    outcome.faults.append(f"the run itself: {error!r}")
        await asyncio.to_thread(self._judge)

    async def _tell(self, killer: Killer, company: Company) -> None:
        while True:
            await asyncio.sleep(15)
            served = sum(person.served.is_set() for person in self.people)
            self.say(f"{len(self.people)} came, {served} served, {len(self.callers.calls)}+{len(company.legs)} on the "
                     f"line, killed {dict(killer.kills)}, load {os.getloadavg()[0]:.1f}")  # fmt: skip

    async def _comes(self, number: int) -> None:
        chance = random.Random(f"{self.plan.seed} {number}")
        channel = chance.choices(list(SHARES), list(SHARES.values()))[0]
        await asyncio.sleep(chance.uniform(0, self.plan.coming))
        office = self.office
        work: Awaitable[None]
        if channel == "sip":
            caller = Caller(number, channel, wants_callback=chance.random() < CALL_ME, chance=chance)
            self.by_phone[caller.phone] = caller
            self.people.append(caller)
            work = caller.call(self.callers)
        else:
            address = f"p{number}@customer.test" if channel == "email" else f"+1202555{number:04}"
            writer = Writer(number, channel, address)
            self.people.append(writer)
            if channel == "sms":
                self.texts.people[address] = writer
                work = self.texts.write(office.web, writer)
            elif channel == "email":
                self.mails.people[address] = writer
                work = self.mails.write(office.mail_port, writer)
            else:
                work = self.chats.write(office.web, writer)
        await work

    # Afterwards

    def _all_over(self) -> bool:
        """Everybody is served, or what they are to read lies where it can be seen; nobody waits, no agent is busy."""
        waiting = [person for person in self.people if not person.served.is_set()]
        if len(self.people) < self.plan.people or len(waiting) != len(self._parked(waiting)):
            return False
        with reading(self.office.engine) as conn:
            states = set(conn.execute(sa.select(queue_entries.c.state)).scalars())
        agents = self.office.queues.agents().values()
        client = self.office.client
        return (client is not None and not client.zcard("cw:entries") and states <= {"left", "done"}
                and not any(agent.load or agent.offer for agent in agents))  # fmt: skip

    def _parked(self, waiting: list[Person]) -> list[str]:
        """Those whose answer an agent wrote, and that nobody knows to have arrived: never sent twice, in sight."""
        addresses = [person.address for person in waiting if isinstance(person, Writer)]
        if not addresses:
            return []
        query = sa.select(messages.c.to, messages.c.status).where(
            messages.c.to.in_(addresses), messages.c.body.like("Answer %"), messages.c.status.in_(PARKED)
        )
        with reading(self.office.engine) as conn:
            return [f"{row.to}: {row.status}" for row in conn.execute(query.distinct())]

    def _judge(self) -> None:
        office, outcome = self.office, self.outcome
        outcome.people = Counter(person.channel for person in self.people)
        outcome.served = Counter(person.channel for person in self.people if person.served.is_set())
        outcome.tries = sum(person.tries for person in self.people)
        callers = [person for person in self.people if isinstance(person, Caller)]
        outcome.called_back = sum(one.called_back for one in callers)
        waiting = [person for person in self.people if not person.served.is_set()]
        outcome.parked = self._parked(waiting)
        parked = {one.partition(":")[0] for one in outcome.parked}
        for person in self.people:
            outcome.faults += [f"{person.channel} {person.name} {fault}" for fault in person.faults]
            if isinstance(person, Caller) and person.conversations.total() > 1:
                outcome.faults.append(f"{person.name} was served twice: {dict(person.conversations)}")
        for person in waiting:
            if not (isinstance(person, Writer) and person.address in parked):
                outcome.faults.append(f"{person.channel} {person.name} was lost ({person.tries} tries)")
        with reading(office.engine) as conn:
            rows = conn.execute(sa.select(queue_entries)).all()
            found = conn.execute(sa.select(contacts.c.outcome, sa.func.count()).group_by(contacts.c.outcome))
            outcome.outcomes = Counter({row[0] or "": row[1] for row in found})
        outcome.entries = Counter(f"{row.state} {row.why}" for row in rows)
        outcome.callbacks = Counter(row.callback for row in rows if row.callback)
        outcome.faults += [f"{row.contact_id} ({row.channel}) is {row.state}" for row in rows
                           if row.state not in ("left", "done")]  # fmt: skip
        for agent in office.queues.agents().values():
            if agent.load or agent.offer or agent.state not in ("idle", "unavailable"):
                outcome.faults.append(f"{agent.id} is stuck: {agent.state}, {dict(agent.load)}, {agent.offer}")
        told = subprocess.run(
            [sys.executable, "-m", "ivr.cli", "audit", "--patience", "0"], cwd=ROOT,
            env={**os.environ, "DATA_DIR": str(office.data)}, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        outcome.audit = (told.stdout + told.stderr).strip()
        if told.returncode:
            outcome.faults += [f"audit: {line}" for line in outcome.audit.splitlines()]


async def _end(task: asyncio.Task[None]) -> Exception | None:
    """Stop it; what it had failed with, if it had."""
    task.cancel()
    [result] = await asyncio.gather(task, return_exceptions=True)
    return result if isinstance(result, Exception) else None


async def _until(what: Callable[[], bool], seconds: float) -> bool:
    """Whether it came true in time. A store that is being started again has no answer yet."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(redis.RedisError, sa.exc.OperationalError):
            if await asyncio.to_thread(what):
                return True
        await asyncio.sleep(0.5)
    return False
