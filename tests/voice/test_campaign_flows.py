"""Campaigns whose calls run a flow, on real calls: nobody is reserved, and a key tells a person from a machine."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from callcenter import consent, contacts
from callcenter.db import reading
from callcenter.events import of_contact
from callcenter.tables import sessions
from ivr.channels.voice import outbound
from tests.bridge.phones import TonePhone
from tests.voice.hall import ANA, DANA, SHOWN, Hall, Play, play

__all__ = ["play"]
pytestmark = [pytest.mark.sip, pytest.mark.timeout(240)]

SHORT = """\
steps:
  choose:
    menu: This is a test.
    attempts: 1
    timeout: 1s
    choices:
      - {key: 1, label: be told more, go: more}
      - {key: 0, label: reach a person, go: person}
    exits: {no_input: person, no_match: person}
  more:
    hang_up: "The account is {account}."
    outcome: told
"""
FLOW: dict[str, Any] = {"flow": "reminder_call", "columns": ["account"], "consent": False, "calls_per_minute": 600}
MACHINE = "This is a message for the machine. Please call us back when you have the time."


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "EVERY", 0.05)


async def answered(hall: Hall) -> TonePhone:
    """Dana, who hears the flow's first words."""
    dana = await hall.listed(DANA, account="10203040")
    invite = await dana.rings()
    assert SHOWN in invite["from"]
    await dana.answer()
    await dana.until(lambda: len(dana.heard) > 20, "the flow")
    return dana


async def ended(hall: Hall, outcome: str) -> Any:
    """The contact of the last call, once it has ended so."""
    async with asyncio.timeout(30):
        while True:
            row = await asyncio.to_thread(_contact, hall)
            if row.ended_at is not None:
                assert row.outcome == outcome
                return row
            await asyncio.sleep(0.05)


def _contact(hall: Hall) -> Any:
    with reading(hall.office.engine) as conn:
        return contacts.get(conn, hall.row().contact_id)


def test_nine_is_the_last_call(play: Play) -> None:
    async def story(hall: Hall) -> None:
        dana = await answered(hall)
        dana.press("9")
        await hall.becomes("done", "declined", 1)
        await dana.until(dana.over.is_set, "the goodbye's end")
        row, contact = hall.row(), await ended(hall, "no_more_calls")
        assert (row.code, row.flow) == ("no_more_calls", "reminder_call")
        assert (contact.direction, contact.customer_id, contact.caller) == ("out", row.customer_id, "")
        with reading(hall.office.engine) as conn:
            assert consent.of(conn, row.customer_id)["phone"].do_not_contact
            told = {event.kind: event.data for event in of_contact(conn, row.contact_id)}
        assert told["campaign.done"]["code"] == "no_more_calls"
        assert told["step"]["flow"] == "reminder_call"
        assert await hall.audited() == []

    play(story, **FLOW, codes={"no_more_calls": "do_not_contact"})


def test_busy_and_then_a_machine(play: Play) -> None:
    """The flow would lead whoever presses nothing to a person: a machine never gets there."""

    async def story(hall: Hall) -> None:
        await hall.office.agent("ana", ANA)
        dana = await hall.listed(DANA, account="10203040")
        await dana.rings()
        dana.refuse(486)
        await hall.becomes("queued", "busy", 1)
        await dana.answer()
        await hall.becomes("done", "not_reached", 2)
        assert not dana.over.is_set()
        await dana.until(dana.over.is_set, "the message's end")
        assert (await ended(hall, "machine")).outcome == "machine"
        assert hall.row().code == "machine"
        kinds = {event.kind for event in hall.office.events()}
        assert "queue.joined" not in kinds
        assert "to_person" not in kinds
        with reading(hall.office.engine) as conn:
            assert conn.execute(sa.select(sessions.c.ended)).scalars().all() == [True]
        assert await hall.audited() == []

    play(story, {"short.yaml": SHORT}, **FLOW | {"flow": "short"}, machine={"say": MACHINE})


def test_whoever_presses_a_key_is_a_person(play: Play) -> None:
    async def story(hall: Hall) -> None:
        dana = await answered(hall)
        dana.press("1")
        await hall.becomes("done", "reached", 1)
        await dana.until(dana.over.is_set, "the end")
        assert hall.row().code == "told"
        await ended(hall, "told")

    play(story, {"short.yaml": SHORT}, **FLOW | {"flow": "short"})


def test_whoever_asks_for_a_person_waits_for_one(play: Play) -> None:
    async def story(hall: Hall) -> None:
        ana = await hall.office.agent("ana", ANA)
        queues = hall.office.queues
        await asyncio.to_thread(queues.set_presence, "ana", "unavailable")
        dana = await answered(hall)
        dana.press("0")
        await hall.office.waits()
        contact = hall.row().contact_id
        given = await asyncio.to_thread(queues.context, contact)
        assert given["path"] == ["short.choose"]
        assert given["slots"] == {"account": "10203040"}
        assert (given["called_by"]["name"], given["called_by"]["attempt"]) == ("plan", 1)
        await asyncio.to_thread(queues.set_presence, "ana", "available")
        await ana.answer()
        await dana.hears(ANA)
        await ana.hears(DANA)
        await hall.becomes("done", "reached", 1)
        assert hall.row().agent == "ana"
        dana.hang_up()
        await ended(hall, "hung_up")
        await hall.office.tells("offer.done")
        assert hall.row().result == "reached"
        assert await hall.audited() == []

    play(story, {"short.yaml": SHORT}, **FLOW | {"flow": "short"})


def test_a_number_that_cant_be_dialled_is_a_failed_attempt(play: Play) -> None:
    async def story(hall: Hall) -> None:
        await asyncio.to_thread(hall.put, "+12125550142", {"account": "10203040"})
        await hall.becomes("waiting", "failed", 1)
        await ended(hall, "failed")

    play(story, **FLOW)


def test_who_hangs_up_without_a_key_is_called_again(play: Play) -> None:
    async def story(hall: Hall) -> None:
        dana = await answered(hall)
        dana.hang_up()
        await hall.becomes("waiting", "machine", 1)
        await ended(hall, "hung_up")

    play(story, **FLOW, spacing={"machine": "1h"})


def test_a_call_that_is_cut_off_is_a_failed_attempt(play: Play) -> None:
    """The service is told to stop at once while somebody listens."""

    async def story(hall: Hall) -> None:
        await answered(hall)
        board = hall.office.board
        assert board.outbound is not None
        await board.outbound.close()
        row = hall.row()
        assert (row.state, row.result, row.attempts) == ("waiting", "failed", 1)
        await ended(hall, "failed")

    play(story, **FLOW)
