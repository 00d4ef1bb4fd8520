"""A company of many agents: its files, its processes, contacts that come in."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml
from sqlalchemy.engine import Engine

from bench.live import resident
from bench.measuring import cpu_seconds
from callcenter import contacts
from callcenter.db import migrate, open_database
from callcenter.desk import sessions, users
from callcenter.desk.sessions import Lifetime
from callcenter.queues.store import Queues
from callcenter.redis_client import connect
from ivr import embedded
from ivr.assembly import make_published
from ivr.queue_config import PublishedQueues
from ivr.settings import Settings
from ivr.web.desk import config

QUEUE = "general"
PROCESSES = ("web", "live", "router")


@dataclass
class Company:
    """`pids` are those of the processes by name; a web process has workers beside."""

    settings: Settings
    engine: Engine
    queues: Queues
    pids: dict[str, int]
    base: str

    def chat(self) -> str:
        """A visitor's chat that waits for an agent: the contact."""
        with self.engine.begin() as conn:
            visitor = f"v{uuid.uuid4().hex}"
            contact = contacts.start(
                conn, channel="chat", caller=visitor, called="chat", at=datetime.now(UTC), served_by="queue"
            )
        self.queues.join(contact, QUEUE, channel="chat", caller=visitor)
        return contact

    def memory(self, name: str) -> int:
        """Bytes, a parent's and its workers'."""
        return sum(resident(pid) for pid in _family(self.pids[name]))

    def cpu(self, name: str) -> float:
        """Seconds so far."""
        return sum(cpu_seconds(pid) for pid in _family(self.pids[name]))


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(other for child in children for other in _family(int(child)))]


@contextlib.contextmanager
def company(folder: Path, agents: int) -> Iterator[Company]:
    """The demo company with so many agents, on its own Valkey; its processes as `callwright run` starts them."""
    flows = shutil.copytree("flows", folder / "flows")
    shutil.rmtree(flows / "calls")
    people = {_name(at): {"name": f"Agent {at}", "queues": [QUEUE], "phone": "desk"} for at in range(agents)}
    (flows / "agents.yaml").write_text(yaml.safe_dump({"agents": people}))
    with contextlib.ExitStack() as stack:
        valkey = subprocess.Popen(embedded.server_command(folder))
        stack.callback(_end, valkey)
        url = embedded.server_url(folder)
        embedded.wait_until_up(url)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        settings = Settings(_env_file=None, data_dir=folder, flows_dir=flows, redis_url=url, port=port)
        engine = open_database(settings.database)
        stack.callback(engine.dispose)
        migrate(engine)
        published = make_published(settings, engine)
        published.publish(flows, settings.prompts_dir)
        environment = {
            **os.environ, "DATA_DIR": str(folder), "FLOWS_DIR": str(flows), "REDIS_URL": url, "PORT": str(port),
            "LIVE_PORT": "0",
        }  # fmt: skip
        pids: dict[str, int] = {}
        with (folder / "log").open("ab") as log:
            for name in ("live", "web", "router"):
                command = [sys.executable, "-m", "ivr.cli", name]
                process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
                stack.callback(_end, process)
                assert process.stdout
                said = process.stdout.readline()
                while said.startswith("{") or ":" not in said:
                    if not said:
                        raise RuntimeError(f"{name} ended: {(folder / 'log').read_text()[-2000:]}")
                    said = process.stdout.readline()
                pids[name] = process.pid
                if found := re.search(r"ws://\S+", said):
                    environment["LIVE_URL"] = found[0]
        queues = PublishedQueues(published, connect(url)).queues
        yield Company(settings, engine, queues, pids, f"http://127.0.0.1:{port}")


def sign_in(company: Company, number: int, role: str) -> str:
    """A user's session, made in the database: argon2 is what signing in costs, and is its own matter."""
    now = datetime.now(UTC)
    name = _name(number)
    with company.engine.begin() as conn:
        agent = name if role == "agent" else None
        user = users.add(conn, login=f"{role}{number}", name=name, role=role, agent_id=agent, at=now)
        life: Lifetime = config(company.settings).life
        return sessions.begin(conn, user, stage="open", method="password", address="127.0.0.1", browser="bench",
                              life=life, at=now)  # fmt: skip


def _name(number: int) -> str:
    return f"agent{number}"


def _end(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()
