"""Where a SIP URI points (RFC 3263, 2782): on a real name server, that also dies."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ivr.channels.leg import Answered, HungUp
from ivr.channels.sip import names, registration
from ivr.channels.sip.locating import DOWN_SECONDS, Locator, Place, Unreachable
from ivr.channels.sip.names import Names
from ivr.channels.sip.settings import Registration
from ivr.channels.sip.values import parse_uri
from tests.channels.sip.dns_server import DnsServer, dns_server
from tests.channels.sip.fakes import FakeClock
from tests.channels.sip.raw_client import RawClient
from tests.channels.sip.server import Server, eventually, serving
from tests.channels.sip.test_outgoing import events_of
from tests.channels.sip.test_registration import accept
from tests.channels.sip.tls import make_certificate

pytestmark = pytest.mark.sip


@asynccontextmanager
async def locating(**records: list[str]) -> AsyncIterator[tuple[DnsServer, Locator, FakeClock]]:
    async with dns_server() as server:
        server.records = {
            ("_sip._udp.example.test", "SRV"): [
                "20 0 5062 backup.example.test.",
                "10 0 5060 one.example.test.",
                "10 10 5061 two.example.test.",
            ],
            ("one.example.test", "A"): ["192.0.2.1"],
            ("two.example.test", "A"): ["192.0.2.2", "192.0.2.22"],
            ("backup.example.test", "A"): ["192.0.2.9"],
            ("example.test", "A"): ["192.0.2.99"],
        }
        clock = FakeClock()
        yield server, Locator(clock, Names(clock, ipv6=False, resolver=server.resolver()), random.Random(1)), clock


async def where(locator: Locator, uri: str) -> list[tuple[str, str, int]]:
    return [(place.transport, place.address, place.port) for place in await locator.places(parse_uri(uri))]


async def test_servers_by_priority_then_at_random_by_weight() -> None:
    async with locating() as (_, locator, _):
        first: Counter[str] = Counter()
        for _ in range(300):
            found = await where(locator, "sip:example.test")
            first[found[0][1]] += 1
            assert found[-1] == ("UDP", "192.0.2.9", 5062)
            assert set(found[:-1]) == {
                ("UDP", "192.0.2.1", 5060), ("UDP", "192.0.2.2", 5061), ("UDP", "192.0.2.22", 5061),
            }  # fmt: skip
        assert first["192.0.2.2"] > 250, "weight 10 against 0"


async def test_equals_share_by_their_weights() -> None:
    async with locating() as (server, locator, _):
        server.records["_sip._udp.example.test", "SRV"] = [
            "1 30 5060 one.example.test.", "1 10 5060 backup.example.test.",
        ]  # fmt: skip
        first = Counter([(await where(locator, "sip:example.test"))[0][1] for _ in range(400)])
        assert 240 < first["192.0.2.1"] < 360


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:192.0.2.5", ("UDP", "192.0.2.5", 5060)),
        ("sip:192.0.2.5:5080;transport=tcp", ("TCP", "192.0.2.5", 5080)),
        ("sips:192.0.2.5", ("TLS", "192.0.2.5", 5061)),
        ("sip:example.test:5070", ("UDP", "192.0.2.99", 5070)),
        ("sip:example.test;transport=tcp", ("TCP", "192.0.2.1", 5070)),
        ("sip:example.test;transport=tls", ("TLS", "192.0.2.1", 5071)),
        ("sips:example.test", ("TLS", "192.0.2.1", 5071)),
        ("sip:example.test;transport=udp", ("UDP", "192.0.2.99", 5060)),
        ("sip:example.test", ("TCP", "192.0.2.1", 5070)),
        ("sip:one.example.test", ("UDP", "192.0.2.1", 5060)),
        ("sip:one.example.test;transport=tls", ("TLS", "192.0.2.1", 5061)),
    ],
)
async def test_transport_and_port(uri: str, expected: tuple[str, str, int]) -> None:
    """Section 4.1 and 4.2: what the URI says counts; then SRV; then the address itself and the default port."""
    async with locating() as (server, locator, _):
        del server.records["_sip._udp.example.test", "SRV"]
        server.records["_sip._tcp.example.test", "SRV"] = ["1 1 5070 one.example.test."]
        server.records["_sips._tcp.example.test", "SRV"] = ["1 1 5071 one.example.test."]
        assert await where(locator, uri) == [expected]


async def test_a_domain_without_the_service_and_names_that_lead_nowhere() -> None:
    async with locating() as (server, locator, _):
        server.records["_sip._tcp.example.test", "SRV"] = ["0 0 0 ."]
        server.records["_sips._tcp.example.test", "SRV"] = ["1 1 5061 gone.example.test."]
        for uri in ("sip:example.test;transport=tcp", "sips:example.test", "sip:nobody.example.test"):
            with pytest.raises(Unreachable, match="is unknown"):
                await locator.places(parse_uri(uri))
        server.records["_sip._udp.example.test", "SRV"].append("1 1 5060 gone.example.test.")
        assert len(await locator.places(parse_uri("sip:example.test"))) == 4, "the others are there"


async def test_answers_are_kept_for_their_time_to_live() -> None:
    async with locating() as (server, locator, clock):
        for _ in range(3):
            await locator.places(parse_uri("sip:example.test"))
        assert server.asked["_sip._udp.example.test", "SRV"] == 1
        assert server.asked["one.example.test", "A"] == 1
        clock.advance(299)
        await locator.places(parse_uri("sip:example.test"))
        assert server.asked["_sip._udp.example.test", "SRV"] == 1
        server.records["one.example.test", "A"] = ["192.0.2.111"]
        clock.advance(2)
        assert "192.0.2.111" in {place[1] for place in await where(locator, "sip:example.test")}
        assert locator.addresses_of(parse_uri("sip:x@example.test")) >= {"192.0.2.111", "192.0.2.9"}


async def test_what_was_known_is_used_on_while_the_dns_is_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(names, "PATIENCE", 0.3)
    async with locating() as (server, locator, clock):
        before = set(await where(locator, "sip:example.test"))
        server.away = True
        clock.advance(301)
        assert set(await where(locator, "sip:example.test")) == before
        assert "what it said before holds" in caplog.text
        asked = server.asked["_sip._udp.example.test", "SRV"]
        assert set(await where(locator, "sip:example.test")) == before
        assert server.asked["_sip._udp.example.test", "SRV"] == asked, "it is left alone for a while"
        with pytest.raises(Unreachable, match=r"the DNS has no answer about other\.test"):
            await locator.places(parse_uri("sip:other.test"))
        server.away = False
        server.records["one.example.test", "A"] = ["192.0.2.111"]
        clock.advance(301)
        assert "192.0.2.111" in {place[1] for place in await where(locator, "sip:example.test")}


async def test_a_dns_that_knows_addresses_alone_is_enough() -> None:
    async with locating() as (server, locator, _):
        server.broken = {"SRV"}
        for _ in range(2):
            assert await where(locator, "sip:example.test") == [("UDP", "192.0.2.99", 5060)]
        assert server.asked["_sip._tcp.example.test", "SRV"] == 1


async def test_names_of_this_machine_are_not_asked_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hosts file is the admin's word; a name of one label is a container's or the office's."""
    hosts = tmp_path / "hosts"
    hosts.write_text("192.0.2.77 example.test # not the real one\n")
    monkeypatch.setattr(names, "_HOSTS", hosts)
    async with locating() as (server, locator, _):
        assert await where(locator, "sip:localhost") == [("UDP", "127.0.0.1", 5060)]
        with pytest.raises(Unreachable):
            await locator.places(parse_uri("sip:example.test"))  # our own system's file doesn't have it
        assert not server.asked


async def test_servers_that_failed_come_last_for_a_while() -> None:
    async with locating() as (_, locator, clock):
        uri = parse_uri("sip:example.test")
        best = (await locator.places(uri))[0]
        assert locator.has_another(uri, best)
        assert locator.failed(uri, best)
        assert (await locator.places(uri))[-1] == best
        for place in (await locator.places(uri))[:-1]:
            left = locator.failed(uri, place)
        assert not left, "there is none that has not failed"
        assert len(await locator.places(uri)) == 4, "they are tried all the same"
        clock.advance(DOWN_SECONDS + 1)
        assert (await locator.places(uri))[-1].address == "192.0.2.9"
        alone = parse_uri("sip:one.example.test")
        [only] = await locator.places(alone)
        assert not locator.failed(alone, only)
        assert not locator.failed(uri, Place("UDP", "203.0.113.1", 5060)), "none of its servers"


# Calls and registrations


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
