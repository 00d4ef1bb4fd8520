"""Redis goes away and comes back; nothing is missed."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from callcenter.live import BEGINNING, Live, LiveEvent
from ivr import embedded
from ivr.live.hub import RELOAD, Hub


class Listener:
    def __init__(self) -> None:
        self.queue: asyncio.Queue[LiveEvent] = asyncio.Queue()

    def __call__(self, event: LiveEvent) -> None:
        self.queue.put_nowait(event)

    async def kinds(self, count: int) -> list[str]:
        return [(await self.queue.get()).kind for _ in range(count)]


@asynccontextmanager
async def valkey(folder: Path) -> AsyncIterator[None]:
    process = subprocess.Popen(embedded.server_command(folder))  # noqa: ASYNC220
    try:
        await asyncio.to_thread(embedded.wait_until_up, embedded.server_url(folder))
        yield
    finally:
        process.kill()
        process.wait()


async def published(live: Live, topic: str, kind: str) -> str:
    while True:  # it stays quiet for a while after Redis was away
        id = await asyncio.to_thread(live.publish, topic, kind, {})
        if id is not None:
            return id
        await asyncio.sleep(0.1)


async def test_what_happened_while_redis_restarted_is_told_once(tmp_path: Path) -> None:
    live, hub, heard = Live(embedded.server_url(tmp_path)), Hub(embedded.server_url(tmp_path)), Listener()
    async with hub.running():
        async with valkey(tmp_path):
            await hub.connected()
            await hub.join("floor", heard)
            await published(live, "floor", "one")
            assert await heard.kinds(1) == ["one"]
        await heard_down(hub)
        async with valkey(tmp_path):
            await published(live, "floor", "two")
            await published(live, "floor", "three")
            assert await heard.kinds(2) == ["two", "three"]
            await hub.connected()
            await published(live, "floor", "four")
            assert await heard.kinds(1) == ["four"]
            assert heard.queue.empty()
    live.close()


async def heard_down(hub: Hub) -> None:
    while hub.up:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_who_joins_while_redis_is_away_is_told_to_read_again(tmp_path: Path) -> None:
    live, hub, heard = Live(embedded.server_url(tmp_path)), Hub(embedded.server_url(tmp_path)), Listener()
    async with hub.running():
        following = await hub.join("floor", heard)
        assert following.after is None
        async with valkey(tmp_path):
            assert await heard.kinds(1) == [RELOAD]
            await published(live, "floor", "one")
            assert await heard.kinds(1) == ["one"]
    live.close()


async def test_a_redis_that_forgot_everything_is_noticed(tmp_path: Path) -> None:
    live, hub, heard = Live(embedded.server_url(tmp_path)), Hub(embedded.server_url(tmp_path)), Listener()
    async with hub.running():
        async with valkey(tmp_path):
            await hub.connected()
            await hub.join("floor", heard)
            await published(live, "floor", "one")
            assert await heard.kinds(1) == ["one"]
        for path in (tmp_path / "valkey").rglob("*.aof"):
            path.unlink()
        for path in (tmp_path / "valkey" / "appendonlydir").glob("*"):
            path.unlink()
        async with valkey(tmp_path):
            assert await heard.kinds(1) == [RELOAD]
            await published(live, "floor", "two")
            assert await heard.kinds(1) == ["two"]
    live.close()


async def test_it_ends_though_a_cancellation_is_taken_for_something_else(redis_url: str) -> None:
    class Deaf(Hub):
        async def _run(self) -> None:
            with contextlib.suppress(asyncio.CancelledError):  # as redis-py may, when its own time limit is over too
                await super()._run()
            await super()._run()

    hub = Deaf(redis_url)
    async with asyncio.timeout(20), hub.running():
        await hub.connected()


async def test_many_topics_come_and_go(redis_url: str) -> None:
    live, hub = Live(redis_url), Hub(redis_url)
    listeners = {f"contact:{n}": Listener() for n in range(450)}  # more than one batch
    async with hub.running():
        await hub.connected()
        followings = await asyncio.gather(*(hub.join(topic, one) for topic, one in listeners.items()))
        for topic in listeners:
            live.publish(topic, "message", {})
        for one in listeners.values():
            assert await one.kinds(1) == ["message"]
        await asyncio.gather(*(hub.leave(following) for following in followings[1:]))
        for topic in listeners:
            live.publish(topic, "message", {})
        assert await listeners["contact:0"].kinds(1) == ["message"]
        assert all(one.queue.empty() for one in listeners.values())
        late = Listener()
        await hub.join("contact:7", late, BEGINNING)
        assert await late.kinds(2) == ["message"] * 2
    live.close()


async def test_joining_while_events_come_misses_and_doubles_none(redis_url: str) -> None:
    live, hub = Live(redis_url), Hub(redis_url)
    async with hub.running():
        await hub.connected()
        first = live.publish("floor", "n", {"n": 0})
        publishing = asyncio.create_task(
            asyncio.to_thread(lambda: [live.publish("floor", "n", {"n": n}) for n in range(1, 400)])
        )
        listeners = [Listener() for _ in range(30)]
        for one in listeners:
            await hub.join("floor", one, first)
        ids = await publishing
        for one in listeners:
            assert [(await one.queue.get()).id for _ in ids] == ids
            assert one.queue.empty()
    live.close()
