"""What an agent is told of a payment: how many digits, in the order of things, whatever Redis does meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ivr.bridge.parts import Paid
from ivr.channels.voice.progress import Progress
from ivr.flow.effects import Collect, Event, RunAction


class Page:
    """Hears of a payment; while it is `busy` it can be told nothing."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.free = threading.Event()
        self.free.set()
        self.broken = 0

    def tell(self, agent_id: str, progress: Mapping[str, Any]) -> None:
        assert self.free.wait(20)
        if self.broken:
            self.broken -= 1
            raise ConnectionError("Redis is away")
        assert agent_id == "ana"
        self.told.append(dict(progress))


def asks(kind: str) -> Collect:
    return Collect((), kind, secret=kind != "yes_no")


def story(page: Page, *doings: Any) -> list[dict[str, Any]]:
    async def run() -> None:
        with ThreadPoolExecutor(4) as pool:
            progress = Progress("contact", "ana", "order", page.tell, pool)
            for do in doings:
                do(progress)
                await asyncio.sleep(0)
            page.free.set()
            await progress.settled()

    asyncio.run(run())
    return page.told


def test_each_field_and_what_was_wrong_with_it() -> None:
    told = story(
        Page(),
        lambda p: p.took([asks("yes_no")]),
        lambda p: p.took([asks("card")]),
        lambda p: p.keyed(12),
        lambda p: p.took([Event("invalid", {"reason": "check_digit"}), Event("no_match"), asks("card")]),
    )
    last = told[-1]
    assert (last["state"], last["field"], last["keyed"], last["problem"]) == (
        "asking",
        "card",
        {"card": 0},
        "check_digit",
    )
    assert (last["contact"], last["order"]) == ("contact", "order")


def test_digits_of_what_is_no_secret_field_are_not_counted() -> None:
    assert story(Page(), lambda p: p.took([asks("yes_no")]), lambda p: p.keyed(1))[-1]["keyed"] == {}


def test_a_declined_card_clears_the_dots_once_another_is_asked_for() -> None:
    declined = Event("action_done", {"exit": "declined"})
    told = story(
        Page(),
        lambda p: p.took([asks("card")]),
        lambda p: p.keyed(16),
        lambda p: p.took([asks("expiry")]),
        lambda p: p.keyed(4),
        lambda p: p.took([RunAction(1, "pay_bill", {})]),
        lambda p: p.charging(),
        lambda p: p.took([declined, asks("yes_no")]),
    )
    last = told[-1]
    assert (last["state"], last["problem"], last["keyed"]) == ("asking", "declined", {"card": 16, "expiry": 4})
    again = story(Page(), lambda p: p.took([asks("card")]), lambda p: p.took([asks("expiry")]),
                  lambda p: p.took([asks("card")]))  # fmt: skip
    assert again[-1]["keyed"] == {"card": 0}


def test_the_end_is_told_with_what_is_on_record() -> None:
    paid = {"confirmation": "123", "amount": 500, "currency": "USD", "last4": "4444", "brand": "visa"}
    last = story(Page(), lambda p: p.ended(Paid("paid", paid)))[-1]
    assert (last["state"], last["result"], last["card"], last["confirmation"]) == ("ended", "paid", "4444", "123")
    assert story(Page(), lambda p: p.ended(Paid("to_agent", {"why": "no_input"})))[-1]["problem"] == "no_input"


def test_a_slow_page_is_told_the_newest_and_numbers_only_rise() -> None:
    page = Page()
    page.free.clear()
    told = story(page, lambda p: p.took([asks("card")]), *[lambda p, n=n: p.keyed(n) for n in range(1, 17)])
    assert told[-1]["keyed"] == {"card": 16}
    assert len(told) <= 3
    numbers = [one["number"] for one in told]
    assert numbers == sorted(set(numbers))


def test_redis_away_delays_nothing_and_the_next_change_is_told() -> None:
    page = Page()
    page.broken = 1
    assert story(page, lambda p: p.took([asks("card")]), lambda p: p.keyed(3))[-1]["keyed"] == {"card": 3}
