"""docs/examples/kamailio.cfg as it is printed, with the addresses of the test: calls through a record-routing proxy."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ivr.channels.leg import HungUp
from tests.channels.sip import sipp
from tests.channels.sip.raw_client import Message, RawClient
from tests.channels.sip.server import Server, serving
from tests.tools import need

pytestmark = pytest.mark.sip

CONFIG = Path(__file__).parents[3] / "docs/examples/kamailio.cfg"


@asynccontextmanager
async def proxy(folder: Path, *servers: tuple[str, int]) -> AsyncIterator[RawClient]:
    """Kamailio before these servers, in their order, and a provider that calls through it."""
    kamailio = need("kamailio", "kamailio")
    port = sipp.free_port()
    members = [f"1 sip:{host}:{member}\n" for host, member in servers] + ["2 sip:127.0.0.1:5060\n"]
    (folder / "dispatcher.list").write_text("".join(members))
    text = CONFIG.read_text()
    for was, now in {
        "udp:10.0.0.10:5060": f"udp:127.0.0.1:{port}",
        "/etc/kamailio/dispatcher.list": str(folder / "dispatcher.list"),
        "children=4": "children=1",
    }.items():
        assert was in text
        text = text.replace(was, now)
    (folder / "kamailio.cfg").write_text(text)
    client = await RawClient.open(("127.0.0.1", port))
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(kamailio, "-DD", "-E", "-f", str(folder / "kamailio.cfg"), "-m", "16", "-M", "4", "-Y", str(folder)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
    try:
        await up(client, process, (folder / "log").read_text)
        yield client
    finally:
        client.close()
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def up(client: RawClient, process: asyncio.subprocess.Process, log: Callable[[], str]) -> None:
    """Wait for its first answer: 405 to an OPTIONS from outside a dialog."""
    async with asyncio.timeout(20):
        while True:
            assert process.returncode is None, log()
            client.renew()
            client.send(client.request("OPTIONS"))
            try:
                answer = await client.next(0.2)
            except TimeoutError:
                continue
            assert answer.status == 405
            break
    client.renew()


def route(answer: Message) -> str:
    return f"Route: {answer['record-route']}"


async def call(client: RawClient) -> Message:
    """A call through the proxy, its ACK by the route that was recorded."""
    client.send(client.invite())
    answer = await client.final("INVITE")
    assert answer.status == 200
    assert answer["record-route"].startswith(f"<sip:127.0.0.1:{client.server[1]};lr")
    client.took(answer)
    client.send(client.request("ACK", cseq=1, extra=route(answer)))
    return answer


async def test_the_recorded_route_is_taken_by_our_bye(tmp_path: Path) -> None:
    async with serving() as server, proxy(tmp_path, server.endpoint.address) as client:
        await call(client)
        await acknowledged(server)
        server.legs[0].hang_up()
        bye = await client.asked("BYE")
        assert len(bye.all("via")) == 2, "it did not come through the proxy"
        client.answer(bye, 200)
        assert await server.over() == HungUp("us")
        await server.quiet()


async def test_the_peers_requests_come_through_it(tmp_path: Path) -> None:
    async with serving() as server, proxy(tmp_path, server.endpoint.address) as client:
        answer = await call(client)
        await acknowledged(server)
        held = await client.ask("INVITE", client.sdp(direction="sendonly"), extra=route(answer))
        assert "a=recvonly" in held.body
        client.send(client.request("ACK", extra=route(answer)))
        assert (await client.ask("BYE", extra=route(answer))).status == 200
        assert await server.over() == HungUp("peer")
        await server.quiet()


async def test_a_server_that_drains_is_passed_over(tmp_path: Path) -> None:
    async with serving() as draining, serving() as server:
        await draining.endpoint.drain(0)
        async with proxy(tmp_path, draining.endpoint.address, server.endpoint.address) as client:
            answers = []
            for _ in range(2):
                answers.append(await call(client))
                await client.ask("BYE", extra=route(answers[-1]))
                client.renew()
            assert not draining.legs
            assert len(server.legs) == 2
        await server.quiet()


async def acknowledged(server: Server) -> None:
    async with asyncio.timeout(20):
        while server.legs[-1].being_invited:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
