"""What a browser does for a page of the desk, without drawing it: pages, their scripts, the live socket, and what
`static/work.js`, `inbox.js` and `floor.js` ask for after events and now and then. Their intervals are read from them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from callcenter.desk.core import STATIC
from callcenter.live import order

ASSET = re.compile(r'(?:src|href)="(/desk/static/[^"]+)"')
IMPORT = re.compile(r'from "\./([a-z]+\.js)"')
CONNECTIONS = 6
"""To one host at once, as browsers have them over HTTP/1.1."""


def interval(script: str, name: str) -> float:
    """A constant of a script, in seconds."""
    found = re.search(rf"const {name} = ([\d_]+)", (STATIC / script).read_text())
    assert found, f"{script} has no {name}"
    return int(found[1]) / 1000


@dataclass
class Measured:
    """Seconds, by what took them."""

    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    requests: int = 0
    failed: int = 0

    def clear(self) -> None:
        self.took.clear()
        self.requests = self.failed = 0


class Browser:
    def __init__(self, base: str, token: str, measured: Measured) -> None:
        self.base, self.measured = base, measured
        self.http = aiohttp.ClientSession(
            cookies={"cw_session": token},
            connector=aiohttp.TCPConnector(limit_per_host=CONNECTIONS),
            cookie_jar=aiohttp.CookieJar(unsafe=True),
        )
        self.csrf = ""
        self._cached: set[str] = set()
        self.tasks: list[asyncio.Task[None]] = []

    async def get(self, path: str, what: str = "", accept: str = "text/html") -> str:
        return await self._ask("GET", path, what, headers={"Accept": accept})

    async def post(self, path: str, body: dict[str, Any], what: str = "") -> Any:
        headers = {"Accept": "application/json", "X-CSRF-Token": self.csrf, "Origin": self.base}
        return json.loads(await self._ask("POST", path, what, headers=headers, json=body))

    async def _ask(self, method: str, path: str, what: str, **options: Any) -> str:
        begun = time.perf_counter()
        self.measured.requests += 1
        try:
            async with self.http.request(method, self.base + path, **options) as response:
                text = await response.text()
                if response.status != 200:
                    raise RuntimeError(f"{method} {path}: {response.status} {text[:200]}")
        except (aiohttp.ClientError, RuntimeError):
            self.measured.failed += 1
            raise
        if what:
            self.measured.took[what].append(time.perf_counter() - begun)
        return text

    async def load(self, path: str) -> str:
        """A page with all that it needs and that isn't in the cache."""
        page = await self.get(path)
        if found := re.search(r'name="csrf" content="([^"]+)"', page):
            self.csrf = found[1]
        await self._assets(set(ASSET.findall(page)))
        return page

    async def _assets(self, paths: set[str]) -> None:
        missing = paths - self._cached
        self._cached |= missing
        texts = await asyncio.gather(*(self.get(path) for path in missing))
        further = {
            f"{path.rpartition('/')[0]}/{name}"
            for path, text in zip(missing, texts, strict=True) if path.endswith(".js") for name in IMPORT.findall(text)
        }  # fmt: skip
        if further - self._cached:
            await self._assets(further)

    async def follow(self, heard: Any, ticket: str = "/desk/ticket", **wanted: Any) -> None:
        """The live socket of a page, by a ticket from that address; each event is given to `heard`."""
        given = await self.post(ticket, wanted)
        socket = await self.http.ws_connect(f"{given['url']}/desk", origin=self.base, compress=0)
        await socket.send_json({"id": "hello", "kind": "hello", "ticket": given["ticket"], "after": {}})
        welcomed = asyncio.Event()

        async def hear() -> None:
            async for message in socket:
                event = json.loads(message.data)
                if event["kind"] == "welcome":
                    welcomed.set()
                elif event["topic"] and event["id"]:
                    self.measured.took["event"].append(time.time() - order(event["id"])[0] / 1000)
                    heard(event)

        self.tasks.append(asyncio.create_task(hear()))
        await welcomed.wait()

    async def every(self, seconds: float, work: Any) -> None:
        await asyncio.sleep(random.random() * seconds)
        while True:
            work()
            await asyncio.sleep(seconds)

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.http.close()


class Once:
    """Work that is done again after what is under way and `gap` seconds, however often it is asked for meanwhile."""

    def __init__(self, work: Any, gap: float = 0.0) -> None:
        self._work, self._gap, self._again, self._stopped = work, gap, False, False
        self._at = float("-inf")
        self._task: asyncio.Task[None] | None = None

    def __call__(self, _event: Any = None) -> None:
        self._again = True
        if not self._stopped and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        self._stopped = True
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while self._again:
            await asyncio.sleep(max(0.0, self._at + self._gap - time.monotonic()))
            self._again = False
            self._at = time.monotonic()
            with contextlib.suppress(aiohttp.ClientError, RuntimeError):  # counted; asked again another time
                await self._work()
