"""Connections: whom the server lets in, and what it does with those who misbehave."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import Any

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ivr.live import connection, server
from ivr.live.connection import parse
from ivr.live.context import Context
from ivr.live.networks import network_of
from tests.live.conftest import Page, serving


async def heard(page: Page) -> AsyncIterator[str | bytes]:
    """What still comes until the connection ends, whatever ends it."""
    with suppress(ConnectionClosed):
        while True:
            yield await page.socket.recv()


async def closed(page: Page) -> tuple[int, str]:
    """How the server ended the connection."""
    async for _ in heard(page):
        pass
    assert page.socket.close_code is not None
    return page.socket.close_code, page.socket.close_reason or ""


@pytest.mark.parametrize("path", ["/desk", "/live/desk", "/desk?x=1"])
async def test_events_reach_the_page_in_order(context: Context, path: str) -> None:
    async with serving(context) as live, live.socket(path) as page:
        before = live.events.publish("floor", "figures", {"n": 0})
        await page.say("hello", id="h", ticket=live.ticket("ada", "floor", "agent:ada"))
        welcome = await page.hear()
        assert welcome == {
            "id": "h", "kind": "welcome", "topic": "", "data": {"after": {"floor": before, "agent:ada": "0-0"}},
        }  # fmt: skip
        ids = [live.events.publish("floor", "figures", {"n": n}) for n in range(1, 20)]
        live.events.publish("agent:eve", "offer", {})
        heard = [await page.hear() for _ in ids]
        assert [message["id"] for message in heard] == ids
        assert heard[0] == {"id": ids[0], "kind": "figures", "topic": "floor", "data": {"n": 1}}


async def test_who_comes_back_misses_nothing_and_hears_nothing_twice(context: Context) -> None:
    async with serving(context) as live:
        async with live.desk("floor") as page:
            live.events.publish("floor", "figures", {"n": 0})
            seen = (await page.hear("figures"))["id"]
        away = [live.events.publish("floor", "figures", {"n": n}) for n in range(1, 4)]
        async with live.desk("floor", after={"floor": seen}) as page:
            later = live.events.publish("floor", "figures", {"n": 4})
            assert [(await page.hear())["id"] for _ in range(4)] == [*away, later]


async def test_what_is_gone_is_told(context: Context) -> None:
    async with serving(context) as live, live.desk("floor", after={"floor": "5-1"}) as page:
        assert (await page.hear())["kind"] == "reload"


async def test_a_page_follows_more_and_less(context: Context) -> None:
    async with serving(context) as live, live.desk("floor") as page:
        await page.say("follow", id="f", ticket=live.ticket("ada", "contact:1"), after={"contact:1": "0-0"})
        assert (await page.hear())["kind"] == "following"
        live.events.publish("contact:1", "message", {})
        assert (await page.hear())["topic"] == "contact:1"
        await page.say("unfollow", topic="contact:1")
        await page.say("ping", id="p")
        assert (await page.hear("pong"))["id"] == "p"
        live.events.publish("contact:1", "message", {})
        live.events.publish("floor", "figures", {})
        assert (await page.hear())["topic"] == "floor"


async def test_events_reach_many_pages(context: Context) -> None:
    async with serving(context) as live, live.desk("floor") as one, live.desk("floor", subject="bob") as other:
        live.events.publish("floor", "figures", {"n": 1})
        assert (await one.hear())["data"] == (await other.hear())["data"] == {"n": 1}


@pytest.mark.parametrize(
    "origin",
    [None, "https://evil.example", "http://voice.example.com", "https://voice.example.com.evil.example", "null"],
)
async def test_another_sites_page_is_refused(context: Context, origin: str | None) -> None:
    async with serving(context) as live:
        with pytest.raises(InvalidStatus) as error:
            async with live.socket(origin=origin):
                pass
        assert error.value.response.status_code == 403


async def test_two_origins_are_refused(context: Context) -> None:
    async with serving(context) as live:
        with pytest.raises(InvalidStatus) as error:
            async with live.socket(additional_headers={"Origin": "https://evil.example"}):
                pass
        assert error.value.response.status_code == 403


async def test_this_machine_has_several_names(context: Context) -> None:
    local = replace(context, settings=context.settings.model_copy(update={"public_base_url": "", "port": 8080}))
    async with serving(local) as live:
        for host in ("127.0.0.1", "localhost", "[::1]"):
            async with live.socket(origin=f"http://{host}:8080"):
                pass
        with pytest.raises(InvalidStatus):
            async with live.socket(origin="http://localhost:8081"):
                pass


@pytest.mark.parametrize("path", ["/", "/nothing", "/desk/x", "/../desk", "/live", "/" + "x" * 4000])
async def test_no_such_path(context: Context, path: str) -> None:
    async with serving(context) as live:
        with pytest.raises(InvalidStatus) as error:
            async with live.socket(path):
                pass
        assert error.value.response.status_code == 404


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"kind": "hello"}, "it isn't ours"),
        ({"kind": "hello", "ticket": "x" * 9000}, "it is too long"),
        ({"kind": "hello", "ticket": ["x"]}, "it isn't ours"),
        ({"kind": "ping"}, "say hello"),
        ({"kind": 5}, "an object with a kind"),
        ([1], "an object with a kind"),
        ("hello", "an object with a kind"),
    ],
)
async def test_no_ticket_no_entry(context: Context, said: object, why: str) -> None:
    async with serving(context) as live, live.socket() as page:
        await page.socket.send(json.dumps(said))
        code, reason = await closed(page)
        assert code == 1008
        assert why in reason


@pytest.mark.parametrize("raw", ["", "{", "[" * 20_000, b"\x00", '{"kind":"hello","after":{"floor":"$"}}', "\ud83d"])
async def test_junk(context: Context, raw: str | bytes) -> None:
    async with serving(context) as live, live.socket() as page:
        await page.socket.send(raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw, text=True)
        assert (await closed(page))[0] in (1007, 1008)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (r'{"kind": "x", "text": "cut \ud83d"}', "cut ?"),
        (r'{"kind": "x", "text": "whole \ud83d\ude00"}', "whole \U0001f600"),
        (r'{"kind": "x", "text": "said \\ud83d"}', r"said \ud83d"),
    ],
)
def test_half_an_emoji_ends_no_connection(raw: str, text: str) -> None:
    """A page may cut one in two (JavaScript counts its halves), and no database stores a half."""
    assert parse(raw)["text"] == text


@pytest.mark.parametrize("after", [{"floor": "$"}, {"floor": "9" * 30 + "-1"}, {"floor": None}, [], "0-0"])
async def test_a_wrong_place_to_resume_at(context: Context, after: object) -> None:
    async with serving(context) as live, live.socket() as page:
        await page.say("hello", ticket=live.ticket("ada", "floor"), after=after)
        assert (await closed(page))[0] == 1008


async def test_a_ticket_for_something_else(context: Context) -> None:
    async with serving(context) as live, live.socket() as page:
        await page.say("hello", ticket=live.ticket("ada", "floor", purpose="chat"))
        assert await closed(page) == (1008, "it isn't ours")


async def test_somebody_elses_ticket(context: Context) -> None:
    async with serving(context) as live, live.desk("floor") as page:
        await page.say("follow", ticket=live.ticket("eve", "contact:1"))
        assert await closed(page) == (1008, "it is somebody else's")


async def test_topics_that_no_ticket_names_are_not_followed(context: Context) -> None:
    async with serving(context) as live, live.desk("floor", after={"agent:eve": "0-0", "x y": "0-0"}) as page:
        live.events.publish("agent:eve", "offer", {})
        live.events.publish("floor", "figures", {})
        assert (await page.hear())["topic"] == "floor"


async def test_a_page_that_says_nothing_is_let_go(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HELLO_SECONDS", 0.01)
    async with serving(context) as live, live.socket() as page:
        assert await closed(page) == (1008, "no ticket came")


async def test_a_message_that_is_too_long(context: Context) -> None:
    async with serving(context) as live, live.desk("floor") as page:
        await page.say("ping", id="x" * server.MAX_MESSAGE)
        assert (await closed(page))[0] == 1009


async def test_an_unknown_kind_is_refused_and_the_page_goes_on(context: Context) -> None:
    async with serving(context) as live, live.desk("floor") as page:
        await page.say("shout", id="7")
        assert await page.hear() == {"id": "7", "kind": "error", "topic": "", "data": {"reason": "unknown_kind"}}
        await page.say("ping", id="8")
        assert (await page.hear("pong"))["id"] == "8"


async def test_connections_of_one_subject_are_limited(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PER_SUBJECT", 2)
    async with serving(context) as live, live.desk("floor"):
        async with live.desk("floor"), live.socket() as third:
            await third.say("hello", ticket=live.ticket("ada", "floor"))
            assert await closed(third) == (1008, "too many connections")
        async with live.desk("floor", subject="bob"):
            pass


async def test_a_full_server_says_when_to_come_back(context: Context) -> None:
    full = replace(context, settings=context.settings.model_copy(update={"live_connections": 1}))
    async with serving(full) as live, live.desk("floor"):
        with pytest.raises(InvalidStatus) as error:
            async with live.socket():
                pass
        assert error.value.response.status_code == 503
        assert error.value.response.headers["Retry-After"]


async def test_a_talkative_page_waits_and_others_do_not(context: Context) -> None:
    async with serving(context) as live, live.desk("floor") as flood, live.desk("floor", subject="bob") as calm:
        for n in range(31):
            await flood.say("ping", id=str(n))
        await calm.say("ping", id="calm")
        assert (await calm.hear("pong"))["id"] == "calm"
        assert [(await flood.hear("pong"))["id"] for _ in range(31)] == [str(n) for n in range(31)]


def test_what_a_bucket_has_is_taken_at_once_and_more_is_waited_for() -> None:
    bucket = connection.TokenBucket(0.001, 30.0)  # so slowly that a machine that sticks fills it with nothing
    assert [bucket.take() for _ in range(30)] == [0.0] * 30
    assert 900 < bucket.take() <= 1000


async def test_a_slow_page_is_cut_off_and_resumes(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "WAITING", 3)
    words = "x" * 60_000
    async with serving(context) as live:
        async with live.socket(max_queue=1) as page:
            await page.say("hello", ticket=live.ticket("ada", "floor"))
            assert (await page.hear())["kind"] == "welcome"
            # Now it reads nothing: what is sent fills the network's buffers, then what waits for it.
            ids = [await context.thread(live.events.publish, "floor", "figures", {"text": words}) for _ in range(300)]
            got = [json.loads(message)["id"] async for message in heard(page)]
            assert page.socket.close_code in (connection.SLOW, 1006)  # its buffers are full: the reason may not fit
            assert got == ids[: len(got)]
            assert len(got) < len(ids)
        monkeypatch.setattr(connection, "WAITING", 1000)
        async with live.desk("floor", after={"floor": got[-1]}) as page:
            assert [(await page.hear())["id"] for _ in range(len(ids) - len(got))] == ids[len(got) :]


async def test_on_a_stop_pages_are_told_to_connect_again(context: Context) -> None:
    async with AsyncExitStack() as pages:
        async with serving(context) as live:
            page = await pages.enter_async_context(live.desk("floor"))
            silent = await pages.enter_async_context(live.socket())
            ends = [asyncio.create_task(closed(page)), asyncio.create_task(closed(silent))]
        assert await asyncio.gather(*ends) == [(1012, "restarting: connect again")] * 2


async def test_health_and_metrics(context: Context) -> None:
    def get(url: str) -> tuple[int, str]:
        with urllib.request.urlopen(url.replace("ws:", "http:")) as response:
            return response.status, response.read().decode()

    async with serving(context) as live, live.desk("floor"):
        assert await context.thread(get, live.url + "/healthz") == (200, "OK\n")
        status, text = await context.thread(get, live.url + "/metrics")
        assert status == 200
        assert 'callwright_live_connections{path="desk"} 1.0' in text
        with pytest.raises(urllib.error.HTTPError, match="403"):
            await context.thread(get, live.url + "/desk")


async def test_one_network_does_not_keep_all_others_out(context: Context) -> None:
    """A quarter of the connections is a network's, and free again once its pages are gone."""
    settings = context.settings.model_copy(update={"live_connections": 8, "proxies": 1})

    def behind(address: str) -> dict[str, Any]:
        return {"additional_headers": {"X-Forwarded-For": f"198.51.100.9, {address}"}}

    async with serving(replace(context, settings=settings)) as live:
        async with live.socket(**behind("192.0.2.1")), live.socket(**behind("192.0.2.1")):
            with pytest.raises(InvalidStatus) as error:
                async with live.socket(**behind("192.0.2.1")):
                    pass
            assert error.value.response.status_code == 503
            async with live.socket(**behind("192.0.2.2")):
                pass
        async with asyncio.timeout(20):
            while True:
                try:
                    async with live.socket(**behind("192.0.2.1")):
                        return
                except InvalidStatus:
                    await asyncio.sleep(0.01)


def test_networks() -> None:
    forwarded = Headers()
    forwarded["X-Forwarded-For"] = "203.0.113.5, 2001:db8:0:aa01::7"
    forwarded["X-Forwarded-For"] = "192.0.2.8"
    assert network_of("198.51.100.1", forwarded, 0) == "198.51.100.1/32"
    assert network_of("::ffff:198.51.100.1", Headers(), 0) == "198.51.100.1/32"
    assert network_of("198.51.100.1", forwarded, 1) == "192.0.2.8/32"
    assert network_of("198.51.100.1", forwarded, 2) == "2001:db8:0:aa00::/56"
    for peer, headers, proxies in (("127.0.0.1", forwarded, 0), ("", forwarded, 0), ("10.0.0.1", Headers(), 1)):
        assert network_of(peer, headers, proxies) == ""
