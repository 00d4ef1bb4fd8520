"""Campaigns on real calls: the agent first, then whoever is on the list; a real Valkey, a router, telephones."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from callcenter import consent
from callcenter.campaigns import people, skipping
from callcenter.db import reading
from callcenter.queues import previewing
from ivr.channels.voice import dialback, greeting, preview
from tests.voice.hall import ANA, DANA, SHOWN, Hall, Play, play

__all__ = ["play"]
pytestmark = [pytest.mark.sip, pytest.mark.timeout(240)]


def test_the_agent_is_there_before_the_telephone_rings(play: Play) -> None:
    async def story(hall: Hall) -> None:
        ana = await hall.office.agent("ana", ANA)
        dana = await hall.listed(DANA)
        await ana.rings()
        assert dana._invites.empty()
        await ana.answer()
        invite = await dana.rings()
        assert SHOWN in invite["from"]
        await dana.answer()
        await dana.until(lambda: len(dana.heard) > 20, "the greeting")
        dana.press("1")
        await dana.hears(ANA)
        await ana.hears(DANA)
        await hall.becomes("done", "reached", 1)
        dana.hang_up()
        await hall.office.tells("offer.done")
        assert await hall.audited() == []

    play(story)


def test_at_once_there_is_no_key_to_press(play: Play) -> None:
    async def story(hall: Hall) -> None:
        ana = await hall.office.agent("ana", ANA)
        dana = await hall.listed(DANA)
        await ana.answer()
        await dana.answer()
        await dana.hears(ANA)
        await hall.becomes("done", "reached", 1)

    play(story, answered="at_once")


def test_busy_and_then_a_machine(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent is free at once each time; the machine hears its message to the end without an agent."""
    monkeypatch.setattr(greeting, "KEY_SECONDS", 1.5)

    async def story(hall: Hall) -> None:
        ana = await hall.office.agent("ana", ANA)
        dana = await hall.listed(DANA)
        await ana.answer()
        await dana.rings()
        dana.refuse(486)
        await ana.until(ana.over.is_set, "the agent's release")
        await hall.becomes("queued", "busy", 1)
        await ana.answer()
        await dana.answer()
        await hall.becomes("done", "not_reached", 2)
        await ana.until(ana.over.is_set, "the agent's release")
        assert not dana.over.is_set()
        await dana.until(dana.over.is_set, "the message's end")
        assert await hall.audited() == []

    play(story, machine={"say": "This is a message for the machine. Please call us back when you have the time."})


def test_nine_is_the_last_call(play: Play) -> None:
    async def story(hall: Hall) -> None:
        ana = await hall.office.agent("ana", ANA)
        dana = await hall.listed(DANA)
        await ana.answer()
        await dana.answer()
        await dana.until(lambda: len(dana.heard) > 20, "the greeting")
        dana.press("9")
        await hall.becomes("done", "declined", 1)
        await ana.until(ana.over.is_set, "the agent's release")
        await dana.until(dana.over.is_set, "the goodbye's end")
        with reading(hall.office.engine) as conn:
            assert consent.of(conn, hall.row().customer_id)["phone"].do_not_contact
        assert await hall.audited() == []

    play(story)


def test_do_not_contact_while_the_agent_is_rung(play: Play) -> None:
    async def story(hall: Hall) -> None:
        ana = await hall.office.agent("ana", ANA)
        dana = await hall.listed(DANA)
        await ana.rings()
        with hall.office.engine.begin() as conn:
            consent.put(conn, hall.row().customer_id, "phone", source="user:1", at=datetime.now(UTC),
                        do_not_contact=True)  # fmt: skip
        await ana.answer()
        await hall.becomes("done", "do_not_contact", 0)
        await ana.until(ana.over.is_set, "the agent's release")
        assert dana._invites.empty()
        assert await hall.audited() == []

    play(story)


