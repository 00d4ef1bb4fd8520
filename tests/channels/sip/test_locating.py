"""Where a SIP URI points (RFC 3263, 2782): on a real name server, that also dies."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ivr.channels.sip import names
from ivr.channels.sip.locating import DOWN_SECONDS, Locator, Place, Unreachable
from ivr.channels.sip.names import Names
from ivr.channels.sip.values import parse_uri
from tests.channels.sip.dns_server import DnsServer, dns_server
from tests.channels.sip.fakes import FakeClock

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
        assert first["192.0.2.2"] + first["192.0.2.22"] > 250, "weight 10 against 0; its addresses come in any order"


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
