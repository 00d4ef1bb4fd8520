"""Requests that are no call, or ask for what there is not: each gets the answer that its RFC has for it."""

from __future__ import annotations

import pytest

from tests.channels.sip.server import calling

pytestmark = pytest.mark.sip


@pytest.mark.parametrize(
    ("extra", "status", "header"),
    [
        ("Require: 100rel, timer", 420, "unsupported"),
        ("Content-Encoding: gzip", 415, "accept-encoding"),
        ("Session-Expires: 20\nSupported: timer", 422, "min-se"),
    ],
)
async def test_what_an_invite_may_not_ask_for(extra: str, status: int, header: str) -> None:
    async with calling() as (server, client):
        answer = await client.call(extra=extra)
        assert answer.status == status
        assert answer[header]
        assert not server.legs


async def test_a_body_that_is_no_sdp_is_415() -> None:
    async with calling() as (_, client):
        answer = await client.call("hello", kind="text/plain")
        assert (answer.status, answer["accept"]) == (415, "application/sdp")


@pytest.mark.parametrize("method", ["MESSAGE", "SUBSCRIBE", "PUBLISH", "REGISTER", "PRACK", "NEWMETHOD"])
async def test_unknown_methods_are_405_with_allow(method: str) -> None:
    async with calling() as (_, client):
        answer = await client.ask(method)
        assert answer.status == 405
        assert "INVITE" in answer["allow"]


@pytest.mark.parametrize("method", ["BYE", "INFO", "UPDATE", "NOTIFY", "INVITE", "REFER", "OPTIONS"])
async def test_an_unknown_dialog_is_481(method: str) -> None:
    async with calling() as (server, client):
        assert (await client.ask(method, to_tag="nobody")).status == 481
        assert not server.legs


async def test_options_outside_a_call() -> None:
    async with calling() as (_, client):
        answer = await client.ask("OPTIONS")
        assert (answer.status, answer["accept"]) == (200, "application/sdp")
        assert "BYE" in answer["allow"]


async def test_refer_is_declined() -> None:
    async with calling() as (server, client):
        assert (await client.ask("REFER", extra="Refer-To: <sip:900@premium.example>")).status == 603
        await client.call()
        assert (await client.ask("REFER", extra="Refer-To: <sip:900@premium.example>")).status == 603
        await client.bye()
        await server.quiet()


async def test_max_forwards_0_has_arrived_all_the_same() -> None:
    async with calling() as (_, client):
        client.send(client.request("OPTIONS").replace(b"Max-Forwards: 70", b"Max-Forwards: 0"))
        assert (await client.final("OPTIONS")).status == 200


async def test_answers_go_where_the_request_came_from() -> None:
    async with calling() as (_, client):
        client.send(client.request("OPTIONS", via="SIP/2.0/UDP 192.0.2.9:7777;branch=z9hG4bKx;rport"))
        answer = await client.final("OPTIONS")
        assert f"rport={client.port}" in answer["via"]
        assert "received=127.0.0.1" in answer["via"]
