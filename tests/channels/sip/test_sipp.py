"""Calls by SIPp, an independent implementation; scenarios/*.xml say what each is about and run by hand as well."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ivr.channels.leg import Digit, HungUp, ReferEnded
from ivr.channels.sip.incoming import IncomingLeg
from ivr.channels.sip.leg import SipLeg
from ivr.channels.sip.media.client import Media
from ivr.channels.sip.transaction import Timers
from tests.channels.sip import sipp
from tests.channels.sip.pcap import write_keys
from tests.channels.sip.relay import Losing, bad_line
from tests.channels.sip.server import Server, eventually
from tests.channels.sip.server import serving as serving_fast

pytestmark = pytest.mark.sip

# SIPp is a process of its own and may be kept waiting: 64*T1 is 6.4 s.
serving = functools.partial(serving_fast, timers=Timers(t1=0.1, t2=0.4, t4=0.3))


async def let_ring(leg: SipLeg) -> None:
    assert isinstance(leg, IncomingLeg)
    leg.ring()


async def never_ring(leg: SipLeg) -> None:
    """The caller hears nothing of us but the transaction's 100."""


async def hang_up_soon(leg: SipLeg) -> None:
    await leg.answer()
    await eventually(lambda: not leg.being_invited)
    leg.hang_up()


async def transfer(leg: SipLeg) -> None:
    await leg.answer()
    await eventually(lambda: not leg.being_invited)
    leg.refer("+15550199")


Handle = Callable[[SipLeg], Awaitable[None]]

CALLS: list[tuple[str, Handle | None, dict[str, Any], list[Any]]] = [
    ("cancel_early", never_ring, {}, [HungUp("peer", "cancelled")]),
    ("cancel_ringing", let_ring, {}, [HungUp("peer", "cancelled")]),
    ("bye_crossing", hang_up_soon, {}, [HungUp("us")]),
    ("info", None, {}, ["5", "#", HungUp("peer")]),
    ("refresh_update", None, {"min_session_expires": 1}, [HungUp("peer")]),
    ("refresh_invite", None, {"min_session_expires": 1}, [HungUp("peer")]),
    ("digest", None, {"users": {"desk": "secret"}, "digests": ("MD5",)}, [HungUp("peer")]),
]


@pytest.mark.parametrize(("scenario", "handle", "settings", "expected"), CALLS, ids=[call[0] for call in CALLS])
async def test_a_call(
    tmp_path: Path, scenario: str, handle: Handle | None, settings: dict[str, Any], expected: list[Any]
) -> None:
    async with serving(handle, **settings) as server:
        await sipp.run(scenario, server.endpoint.address, tmp_path)
        await server.over()
        assert len(server.legs) == 1
        assert [event.digit if isinstance(event, Digit) else event for event in server.events[0]] == expected
        await server.quiet()


@pytest.mark.parametrize(("lost", "times"), [(b"SIP/2.0 200", 1), (b"ACK", 2)], ids=["200", "ACK"])
async def test_a_message_is_lost_and_comes_again(tmp_path: Path, lost: bytes, times: int) -> None:
    losing = Losing(lost, times)
    async with serving() as server, bad_line(server.endpoint.address, losing) as address:
        await sipp.run("call", address, tmp_path)
        assert losing.met > times
        await server.over()
        assert server.events == [[HungUp("peer")]]
        await server.quiet()


async def test_everything_is_repeated(tmp_path: Path) -> None:
    async with serving() as server, bad_line(server.endpoint.address, lambda data: 3) as address:
        await sipp.run("call", address, tmp_path)
        await server.over()
        assert server.events == [[HungUp("peer")]]
        await server.quiet()


async def test_hold_and_resume_at_another_address(tmp_path: Path) -> None:
    async with serving() as server:
        connections: list[Any] = []

        async def keep(leg: SipLeg) -> None:
            await leg.answer()
            connections.append(server.media.streams[0].connections)

        server.handle = keep
        port = sipp.free_port() // 2 * 2  # RTP's are even
        at_first, elsewhere = str(port), str(port + 4)
        await sipp.run("hold_resume", server.endpoint.address, tmp_path, media_port=at_first, new_port=elsewhere)
        await server.over()
        assert [(remote[1], send) for remote, _, _, send, _ in connections[0]] == [
            (port, True),
            (port, False),
            (port + 4, True),
        ]


async def test_a_transfer(tmp_path: Path) -> None:
    async with serving(transfer) as server:
        running = asyncio.create_task(sipp.run("refer", server.endpoint.address, tmp_path))
        await eventually(lambda: bool(server.events and server.events[0]), 20)
        server.legs[0].hang_up()
        await running
        assert server.events[0] == [ReferEnded(200), HungUp("us")]


async def test_options(tmp_path: Path) -> None:
    async with serving() as server:
        await sipp.run("options", server.endpoint.address, tmp_path)
        assert server.legs == []


def pressed(server: Server) -> str:
    return "".join(event.digit for events in server.events for event in events if isinstance(event, Digit))


@pytest.mark.skipif(os.geteuid() != 0, reason="SIPp needs root to play a capture: run as root")
@pytest.mark.parametrize(
    ("event_type", "marker", "ends"),
    [(101, True, True), (96, True, True), (96, False, True), (101, True, False), (96, False, False)],
    ids=["plain", "type 96", "lost marker", "lost ends", "lost both"],
)
async def test_keys(tmp_path: Path, event_type: int, marker: bool, ends: bool) -> None:
    """Every key counts once, whatever payload type was offered and whichever packets are lost."""
    write_keys(tmp_path / "keys.pcap", "55512 *0#", event_type=event_type, marker=marker, ends=ends)
    media = await Media.start()
    try:
        async with serving(media=media) as server:
            running = asyncio.create_task(
                sipp.run("keys", server.endpoint.address, tmp_path, event_type=str(event_type))
            )
            await eventually(lambda: "#" in pressed(server) or running.done(), 20)
            server.legs[0].hang_up()
            await running
            assert pressed(server) == "55512*0#"
    finally:
        await media.close()
