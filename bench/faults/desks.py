"""Agents: a telephone that answers, and the page Work of the desk, which takes what is written and is done with it.

A desk acts on what the status says, whatever it did before: an answer that was lost is asked for again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import aiohttp
from sqlalchemy.engine import Engine

from bench.faults.line import SAMPLES, SILENCE, TICK, Leg
from bench.faults.voices import frame, speaker
from callcenter.desk import sessions, users
from ivr.settings import Settings
from ivr.web.desk import config

LOOKS = 1.0
"""Seconds between two looks at the status."""
NOBODY = 40.0
"""Seconds after which an agent hangs up who hears no customer."""


class Agent:
    """`talked` counts by customer."""

    def __init__(self, name: str, base: str, token: str, chance: random.Random) -> None:
        self.name, self.base, self.chance = name, base, chance
        self.talked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.status: dict[str, Any] = {}
        self._http = aiohttp.ClientSession(
            cookies={"cw_session": token}, cookie_jar=aiohttp.CookieJar(unsafe=True),
            timeout=aiohttp.ClientTimeout(total=30),
        )  # fmt: skip
        self._csrf = ""

    # The telephone

    async def rings(self, leg: Leg) -> None:
        """Answer, say who it is until somebody has been heard for a moment, and hang up."""
        leg.ring()
        await asyncio.sleep(self.chance.uniform(0, 0.3))
        if leg.ended.is_set():
            return
        leg.answer()
        said, loop = frame(self.name), asyncio.get_running_loop()
        heard_at = began = loop.time()
        ends = 0.0
        customer = ""
        while not leg.ended.is_set():
            leg.audio(said, samples=SAMPLES)
            for sound in leg.arrived():
                heard_at = loop.time()
                who = speaker(sound)
                if who and not customer:
                    customer, ends = who, loop.time() + self.chance.uniform(0.8, 2.5)
                    self.talked[who] += 1
            now = loop.time()
            if (ends and now > ends) or now - heard_at > SILENCE or (not ends and now - began > NOBODY):
                break
            await asyncio.sleep(TICK)
        await leg.bye()

    # The desk

    async def work(self) -> None:
        """Until cancelled."""
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                await self._look()
            await asyncio.sleep(LOOKS * self.chance.uniform(0.8, 1.2))

    async def _look(self) -> None:
        if not self._csrf:
            page = await self._ask("GET", "/desk/work", "text/html")
            if not (found := re.search(r'name="csrf" content="([^"]+)"', page)):
                raise aiohttp.ClientError("the desk's page has no token")
            self._csrf = found[1]
        status = self.status = json.loads(await self._ask("GET", "/desk/agent"))
        if status["presence"] != "available":
            await self._post("/desk/agent/presence", {"presence": "available", "reason": ""})
        for offer in status["offers"]:
            if offer["medium"] != "voice":
                with contextlib.suppress(aiohttp.ClientResponseError):  # it is over
                    await self._serve(offer)

    async def _serve(self, offer: dict[str, Any]) -> None:
        at = f"/desk/offers/{offer['id']}"
        if offer["state"] == "offered":
            await self._post(f"{at}/accept", {})
        if offer["state"] in ("offered", "accepted", "connected"):
            said = {"text": f"Answer {offer['id']} by {self.name}", "key": offer["id"]}
            thread = f"/desk/contacts/{offer['contact']}"
            try:
                await self._post(f"{thread}/reply", said)
            except aiohttp.ClientResponseError:  # accepted, but the answer was lost: the page shows "Take over"
                await self._post(f"{thread}/take", {})
                await self._post(f"{thread}/reply", said)
            self.answered[offer["contact"]] += 1
        await self._post(f"{at}/done", {"code": "", "note": ""})

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        await self._ask("POST", path, json=body)

    async def _ask(self, method: str, path: str, accept: str = "application/json", **options: Any) -> str:
        headers = {"Accept": accept, "X-CSRF-Token": self._csrf, "Origin": self.base}
        async with self._http.request(method, self.base + path, headers=headers, **options) as answer:
            answer.raise_for_status()
            return await answer.text()

    async def close(self) -> None:
        await self._http.close()


def sign_in(engine: Engine, settings: Settings, name: str) -> str:
    """A session of the desk for an agent: what the cookie holds."""
    now = datetime.now(UTC)
    with engine.begin() as conn:
        user = users.add(conn, login=name, name=name, role="agent", agent_id=name, at=now)
        return sessions.begin(conn, user, stage="open", method="password", address="127.0.0.1", browser="bench",
                              life=config(settings).life, at=now)  # fmt: skip
