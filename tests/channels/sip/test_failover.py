"""Calls and registrations where a domain has several servers (RFC 3263 section 4.3), and where the DNS is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ivr.channels.leg import Answered, HungUp
from ivr.channels.sip import names, registration
from ivr.channels.sip.settings import Registration
from tests.channels.sip.dns_server import DnsServer, dns_server
from tests.channels.sip.raw_client import RawClient
from tests.channels.sip.server import Server, eventually, serving
from tests.channels.sip.test_outgoing import events_of
from tests.channels.sip.test_registration import accept
from tests.channels.sip.tls import make_certificate

pytestmark = pytest.mark.sip


@asynccontextmanager
async def two_servers(**changes: Any) -> AsyncIterator[tuple[Server, RawClient, RawClient, DnsServer]]:
    """An endpoint, and two peers that are `sip:example.test`, the first of them preferred."""
    async with dns_server() as dns:
        peers = [await RawClient.open(("127.0.0.1", 9)) for _ in range(2)]
        dns.records = {
            ("_sip._udp.example.test", "SRV"): [
                f"{n} 0 {peer.port} one.example.test." for n, peer in enumerate(peers, 1)
            ],
            ("one.example.test", "A"): ["127.0.0.1"],
        }
        async with serving(resolver=dns.resolver(), **changes) as server:
            for peer in peers:
                peer.server = server.endpoint.address
            try:
                yield server, peers[0], peers[1], dns
            finally:
                for registrar in server.endpoint.registrars:
                    registrar.state = "stopped"
                for peer in peers:
                    peer.close()


async def take(peer: RawClient, leg: Any) -> None:
    invite = await peer.asked("INVITE")
    peer.answer(invite, 200, body=peer.sdp())
    await peer.asked("ACK")
    assert await leg.next_event() == Answered()
    leg.hang_up()
    peer.answer(await peer.asked("BYE"), 200)
    assert await leg.next_event() == HungUp("us")


async def test_a_call_goes_to_the_next_server_on_503() -> None:
    async with two_servers() as (server, one, two, _):
        leg = await server.endpoint.dial("sip:agent@example.test")
        invite = await one.asked("INVITE")
        assert invite.start.split()[1] == "sip:agent@example.test"
        one.answer(invite, 503, extra="Retry-After: 120")
        await one.asked("ACK")
        await take(two, leg)
        # the next call doesn't ask the first one
        again = await server.endpoint.dial("sip:agent@example.test")
        await take(two, again)
        assert [message.method for message in one.log].count("INVITE") == 1


async def test_a_call_goes_to_the_next_server_where_the_first_is_silent_and_its_late_answer_does_no_harm() -> None:
    async with two_servers() as (server, one, two, _):
        leg = await server.endpoint.dial("sip:agent@example.test", timeout=20)
        lost = await one.asked("INVITE")
        invite = await two.asked("INVITE")
        assert (invite["call-id"], invite["cseq"]) == (lost["call-id"], lost["cseq"])
        assert invite["via"] != lost["via"]
        two.answer(invite, 200, body=two.sdp())
        await two.asked("ACK")
        assert await leg.next_event() == Answered()
        one.answer(lost, 200, body=one.sdp())
        await one.asked("ACK")
        one.answer(await one.asked("BYE"), 200)
        leg.hang_up()
        two.answer(await two.asked("BYE"), 200)
        assert await leg.next_event() == HungUp("us")
        await server.quiet(transactions=True)


async def test_a_silent_server_that_wakes_up_before_the_next_one_has_the_call() -> None:
    async with two_servers() as (server, one, two, _):
        leg = await server.endpoint.dial("sip:agent@example.test", timeout=20)
        lost = await one.asked("INVITE")
        invite = await two.asked("INVITE")
        two.answer(invite, 180)
        one.answer(lost, 200, body=one.sdp())
        await one.asked("ACK")
        assert await leg.next_event() == Answered()
        two.answer(await two.asked("CANCEL"), 200)
        two.answer(invite, 487)
        leg.hang_up()
        one.answer(await one.asked("BYE"), 200)
        assert await leg.next_event() == HungUp("us")
        await server.quiet(transactions=True)


async def test_a_silent_server_that_rings_late_is_cancelled() -> None:
    async with two_servers() as (server, one, two, _):
        leg = await server.endpoint.dial("sip:agent@example.test", timeout=20)
        lost = await one.asked("INVITE")
        two.answer(await two.asked("INVITE"), 180)
        one.answer(lost, 180)
        one.answer(await one.asked("CANCEL"), 200)
        one.answer(lost, 487)
        await one.asked("ACK")
        assert not leg.over
        leg.hang_up()
        assert await leg.next_event() == HungUp("us")


async def test_when_all_servers_are_away_the_call_fails_once() -> None:
    async with two_servers() as (server, one, two, _):
        leg = await server.endpoint.dial("sip:agent@example.test")
        for peer in (one, two):
            peer.answer(await peer.asked("INVITE"), 503, "Away")
        assert await events_of(leg) == [HungUp("peer", "503 Away")]
        await server.quiet(transactions=True)


async def test_a_refusal_is_no_reason_to_ask_another_server() -> None:
    async with two_servers() as (server, one, two, _):
        leg = await server.endpoint.dial("sip:agent@example.test")
        one.answer(await one.asked("INVITE"), 486, "Busy")
        assert await events_of(leg) == [HungUp("peer", "486 Busy")]
        assert not two.log


async def test_given_up_while_another_server_is_looked_for() -> None:
    async with two_servers() as (server, one, two, _):
        leg = await server.endpoint.dial("sip:agent@example.test")
        invite = await one.asked("INVITE")
        one.answer(invite, 503)
        await eventually(lambda: bool(leg._branches) and leg._branches[0].flow.remote[1] == two.port)
        leg.hang_up()
        assert await events_of(leg) == [HungUp("us")]
        await server.quiet(transactions=True)


async def test_a_call_by_tcp_goes_to_the_server_that_takes_connections() -> None:
    async with two_servers() as (server, _, _, dns):
        got: asyncio.Queue[bytes] = asyncio.Queue()

        async def accept_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            got.put_nowait(await reader.readuntil(b"\r\n"))
            writer.close()

        listener = await asyncio.start_server(accept_one, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        dns.records["_sip._tcp.example.test", "SRV"] = ["1 0 1 one.example.test.", f"2 0 {port} one.example.test."]
        leg = await server.endpoint.dial("sip:agent@example.test;transport=tcp")
        async with asyncio.timeout(20):
            assert (await got.get()).startswith(b"INVITE ")
        leg.hang_up()
        listener.close()


@pytest.mark.parametrize(("named", "connects"), [("example.test", True), ("one.example.test", False)])
async def test_a_certificate_is_the_domains_and_not_that_of_a_server_that_srv_names(
    named: str, connects: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 5922 section 7.1: who can forge DNS answers must not become the provider."""
    cert, key = make_certificate(tmp_path, named)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    async with (
        serving(tcp=True, tls_certificate=cert, tls_key=key, tls_port=0) as callee,
        two_servers() as (server, _, _, dns),
    ):
        port = callee.endpoint.transports.ports["TLS"]
        dns.records["_sips._tcp.example.test", "SRV"] = [f"1 0 {port} one.example.test."]
        leg = await server.endpoint.dial("sips:agent@example.test")
        first = await leg.next_event()
        if connects:
            assert first == Answered()
            leg.hang_up()
            await leg.next_event()
        else:
            assert isinstance(first, HungUp)
            assert "certificate" in first.reason.lower()


