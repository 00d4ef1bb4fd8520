"""Everything on one machine: what `callwright run` does once the settings are read."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import cycle
from pathlib import Path

import requests
import sqlalchemy as sa
from dotenv import dotenv_values
from honcho.environ import parse_procfile
from rich.console import Console
from rich.text import Text

from callcenter.counting import counted
from callcenter.db import reading
from callcenter.desk import invitations
from callcenter.tables import accounts
from ivr import embedded, ports, startup
from ivr.assembly import make_published
from ivr.banner import SAMPLE_ACCOUNT, banner
from ivr.flow.model import FlowSet
from ivr.prompts.catalogue import Catalogue
from ivr.rendering import all_prompts, render
from ivr.settings import Settings
from ivr.speech.renderer import Renderer
from ivr.supervisor import Program, Supervisor

PROGRAMS = ("web", "live", "sip", "mail", "router", "worker", "clock")
PROCFILE = "".join(f"{name}: callwright {name}\n" for name in PROGRAMS)
"""Where the working directory has none."""
COLOURS = ("cyan", "green", "magenta", "blue", "yellow")
SLOW_START_SECONDS = 60


class Service:
    """`environment` is what the programs get, this run's ports, keys and addresses added."""

    def __init__(self, settings: Settings, console: Console) -> None:
        chosen = ports.choose(settings)
        self.notes = chosen.notes
        listening = {"port": chosen.web, "sip_port": chosen.sip, "live_port": chosen.live}
        listening["mail_in_port"] = chosen.mail
        self.settings = settings.model_copy(update=listening)
        self.console = console
        self.private_redis = not settings.redis_url
        self.first_run = ""
        self.environment = self._environment(self.settings)
        self._colours: dict[str, str] = {}
        self._palette = cycle(COLOURS)

    def _environment(self, settings: Settings) -> dict[str, str]:
        redis_url = settings.redis_url or embedded.server_url(settings.data_dir)
        console = settings.log_format == "console" or (settings.log_format == "auto" and self.console.is_terminal)
        return {
            **{name: value for name, value in dotenv_values(".env").items() if value is not None},
            **os.environ,
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
            "PYTHONUNBUFFERED": "1",
            "PORT": str(settings.port),
            "LIVE_PORT": str(settings.live_port),
            "SIP_PORT": str(settings.sip_port),
            "MAIL_IN_PORT": str(settings.mail_in_port),
            "REDIS_URL": redis_url,
            # Made anew at every start and never written: what is sealed dies with this run.
            "SEAL_KEY": settings.seal_key or base64.b64encode(os.urandom(32)).decode(),
            "LOG_FORMAT": "console" if console else "json",
        }

    def say(self, name: str, line: str) -> None:
        """Print a program's line behind its name."""
        if name not in self._colours:
            self._colours[name] = next(self._palette)
        self.console.print(Text.assemble((f"{name:>6} | ", self._colours[name]), Text.from_ansi(line)), soft_wrap=True)

    def prepare(self) -> tuple[FlowSet, bool]:
        """The schema, the demo's bills, the published version; and whether the sample account is there. Raises
        `CannotStart`, and `FlowError` where the flows have mistakes and none were ever published."""
        for note in self.notes:
            self.say("system", note)
        engine = startup.open_migrated(self.settings)
        try:
            made = startup.publish(
                make_published(self.settings, engine), self.settings.flows_dir, self.settings.prompts_dir
            )
            if made.refused:
                for problem in made.refused.problems:
                    self.say("system", str(problem))
                self.say("system", f"the flows have mistakes, so version {made.flows.hash} goes on answering calls")
            imported = startup.import_demo(engine, self.settings, made.flows.company.name, date.today())
            if imported:
                self.say(
                    "system",
                    f"the demo company has {counted(imported.accounts, 'account')}, {counted(imported.bills, 'bill')}",
                )
            with engine.begin() as connection:
                token = invitations.for_first_admin(connection, datetime.now(UTC))
                self.first_run = invitations.path(token) if token else ""
            with reading(engine) as connection:
                sample = sa.select(accounts.c.number).where(accounts.c.number == SAMPLE_ACCOUNT)
                return made.flows, connection.execute(sample).first() is not None
        finally:
            engine.dispose()

    async def run(self, flows: FlowSet, demo: bool) -> None:
        """Start everything, and stop it again on SIGINT or SIGTERM. Raises `NoRedis`."""
        stopping = asyncio.Event()
        supervisor = Supervisor(self.say)

        def stop() -> None:
            if stopping.is_set():
                supervisor.hurry()
            else:
                self.say("system", "stopping; live calls may finish, once more stops at once")
            stopping.set()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        starting = asyncio.create_task(self._start(supervisor, flows, demo))
        waiting = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
            await waiting
        finally:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            waiting.cancel()
            await supervisor.stop()

    async def _start(self, supervisor: Supervisor, flows: FlowSet, demo: bool) -> None:
        if self.private_redis:
            command = embedded.server_command(self.settings.data_dir)
            supervisor.start(Program("redis", command, self.environment, stop_order=3, stop_seconds=15))
        await asyncio.to_thread(embedded.wait_until_up, self.environment["REDIS_URL"])
        programs = list(self._programs())
        for program in programs:
            supervisor.start(program)
        names = {program.name for program in programs}
        await asyncio.gather(self._announce(names, flows, demo), self._render(flows))

    def _programs(self) -> Iterator[Program]:
        path = Path("Procfile")
        procfile = parse_procfile(path.read_text() if path.exists() else PROCFILE)
        # No new jobs, then no new calls and requests, then no jobs at all.
        drain = self.settings.sip_drain_seconds + 15
        order = {"clock": (0, 10.0), "sip": (1, drain), "web": (1, 40.0), "live": (1, 20.0), "mail": (1, 30.0)}
        for name, command in procfile.processes.items():
            stop_order, seconds = order.get(name, (2, 30.0))
            # `exec`, so that signals reach the program and not a shell.
            yield Program(name, ["/bin/sh", "-c", f"exec {command}"], self.environment, stop_order, seconds)

    async def _announce(self, names: set[str], flows: FlowSet, demo: bool) -> None:
        """The banner, as soon as web and SIP answer."""
        probes = {"web": self._web_answers, "sip": self._sip_answers}
        began = asyncio.get_running_loop().time()
        told = False
        while True:
            silent = [name for name in probes if name in names and not await asyncio.to_thread(probes[name])]
            if not silent:
                break
            if not told and asyncio.get_running_loop().time() - began > SLOW_START_SECONDS:
                told = True
                self.say("system", f"{' and '.join(silent)}: no answer yet; the reason is in the lines above")
            await asyncio.sleep(0.1)
        self.console.print(banner(self.settings, flows, demo=demo, first_run=self.first_run))

    def _web_answers(self) -> bool:
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.settings.host, self.settings.host)  # noqa: S104
        try:
            return requests.get(f"http://{host}:{self.settings.port}/healthz", timeout=2).ok
        except requests.RequestException:
            return False

    def _sip_answers(self) -> bool:
        """Whether the SIP port is held. Who may call is a setting, so a request of ours might well be ignored."""
        return not ports.is_free(self.settings.sip_host, self.settings.sip_port, (socket.SOCK_DGRAM,))

    async def _render(self, flows: FlowSet) -> None:
        catalogue = Catalogue.read(self.settings.prompts_dir)
        renderer = Renderer(self.settings.audio_dir, catalogue)
        try:
            await render(renderer, all_prompts(catalogue, flows), self.console)
        finally:
            await renderer.close()
