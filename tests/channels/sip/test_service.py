"""The SIP process: its settings, and that being told to stop costs no caller their call."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from callcenter.db import migrate, open_database
from ivr.actions.bills.importing import DEMO, import_bills
from ivr.assembly import make_published
from ivr.channels.sip.service import sip_settings
from ivr.channels.sip.settings import Registration
from ivr.settings import Settings
from tests.channels.sip.raw_client import RawClient

pytestmark = pytest.mark.sip

ROOT = Path(__file__).parents[3]


def settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)


def test_lists_are_read() -> None:
    wanted = sip_settings(
        settings(
            sip_allow="203.0.113.7, 10.1.2.3/8,,2001:db8::/32",
            sip_users="desk:a:b c, 200:x",
            sip_register="shop:p@ss:word@pbx.example.com:5080;transport=tcp, 100:y@10.0.0.5",
            sip_tls_cert="cert.pem",
            sip_max_calls=7,
        )
    )
    assert wanted.allow == tuple(map(ipaddress.ip_network, ("203.0.113.7/32", "10.0.0.0/8", "2001:db8::/32")))
    assert wanted.users == {"desk": "a:b c", "200": "x"}
    assert wanted.registrations == (
        Registration("sip:pbx.example.com:5080;transport=tcp", "shop", "p@ss:word"),
        Registration("sip:10.0.0.5", "100", "y"),
    )
    assert (wanted.tls_certificate, wanted.tls_key, wanted.max_calls) == (Path("cert.pem"), None, 7)


def test_by_default_loopback_alone_may_call() -> None:
    wanted = sip_settings(settings())
    assert [str(network) for network in wanted.allow] == ["127.0.0.0/8", "::1/128"]
    assert not wanted.users
    assert not wanted.registrations


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("sip_allow", "10.0.0.0/8,office", "SIP_ALLOW: 'office' is no network"),
        ("sip_allow", "10.0.0.300", "SIP_ALLOW"),
        ("sip_users", "desk", "SIP_USERS: write user:password"),
        ("sip_users", "desk:secret,:x", "SIP_USERS"),
        ("sip_users", "desk:", "SIP_USERS"),
        ("sip_register", "pbx.example.com", "SIP_REGISTER: write user:password@"),
        ("sip_register", "shop@pbx.example.com", "SIP_REGISTER"),
        ("sip_register", "shop:x@", "SIP_REGISTER"),
    ],
)
def test_a_wrong_setting_is_named_without_its_secret(name: str, value: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as raised:
        sip_settings(settings(**{name: value}))
    assert "secret" not in str(raised.value)


class Process:
    """`callwright sip` on the demo flows, in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, address: tuple[str, int]) -> None:
        self.process, self.address = process, address


@asynccontextmanager
async def running(folder: Path, **env: str) -> AsyncIterator[Process]:
    given = settings(data_dir=folder, flows_dir=ROOT / "flows", prompts_dir=ROOT / "prompts")
    engine = open_database(given.database)
    migrate(engine)
    import_bills(engine, DEMO, dt.date.today())
    make_published(given, engine).publish(given.flows_dir, given.prompts_dir)
    engine.dispose()
    env |= {"DATA_DIR": str(folder), "FLOWS_DIR": str(given.flows_dir), "PROMPTS_DIR": str(given.prompts_dir)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ivr.cli", "sip"),
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "SIP_PORT": "0", "SPEECH_WORKERS": "0"} | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout
    try:
        said = ""
        while not (found := re.search(r"sip:anything@([\d.]+):(\d+)", said)):
            line = await process.stdout.readline()
            assert line, f"it ended with {await process.wait()}: {said}"
            said += line.decode()
        yield Process(process, (found[1], int(found[2])))
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.slow
async def test_sigterm_takes_no_new_calls_and_lets_live_ones_finish(tmp_path: Path) -> None:
    async with running(tmp_path, SIP_DRAIN_SECONDS="60") as service:
        live = await RawClient.open(service.address)
        assert (await live.call()).status == 200
        late = await RawClient.open(service.address)
        assert (await late.ask("OPTIONS")).status == 200
        service.process.terminate()
        while (await late.ask("OPTIONS")).status == 200:
            late.renew()
        late.renew()
        refused = await late.call()
        assert (refused.status, refused["retry-after"]) == (503, "10")
        assert (await live.ask("INFO", "2", kind="application/dtmf")).status == 200
        assert service.process.returncode is None
        assert (await live.bye()).status == 200
        assert await service.process.wait() == 0
        for client in (live, late):
            client.close()


@pytest.mark.slow
async def test_a_second_signal_hangs_up(tmp_path: Path) -> None:
    async with running(tmp_path, SIP_DRAIN_SECONDS="60") as service:
        client = await RawClient.open(service.address)
        assert (await client.call()).status == 200
        service.process.terminate()
        other = await RawClient.open(service.address)
        while (await other.ask("OPTIONS")).status == 200:
            other.renew()
        service.process.terminate()
        client.answer(await client.asked("BYE", 20), 200)
        assert await service.process.wait() == 0
        client.close()
        other.close()


async def test_a_wrong_port_range_is_said_and_no_trace_shown(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="SIP_RTP_PORTS: write a range") as raised:
        async with running(tmp_path, SIP_RTP_PORTS="10000"):
            pass
    assert "Traceback" not in str(raised.value)


def test_the_guide_names_settings_that_exist() -> None:
    named = set(re.findall(r"\bSIP_[A-Z_]+[A-Z]\b", (ROOT / "docs/sip.md").read_text()))
    assert named <= {name.upper() for name in Settings.model_fields}
