"""Being registered: refreshed, challenged, lost and found again. A raw client plays the registrar."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ivr.channels.sip import registration
from ivr.channels.sip.settings import Registration
from tests.channels.sip.raw_client import Message, RawClient
from tests.channels.sip.server import Server, eventually, serving

pytestmark = pytest.mark.sip

CHALLENGE = 'WWW-Authenticate: Digest realm="pbx", nonce="{nonce}", qop="auth", algorithm=SHA-256'


@asynccontextmanager
async def registering(expires: int = 600, **changes: Any) -> AsyncIterator[tuple[Server, RawClient]]:
    pbx = await RawClient.open(("127.0.0.1", 9))
    account = Registration(f"sip:127.0.0.1:{pbx.port}", "shop", "secret", expires)
    async with serving(registrations=(account,), **changes) as server:
        pbx.server = server.endpoint.address
        try:
            yield server, pbx
        finally:
            server.endpoint.registrars[0].state = "stopped"
            pbx.close()


def accept(pbx: RawClient, request: Message, expires: int = 600) -> None:
    """200 with the Contact that was registered."""
    data = pbx.response(request, 200).split(b"\r\n")
    lines = [line for line in data if not line.startswith(b"Contact")]
    lines.insert(1, f"Contact: {request['contact']};expires={expires}".encode())
    pbx.send(b"\r\n".join(lines))


async def test_registered_after_a_challenge_and_a_call_comes_in() -> None:
    async with registering() as (server, pbx):
        first = await pbx.asked("REGISTER")
        assert first["contact"].startswith("<sip:shop@127.0.0.1:")
        assert first["expires"] == "600"
        pbx.answer(first, 401, extra=CHALLENGE.format(nonce="n1"))
        second = await pbx.asked("REGISTER")
        assert (second["call-id"], second.cseq) == (first["call-id"], "2")
        assert 'username="shop"' in second["authorization"]
        accept(pbx, second)
        await eventually(lambda: server.endpoint.registrars[0].state == "registered")
        assert (await pbx.call()).status == 200
        await pbx.bye()


async def test_refreshed_before_it_expires() -> None:
    async with registering() as (server, pbx):
        accept(pbx, await pbx.asked("REGISTER"), expires=1)
        again = await pbx.asked("REGISTER")
        assert again.cseq == "2"
        accept(pbx, again)
        await eventually(lambda: server.endpoint.registrars[0].state == "registered")


async def test_lost_and_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "FIRST_RETRY", 0.05)
    async with registering() as (server, pbx):
        registrar = server.endpoint.registrars[0]
        accept(pbx, await pbx.asked("REGISTER"), expires=1)
        await eventually(lambda: registrar.state == "registered")
        await eventually(lambda: registrar.state == "lost")
        assert registrar.reason == "timeout"
        # A registrar that restarted has forgotten us and our nonces.
        request = await pbx.until(lambda m: int(m.cseq) >= 3)
        pbx.answer(request, 401, extra=CHALLENGE.format(nonce="after"))
        request = await pbx.until(lambda m: 'nonce="after"' in m["authorization"])
        accept(pbx, request)
        await eventually(lambda: registrar.state == "registered")


async def test_a_wrong_password_is_told_and_tried_again_later() -> None:
    async with registering() as (server, pbx):
        for _ in range(2):
            pbx.answer(await pbx.asked("REGISTER"), 401, "No", extra=CHALLENGE.format(nonce="n"))
        registrar = server.endpoint.registrars[0]
        await eventually(lambda: registrar.state == "lost")
        assert registrar.reason == "401 No"


async def test_a_busy_registrar_says_when() -> None:
    async with registering() as (server, pbx):
        pbx.answer(await pbx.asked("REGISTER"), 503, extra="Retry-After: 1")
        await eventually(lambda: server.endpoint.registrars[0].state == "lost")
        accept(pbx, await pbx.asked("REGISTER"))
        await eventually(lambda: server.endpoint.registrars[0].state == "registered")


async def test_an_interval_that_is_too_brief_is_raised() -> None:
    async with registering(expires=60) as (_, pbx):
        pbx.answer(await pbx.asked("REGISTER"), 423, extra="Min-Expires: 300")
        again = await pbx.until(lambda m: m["expires"] == "300")
        assert again.cseq == "2"


async def test_unregistered_on_draining() -> None:
    async with registering() as (server, pbx):
        accept(pbx, await pbx.asked("REGISTER"))
        await eventually(lambda: server.endpoint.registrars[0].state == "registered")
        await server.endpoint.drain(0.1)
        last = await pbx.asked("REGISTER")
        assert last["expires"] == "0"
        pbx.answer(last, 200)
        await eventually(lambda: not server.endpoint.registrars[0].leaving)


async def test_a_registration_over_udp_is_kept_open_for_nats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "KEEPALIVE", 0.02)
    async with registering() as (server, pbx):
        registrar = server.endpoint.registrars[0]
        request = await pbx.asked("REGISTER")
        pings: list[bytes] = []
        monkeypatch.setattr(pbx, "datagram_received", lambda data, addr: pings.append(data))
        accept(pbx, request)
        await eventually(lambda: len(pings) >= 3)
        assert set(pings) == {b"\r\n\r\n"}
        registrar.stop()
        await eventually(lambda: pings[-1].startswith(b"REGISTER"))
        assert registrar._keepalive is None
