"""The desk's processes as `callwright run` starts them, which tests kill and start again: web, live and router, on a
real Valkey, behind a network that can be cut."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import yaml

from callcenter import contacts
from callcenter.db import open_database
from callcenter.desk import users
from callcenter.live import Live
from callcenter.messages.inbound import Inbound, receive
from callcenter.queues.store import Queues
from callcenter.redis_client import connect
from ivr.assembly import make_published
from ivr.queue_config import PublishedQueues
from ivr.settings import Settings
from tests.desk.support import HASHED
from tests.twilio.support import prepare
from tests.valkey import Valkey

PEOPLE = {"maria": {"name": "Maria Ortiz", "queues": ["general"], "phone": "sip:maria@192.0.2.1"}}
"""Her telephone is a SIP address, so that her page has none: chats are what this is about."""


class Wire:
    """A port that leads to another one on this machine. While it is cut nothing gets through, either way, and nobody is
    told; connections that were open meanwhile are dead afterwards, as after a change of the network."""

    def __init__(self) -> None:
        self.to = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._whole = threading.Event()
        self._whole.set()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        with self._lock:
            dead, self._open = self._open, set()
        self._whole.set()
        for one in dead:
            _end(one)

    def close(self) -> None:
        self._closed = True
        self.mend()
        _end(self._listening)

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        self._whole.wait()
        try:
            far = socket.create_connection(("127.0.0.1", self.to))
        except OSError:
            return _end(near)
        with self._lock:
            self._open |= {near, far}
        threading.Thread(target=self._pass, args=(far, near), daemon=True).start()
        self._pass(near, far)

    def _pass(self, from_: socket.socket, to: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while said := from_.recv(65536):
                self._whole.wait()
                with self._lock:
                    if to not in self._open:
                        break
                to.sendall(said)
        for one in (from_, to):
            with self._lock:
                self._open.discard(one)
            _end(one)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


class Processes:
    def __init__(self, folder: Path, valkey: Valkey) -> None:
        flows = shutil.copytree("flows", folder / "flows")
        shutil.rmtree(flows / "calls")
        (flows / "agents.yaml").write_text(yaml.safe_dump({"logout_after": "15m", "agents": PEOPLE}))
        queues = yaml.safe_load((flows / "queues.yaml").read_text())
        queues["queues"]["general"]["offer_seconds"] = 600  # a slow machine is no fault of the agent
        (flows / "queues.yaml").write_text(yaml.safe_dump(queues))
        self.wires = {"web": Wire(), "live": Wire()}
        self.settings = Settings(
            _env_file=None, data_dir=folder / "var", flows_dir=flows, redis_url=valkey.url, port=self.wires["web"].port
        )
        prepare(self.settings, flows).dispose()
        self.engine = open_database(self.settings.database)
        with self.engine.begin() as conn:
            maria = users.add(conn, login="maria", name="Maria Ortiz", role="agent", agent_id="maria",
                              at=datetime.now(UTC))  # fmt: skip
            users.set_password(conn, maria.id, HASHED)
        published = make_published(self.settings, self.engine)
        self.client = connect(valkey.url)
        self.queues: Queues = PublishedQueues(published, self.client).queues
        self.live = Live(valkey.url)
        self.base = f"http://127.0.0.1:{self.wires['web'].port}"
        self._log: IO[bytes] = (folder / "log").open("ab")
        self._running: dict[str, subprocess.Popen[str]] = {}

    def start(self, *names: str) -> None:
        """Returns when they serve."""
        environment = {
            **os.environ, "DATA_DIR": str(self.settings.data_dir), "FLOWS_DIR": str(self.settings.flows_dir),
            "REDIS_URL": self.settings.redis_url, "PORT": "0", "LIVE_PORT": "0", "PUBLIC_BASE_URL": self.base,
            "LIVE_URL": f"ws://127.0.0.1:{self.wires['live'].port}",
        }  # fmt: skip
        for name in names:
            process = subprocess.Popen(
                [sys.executable, "-m", "ivr.cli", name], env=environment, stdout=subprocess.PIPE, stderr=self._log,
                text=True, start_new_session=True,
            )  # fmt: skip
            self._running[name] = process
        for name in names:
            said = self._running[name].stdout
            assert said is not None
            while not (found := re.match(rf"{name}: (?:\w+://[^:]+:(\d+))?", line := said.readline())):
                assert line, f"{name} has ended; the log is {self._log.name}"
            if found[1]:
                self.wires[name].to = int(found[1])

    def kill(self, *names: str) -> None:
        """At once, with their children."""
        for name in names:
            process = self._running.pop(name)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            assert process.stdout
            process.stdout.close()

    def close(self) -> None:
        self.kill(*self._running)
        for wire in self.wires.values():
            wire.close()
        self._log.close()
        self.live.close()
        self.client.close()
        self.engine.dispose()

    # What happens meanwhile

    def chat_waits(self, visitor: str) -> str:
        """A visitor's chat that the router offers to whoever is free; the contact."""
        with self.engine.begin() as conn:
            contact = contacts.start(
                conn, channel="chat", caller=visitor, called="chat", at=datetime.now(UTC), served_by="queue"
            )
        self.queues.join(contact, "general", channel="chat", caller=visitor)
        return contact

    def text_comes(self, sender: str, text: str, id: str) -> str:
        """A text message, stored and told as by the carrier's webhook; the contact."""
        with self.engine.begin() as conn:
            came = receive(conn, Inbound("sms", sender, "us", text, id), datetime.now(UTC), region="US",
                           files_dir=self.settings.files_dir)  # fmt: skip
        self.live.publish(f"contact:{came.contact_id}", "message", {"id": came.message_id, "direction": "in"})
        return came.contact_id
