"""An agent's browser, and a supervisor's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any

import aiohttp

from bench.desk.browser import Browser, Measured, Once, interval

POLL_WORK, POLL_INBOX = interval("work.js", "POLL"), interval("inbox.js", "POLL")
GAP_WORK, GAP_INBOX = interval("work.js", "GAP"), interval("inbox.js", "GAP")
LOOK_FLOOR, SOON_FLOOR = interval("floor.js", "LOOK"), interval("floor.js", "SOON")
AGAIN = 0.7
"""After an event work.js looks twice."""
THINKS, TALKS = 1.0, 6.0
"""Seconds from an offer to its acceptance, and to the end of the conversation."""


class Agent:
    """The page Work with the inbox in its frame: two sockets. Takes what is offered, and is done with it."""

    def __init__(self, base: str, token: str, measured: Measured) -> None:
        self.browser, self.measured = Browser(base, token, measured), measured
        self._seen: set[str] = set()
        self._look = Once(self._read, GAP_WORK)
        self._list = Once(lambda: self.browser.get("/desk/inbox/list", "inbox list"), GAP_INBOX)
        self._asked, self._calm, self._offers = 0.0, POLL_WORK, 0
        self._later: asyncio.TimerHandle | None = None
        self._busy: set[asyncio.Task[None]] = set()
        self.served = 0

    async def open(self) -> None:
        begun = time.perf_counter()
        browser = self.browser
        await browser.load("/desk/work")
        await browser.load("/desk/")
        await self._read()
        await browser.follow(self._heard)
        await browser.follow(self._list)
        self.measured.took["open Work"].append(time.perf_counter() - begun)
        await browser.post("/desk/agent/presence", {"presence": "available", "reason": ""})
        browser.tasks += [
            asyncio.create_task(browser.every(1.0, self._now_and_then)),
            asyncio.create_task(browser.every(POLL_INBOX, self._list)),
        ]

    def _now_and_then(self) -> None:
        if time.monotonic() - self._asked >= (POLL_WORK if self._offers else self._calm):
            self._look()

    def _heard(self, _event: Any = None) -> None:
        if self._later is not None:
            self._later.cancel()
        self._later = asyncio.get_running_loop().call_later(AGAIN, self._look)
        self._look()

    async def _read(self) -> None:
        self._asked = time.monotonic()
        status = json.loads(await self.browser.get("/desk/agent", "status", accept="application/json"))
        self._calm, self._offers = status["again"], len(status["offers"])
        for offer in status["offers"]:
            if offer["state"] == "offered" and offer["id"] not in self._seen:
                self._seen.add(offer["id"])
                await self.browser.get(f"/desk/offers/{offer['id']}/card", "card")
                self.measured.took["offer shown"].append(time.time() - offer["made_at"])
                task = asyncio.create_task(self._serve(offer["id"]))
                self._busy.add(task)
                task.add_done_callback(self._busy.discard)

    async def _serve(self, offer: str) -> None:
        with contextlib.suppress(aiohttp.ClientError, RuntimeError):  # it is counted, and the chat isn't done with
            await self._take(offer)

    async def _take(self, offer: str) -> None:
        await asyncio.sleep(THINKS)
        told = await self.browser.post(f"/desk/offers/{offer}/accept", {}, "accept")
        self._heard()
        await self.browser.load(told["go"])  # in the frame
        await asyncio.sleep(TALKS)
        await self.browser.post(f"/desk/offers/{offer}/done", {"code": "solved", "note": ""}, "done")
        self._heard()
        self.served += 1

    async def close(self) -> None:
        self._look.stop()
        self._list.stop()
        for task in self._busy:
            task.cancel()
        await self.browser.close()


class Supervisor:
    """The floor."""

    def __init__(self, base: str, token: str, measured: Measured) -> None:
        self.browser, self.measured = Browser(base, token, measured), measured
        self._look = Once(self._read)
        self._due = False
        self._asked = 0.0

    async def open(self) -> None:
        begun = time.perf_counter()
        await self.browser.load("/desk/floor")
        await self._read()
        await self.browser.follow(self._heard, "/desk/floor/ticket")
        self.measured.took["open Floor"].append(time.perf_counter() - begun)
        self.browser.tasks.append(asyncio.create_task(self.browser.every(LOOK_FLOOR / 7, self._now_and_then)))

    def _now_and_then(self) -> None:
        if time.monotonic() - self._asked >= LOOK_FLOOR:
            self._look()

    async def _read(self) -> None:
        self._asked = time.monotonic()
        await self.browser.get("/desk/floor/state", "floor state", accept="application/json")

    def _heard(self, event: Any) -> None:
        if event["topic"] == "floor" and not self._due:
            self._due = True
            asyncio.get_running_loop().call_later(SOON_FLOOR, self._now)

    def _now(self) -> None:
        self._due = False
        self._look()

    async def close(self) -> None:
        self._look.stop()
        await self.browser.close()
