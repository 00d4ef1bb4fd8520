"""Callers that leave at every moment: before the answer, during prompts and digits, politely or without a word."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable

from bench.sip.caller import Call, Callers, Refused

WAYS: list[Callable[[Call, random.Random], Awaitable[None]]] = []
ENDS = 20.0
"""Seconds that a whole call may take."""


def way(share: int) -> Callable[[Callable[[Call, random.Random], Awaitable[None]]], None]:
    """A way to call; `share` of them relative to the others'."""

    def register(function: Callable[[Call, random.Random], Awaitable[None]]) -> None:
        WAYS.extend([function] * share)

    return register


@way(4)
async def to_the_end(call: Call, chance: random.Random) -> None:
    """Answer the question and let the server hang up."""
    await call.dial()
    await asyncio.sleep(chance.uniform(0, 0.8))
    await call.press("".join(chance.choices("0123456789", k=4)), length=0.04)
    async with asyncio.timeout(ENDS):
        await call.ended.wait()


@way(3)
async def bye_at_any_moment(call: Call, chance: random.Random) -> None:
    await call.dial()
    await asyncio.sleep(chance.uniform(0, 1.2))
    if chance.random() < 0.5:
        await call.press("".join(chance.choices("0123456789*#", k=chance.randint(1, 5))), length=0.04)
    await call.bye()


@way(3)
async def cancel_at_any_moment(call: Call, chance: random.Random) -> None:
    """Some CANCELs come before the answer, some cross it, some are late."""
    call.callers.send(call.invite())
    await asyncio.sleep(chance.expovariate(1 / 0.005))
    await call.cancel()


@way(1)
async def nothing_keyed(call: Call, chance: random.Random) -> None:
    """Say nothing: the server ends the call."""
    await call.dial()
    async with asyncio.timeout(ENDS):
        await call.ended.wait()


@way(1)
async def gone_before_the_answer(call: Call, chance: random.Random) -> None:
    """No ACK, ever."""
    call.callers.send(call.invite())
    await asyncio.sleep(chance.expovariate(1 / 0.005))
    call.vanish()


@way(1)
async def gone_in_the_middle(call: Call, chance: random.Random) -> None:
    """A phone whose battery is empty: no BYE, and no answer to the server's."""
    await call.dial()
    await asyncio.sleep(chance.uniform(0, 1.0))
    call.vanish()


@way(1)
async def invited_twice(call: Call, chance: random.Random) -> None:
    """The INVITE comes twice at once; then a BYE at once with the ACK."""
    call.callers.send(call.invite())
    await call.dial()
    await call.bye()


async def crowd(callers: Callers, count: int, rate: float, at_once: int, seed: int) -> Counter[str]:
    """Place `count` calls, `rate` a second, at most `at_once` at a time; how they went, by way and outcome."""
    chance = random.Random(seed)
    outcomes: Counter[str] = Counter()
    room = asyncio.Semaphore(at_once)
    running: set[asyncio.Task[None]] = set()

    async def one(go: Callable[[Call, random.Random], Awaitable[None]], chance: random.Random) -> None:
        call = Call(callers)
        try:
            await go(call, chance)
            outcomes[f"{go.__name__}: as meant"] += 1
        except Refused as refused:
            outcomes[f"{go.__name__}: {refused}"] += 1
        except TimeoutError:
            outcomes[f"{go.__name__}: no end"] += 1
        finally:
            call.close()
            room.release()

    for _ in range(count):
        await room.acquire()
        task = asyncio.create_task(one(chance.choice(WAYS), random.Random(chance.random())))
        running.add(task)
        task.add_done_callback(running.discard)
        await asyncio.sleep(chance.expovariate(rate))
    await asyncio.gather(*running)
    return outcomes