async def test_a_dead_dns_is_told_and_harms_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "PATIENCE", 0.2)
    async with two_servers() as (server, one, _, dns):
        leg = await server.endpoint.dial("sip:agent@example.test")
        one.answer(await one.asked("INVITE"), 200, body=one.sdp())
        await one.asked("ACK")
        assert await leg.next_event() == Answered()
        dns.away = True
        other = await server.endpoint.dial("sip:agent@elsewhere.test")
        [ended] = await events_of(other)
        assert isinstance(ended, HungUp)
        assert ended.by == "error"
        assert "the DNS has no answer about elsewhere.test" in ended.reason
        again = await server.endpoint.dial("sip:agent@example.test")  # known from before
        await take(one, again)
        leg.hang_up()
        one.answer(await one.asked("BYE"), 200)
        assert await leg.next_event() == HungUp("us")


def registering(port: int = 0) -> dict[str, Any]:
    place = f"sip:example.test:{port}" if port else "sip:example.test"
    return {"registrations": (Registration(place, "shop", "secret", 600),)}


@pytest.mark.parametrize("silent", [True, False])
async def test_registered_with_the_next_server_and_calls_of_both_are_taken(silent: bool) -> None:
    import ipaddress

    only = (ipaddress.ip_network("192.0.2.0/24"),)
    async with two_servers(allow=only, **registering()) as (server, one, two, _):
        first = await one.asked("REGISTER")
        if not silent:
            one.answer(first, 503)
        accept(two, await two.asked("REGISTER"))
        registrar = server.endpoint.registrars[0]
        await eventually(lambda: registrar.state == "registered")
        assert server.endpoint.guard.allows("127.0.0.1")
        assert not server.endpoint.guard.allows("127.0.0.2")
        for peer in (one, two):
            answer = await peer.call()
            assert answer.status == 200
            await peer.bye()


async def test_a_refresh_stays_with_the_server_that_knows_us() -> None:
    async with two_servers(**registering()) as (server, one, two, dns):
        dns.records["_sip._udp.example.test", "SRV"] = [
            f"1 50 {peer.port} one.example.test." for peer in (one, two)
        ]  # fmt: skip
        await eventually(lambda: bool(one.log or two.log))
        at, other = (one, two) if one.log else (two, one)
        for _ in range(5):
            accept(at, await at.asked("REGISTER"), expires=1)
            await eventually(lambda: server.endpoint.registrars[0].state == "registered")
        assert not other.log


async def test_all_of_a_registrars_servers_away_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "FIRST_RETRY", 0.05)
    async with two_servers(**registering()) as (server, one, two, _):
        one.answer(await one.asked("REGISTER"), 503)
        two.answer(await two.asked("REGISTER"), 503)
        registrar = server.endpoint.registrars[0]
        await eventually(lambda: registrar.state == "lost")
        assert registrar.reason.startswith("503")
        accept(one, await one.asked("REGISTER"))
        await eventually(lambda: registrar.state == "registered")