def test_paused_while_the_agent_is_rung(play: Play) -> None:
    async def story(hall: Hall) -> None:
        ana = await hall.office.agent("ana", ANA)
        dana = await hall.listed(DANA)
        await ana.rings()
        with hall.office.engine.begin() as conn:
            people.pause(conn, "plan", by="user:1", at=datetime.now(UTC))
        await ana.answer()
        await hall.becomes("waiting", "", 0)
        await ana.until(ana.over.is_set, "the agent's release")
        with hall.office.engine.begin() as conn:
            people.resume(conn, "plan", by="user:1", at=datetime.now(UTC))
        await ana.answer()
        await dana.answer()
        await dana.until(lambda: len(dana.heard) > 20, "the greeting")
        dana.press("1")
        await hall.becomes("done", "reached", 1)
        assert await hall.audited() == []

    play(story)


def test_a_number_that_cant_be_dialled_is_a_failed_attempt(play: Play) -> None:
    """Without a trunk: the agent isn't rung for it over and over."""

    async def story(hall: Hall) -> None:
        ana = await hall.office.agent("ana", ANA)
        await asyncio.to_thread(hall.put, "+12125550142")
        await ana.answer()
        await hall.becomes("waiting", "failed", 1)
        await ana.until(ana.over.is_set, "the agent's release")
        assert await hall.audited() == []

    play(story)


async def looks(hall: Hall) -> str:
    """The offer at which Ana is to look."""
    async with asyncio.timeout(30):
        while True:
            offers = await asyncio.to_thread(hall.office.queues.offers_of, "ana")
            if offers:
                return str(offers[0].id)
            await asyncio.sleep(0.05)


def test_nobody_is_rung_until_the_agent_says_call(play: Play) -> None:
    async def story(hall: Hall) -> None:
        queues = hall.office.queues
        ana = await hall.office.agent("ana", ANA)
        dana = await hall.listed(DANA)
        offer = await looks(hall)
        await hall.office.tells("callback.dialling")
        assert ana._invites.empty()
        assert await asyncio.to_thread(previewing.decide, queues, "ana", offer, "call")
        await ana.answer()
        await dana.answer()
        await dana.hears(ANA)
        await hall.becomes("done", "reached", 1)
        assert await hall.audited() == []

    play(story, preview=True, answered="at_once")


def test_whoever_is_skipped_hears_nothing(play: Play) -> None:
    async def story(hall: Hall) -> None:
        queues = hall.office.queues
        ana = await hall.office.agent("ana", ANA)
        dana = await hall.listed(DANA)
        offer = await looks(hall)
        contact = hall.row().contact_id
        assert await asyncio.to_thread(previewing.decide, queues, "ana", offer, "skip")
        given = await asyncio.to_thread(queues.context, contact)
        with hall.office.engine.begin() as conn:
            assert skipping.skip(conn, contact, given, "ana", "not_needed", datetime.now(UTC))
        assert await asyncio.to_thread(queues.cancel_callback, contact, "skipped")
        await hall.becomes("done", "skipped", 0)
        await hall.office.tells("callback.cancelled")
        assert queues.agents()["ana"].state == "idle"
        assert ana._invites.empty()
        assert dana._invites.empty()
        assert await hall.audited() == []

    play(story, preview=True)


def test_an_agent_who_isnt_there_to_look_has_missed_the_offer(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(dialback, "agreed", lambda queues, offer, seconds, executor: preview.agreed(
        queues, offer, 0.2, executor))  # fmt: skip

    async def story(hall: Hall) -> None:
        ana = await hall.office.agent("ana", ANA)
        dana = await hall.listed(DANA)
        (refused, *_) = [one for one in await hall.office.tells("offer.refused") if one.kind == "offer.refused"]
        assert refused.data["why"] == "no_answer"
        assert hall.row().state == "queued"
        assert ana._invites.empty()
        assert dana._invites.empty()

    play(story, preview=True)
