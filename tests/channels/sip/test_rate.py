"""New calls a second: what is beyond is sent away, and said once."""

from __future__ import annotations

import asyncio
import logging

import pytest

from ivr import metrics
from ivr.channels.sip.rate import OVER_SECONDS, RETRY_SECONDS, Rate
from ivr.channels.sip.service import sip_settings
from ivr.settings import Settings
from tests.channels.sip.fakes import FakeClock
from tests.channels.sip.raw_client import RawClient
from tests.channels.sip.server import calling, eventually

pytestmark = pytest.mark.sip


def refused() -> float:
    return float(metrics.REFUSED.labels("rate")._value.get())


def admitted(rate: Rate, calls: int) -> int:
    return sum(rate.admits() for _ in range(calls))


def test_a_second_holds_so_many_calls_and_they_come_back_with_time() -> None:
    clock = FakeClock()
    rate = Rate(clock, 5)
    assert admitted(rate, 9) == 5
    clock.advance(0.1)
    assert admitted(rate, 9) == 0
    clock.advance(0.1)
    assert admitted(rate, 9) == 1
    clock.advance(60)
    assert admitted(rate, 9) == 5  # what nobody used is not saved up


def test_less_than_one_call_a_second() -> None:
    clock = FakeClock()
    rate = Rate(clock, 0.5)
    assert admitted(rate, 3) == 1
    clock.advance(1.9)
    assert admitted(rate, 3) == 0
    clock.advance(0.2)
    assert admitted(rate, 3) == 1


def test_no_limit() -> None:
    assert admitted(Rate(FakeClock(), 0), 10_000) == 10_000


def test_it_is_said_when_refusing_begins_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    clock, before = FakeClock(), refused()
    rate = Rate(clock, 5)
    for _ in range(3):
        rate.refused()
        clock.advance(OVER_SECONDS - 1)
    assert [record.getMessage() for record in caplog.records] == [
        "more than 5 new calls a second: refusing what is beyond"
    ]
    clock.advance(2)
    assert caplog.records[-1].getMessage() == "no longer too many new calls a second: 3 were refused"
    assert not clock.waiting
    rate.refused()
    assert len(caplog.records) == 3
    assert refused() - before == 4
    rate.close()
    assert not clock.waiting


async def test_who_comes_too_fast_is_told_when_to_come_again() -> None:
    async with calling(calls_per_second=0.001) as (server, client):
        assert (await client.call()).status == 200
        other = await RawClient.open(server.endpoint.address)
        answer = await other.call()
        assert (answer.status, answer["retry-after"]) == (503, str(RETRY_SECONDS))
        assert len(server.legs) == 1
        # who only asks takes no call's place, and hears that we are there
        assert (await other.ask("OPTIONS")).status == 200
        assert (await client.bye()).status == 200
        await server.quiet()
        other.close()


async def test_a_repeated_invite_counts_once() -> None:
    async with calling(calls_per_second=0.001) as (server, client):
        invite = client.invite()
        client.send(invite)
        await asyncio.wait_for(server.arrived.wait(), 20)
        client.send(invite)
        assert (await client.final("INVITE")).status == 200
        await eventually(lambda: sum(message.status == 200 for message in client.log) > 1)
        assert not any(message.status == 503 for message in client.log)


async def test_a_telephone_that_is_to_join_a_call_is_let_in() -> None:
    async with calling(calls_per_second=0.001, spared=lambda called: called == "agent-7") as (server, client):
        await client.call()
        other = await RawClient.open(server.endpoint.address)
        assert (await other.call(uri="sip:agent-7@127.0.0.1")).status == 200
        other.close()


def test_the_setting() -> None:
    wanted = sip_settings(Settings(_env_file=None, sip_calls_per_second=12.5))
    assert wanted.calls_per_second == 12.5
    assert wanted.spared("agent-" + "0" * 32)
    assert not wanted.spared("+15550100")
