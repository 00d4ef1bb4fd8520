"""A payment with the agent on the line, for tests: an office with bills, and what each party may hear and know."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import shutil
import wave
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
import yaml
from numpy.typing import NDArray
from sqlalchemy.engine import Row

from callcenter import assisted, control
from callcenter.queues.redis_hash import text
from callcenter.tables import bills, payments, sandbox_charges, sessions
from ivr.actions.bills.importing import DEMO, import_bills
from ivr.channels.leg import Clip
from ivr.channels.sip.media.g711 import encode_ulaw
from ivr.channels.sip.media.inband import ToneDetector
from ivr.prompts.parts import Part, Prompt
from tests.bridge.phones import TonePhone
from tests.valkey import Valkey
from tests.voice.line import FLOWS
from tests.voice.office import Office, office

CARD, EXPIRY, CODE = "5555555555554444", "0831", "7392"
ACCOUNT, BALANCE = "10203040", 8450
ANA, BEN, DANA = 700, 1200, 300


def patient(folder: Path) -> Path:
    """The demo's flows for callers who are slow to key, because the machine is."""
    flows = folder / "patient"
    shutil.copytree(FLOWS, flows)
    company = yaml.safe_load((flows / "company.yaml").read_text())
    company["defaults"] |= {"timeout": "90s", "between_keys": "90s"}
    (flows / "company.yaml").write_text(yaml.safe_dump(company))
    return flows


class Counter:
    """An office in which dana talks to ana; `pay` is ana's order."""

    def __init__(self, made: Office, ana: TonePhone, dana: TonePhone, contact: str) -> None:
        self.office, self.ana, self.dana, self.contact = made, ana, dana, contact

    async def order(self, verb: str, **args: object) -> str:
        return await asyncio.to_thread(
            control.order, self.office.queues.client, self.contact, verb, by="ana", args=args
        )

    async def answer(self, order: str) -> dict[str, Any]:
        """What became of an order."""
        found: dict[str, Any] = {}

        def told() -> bool:
            answers = [event.data for event in self.office.events() if event.kind == "call.answer"]
            found.update(next((data for data in answers if data["order"] == order), {}))
            return bool(found)

        await self.until(told, "an answer")
        return found

    async def pay(self, **args: object) -> None:
        """Ana begins, and dana says that the amount is right."""
        await self.order("pay", **({"account": ACCOUNT, "amount": 5000} | args))
        await self.shown("asking")
        self.dana.press("1")
        await self.field("card")

    async def field(self, name: str) -> None:
        await self.until(lambda: self.progress.get("field") == name, name)

    async def keyed(self, name: str, count: int) -> None:
        await self.until(lambda: self.progress["keyed"].get(name) == count, f"{count} keys of {name}")

    async def shown(self, state: str) -> dict[str, Any]:
        await self.until(lambda: self.progress.get("state") == state, state)
        return self.progress

    @property
    def progress(self) -> dict[str, Any]:
        return assisted.last(self.office.queues.client, self.contact) or {}

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(40):
                while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - polled
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"waits for {what}; the agent sees {self.progress}") from None

    async def key_card(self, card: str = CARD) -> None:
        await self.field("card")
        self.dana.press(card + "#")
        await self.field("expiry")
        self.dana.press(EXPIRY)
        await self.field("security_code")
        self.dana.press(CODE)

    async def talk(self) -> None:
        """Both hear each other."""
        await self.ana.hears(DANA)
        await self.dana.hears(ANA)

    async def said(self, id: str) -> bytes:
        """The beginning of a prompt's audio."""
        [text] = [self.office.runner.published.current().text("en", id)]
        assert text
        clips: list[Clip] = await self.office.board._renderer.clips(Prompt((Part("text", text),), "en", id))
        return b"".join(clip.ulaw for clip in clips)[:3200]

    # The books

    def rows(self, table: sa.Table) -> list[Row[Any]]:
        with self.office.engine.connect() as connection:
            return list(connection.execute(sa.select(table)).all())

    @property
    def balance(self) -> int:
        return next(int(row.balance) for row in self.rows(bills) if row.account_number == ACCOUNT and row.balance)

    @property
    def payment(self) -> Row[Any]:
        [payment] = self.rows(payments)
        return payment

    @property
    def charged(self) -> int:
        return len([row for row in self.rows(sandbox_charges) if row.status == "charged"])

    def session(self) -> Row[Any]:
        """The payment's own."""
        [found] = [row for row in self.rows(sessions) if '"assisted"' in row.data]
        return found


@asynccontextmanager
async def counter(
    folder: Path, audio: Path, valkey: Valkey, *agents: str, events: bool = True, **queue: object
) -> AsyncIterator[Counter]:
    async with office(folder, audio, valkey, "ana", *agents, **queue) as made:
        await asyncio.to_thread(import_bills, made.engine, DEMO, dt.date.today())
        ana = await made.agent("ana", ANA)
        dana = await made.caller(DANA, events=events)
        await ana.rings()
        await ana.answer()
        await made.tells("call.connected")
        here = Counter(made, ana, dana, made.events()[0].contact_id or "")
        await here.talk()
        yield here


def story(told: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that takes its time: what is said and keyed is in real time, and the machine may be busy."""

    @functools.wraps(told)
    def test(*arguments: Any, **fixtures: Any) -> None:
        asyncio.run(told(*arguments, **fixtures))

    return test


def heard(phone: TonePhone) -> bytes:
    """All that a telephone was sent, in order."""
    return b"".join(packet.payload for packet in phone.heard)


def keys_in(samples: NDArray[np.int16]) -> str:
    """The keys whose tones are in the audio, by the detector of calls that know no others."""
    detector, found = ToneDetector(), ""
    row, coded = detector.add(), encode_ulaw(samples)
    for at in range(0, len(coded) - 159, 160):
        detector.push(row, coded[at : at + 160])
        found += "".join(key for _, key in detector.run())
    return found


def channels(path: Path) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Of a recorded conversation: what the customer said, and what he heard."""
    with wave.open(str(path)) as file:
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    return both[:, 0], both[:, 1]


def everything_in(valkey: Valkey) -> list[str]:
    """All that a Redis holds, key by key."""
    client = valkey.client()
    read: dict[str, Callable[[Any], Any]] = {
        "string": client.get,
        "hash": client.hgetall,
        "set": client.smembers,
        "stream": client.xrange,
        "list": lambda key: client.lrange(key, 0, -1),
        "zset": lambda key: client.zrange(key, 0, -1, withscores=True),
    }
    found = [f"{text(key)} {read[text(client.type(key))](key)!r}" for key in client.scan_iter()]
    client.close()
    return found
