"""What a visitor says is stored before it is acknowledged, and what a page shows is what is stored."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy.engine import Engine

from callcenter import contacts as contact_rows
from callcenter import outbox
from callcenter.live import BEGINNING
from callcenter.messages import Outgoing, TemporaryError
from callcenter.messages.chat import open_chat
from callcenter.tables import messages
from ivr.live.context import Context
from ivr.settings import Settings
from tests.chat.conftest import ANA, SHOP, contact, kinds, rows, serving, stored, visiting


async def test_a_question_is_answered_by_the_flow(context: Context, engine: Engine) -> None:
    async with serving(context) as live, visiting(live) as ana:
        ack = await ana.write("what are your hours?", "message-1")
        (row,) = stored(engine)
        assert ack["id"] == "message-1"
        assert ack["data"] == {"message": row.id, "contact": row.contact_id}
        assert (row.sender, row.to, row.author) == (ANA, SHOP, "customer")
        assert "We" in await ana.answered()
        assert ana.state == {"contact": row.contact_id, "served_by": "flow", "name": "", "known": False}
    assert contact(engine).channel == "chat"


async def test_a_menus_choices_come_as_buttons(context: Context) -> None:
    async with serving(context) as live, visiting(live) as ana:
        await ana.write("hello")
        await ana.answered()
        last = ana.thread[-1]
        assert [choice["key"] for choice in last["choices"]] == ["1", "2", "9", "0"]
        assert "1." not in last["text"]
        await ana.write("2")
        await ana.answered()
        assert ana.thread[-2]["label"] == last["choices"][1]["label"]


async def test_who_comes_back_has_the_whole_thread(context: Context) -> None:
    async with serving(context) as live:
        async with visiting(live) as ana:
            await ana.write("hello")
            await ana.answered()
            before = ana.thread
        async with visiting(live) as again:
            assert [one["id"] for one in again.thread] == [one["id"] for one in before]
            assert again.state["contact"]
        async with visiting(live, "v" + "b" * 32) as other:
            assert other.thread == []


async def test_a_message_that_comes_twice_counts_once(context: Context, engine: Engine) -> None:
    async with serving(context) as live:
        async with visiting(live) as ana:
            first = await ana.write("hello", "same-id-1")
        async with visiting(live) as ana:
            assert await ana.write("hello", "same-id-1") == first
            await ana.answered()
            assert ana.said == ["hello"]
        async with visiting(live, "v" + "b" * 32) as other:  # another visitor's ids are another's
            assert (await other.write("hello", "same-id-1"))["data"]["message"] != first["data"]["message"]
    assert len(stored(engine)) == 2


async def test_what_came_while_nobody_listened_is_there(context: Context, engine: Engine) -> None:
    async with serving(context) as live:
        async with visiting(live) as ana:
            contact_id = (await ana.write("hello"))["data"]["contact"]
            await ana.answered()
        with engine.begin() as conn:
            id = outbox.queue(
                conn, channel="chat", to=ANA, body="Are you still there?", at=context.clock(),
                contact_id=contact_id, author="agent:bob",
            )  # fmt: skip
        await context.thread(outbox.deliver, engine, context.settings, id, context.clock())
        async with visiting(live) as ana:
            assert (ana.thread[-1]["by"], ana.thread[-1]["text"]) == ("agent", "Are you still there?")


async def test_two_pages_of_a_visitor_show_the_same(context: Context) -> None:
    async with serving(context) as live, visiting(live) as one, visiting(live) as other:
        await one.write("hello")
        await one.answered()
        await other.answered()
        assert [message["id"] for message in other.thread] == [message["id"] for message in one.thread]


async def test_delivery_and_reading_are_told(context: Context, engine: Engine) -> None:
    async with serving(context) as live, visiting(live) as ana:
        contact_id = (await ana.write("hello"))["data"]["contact"]
        await ana.answered()
        ours = [one["id"] for one in ana.thread if one["by"] == "bot"]
        await ana.say("seen", data={"ids": [*ours, "f" * 32], "read": False})
        await ana.say("seen", data={"ids": ours, "read": True})
        await ana.say("shout", id="done")
        await ana.hear("error")
        assert {row.status for row in rows(engine, messages) if row.id in ours} == {"read"}
        told = context.live.read({f"contact:{contact_id}": BEGINNING})
        seen = [(event.data["id"], event.data["status"]) for event in told if event.kind == "delivery"]
        assert set(seen) == {(id, status) for id in ours for status in ("delivered", "read")}
        await ana.until(lambda: next(one for one in ana.thread if one["by"] == "you")["read"])


async def test_another_visitors_messages_are_not_marked(context: Context, engine: Engine) -> None:
    async with serving(context) as live, visiting(live) as ana, visiting(live, "v" + "b" * 32) as eve:
        await ana.write("hello")
        await ana.answered()
        await eve.say("seen", data={"ids": [one["id"] for one in ana.thread], "read": True})
        await eve.say("shout", id="done")
        await eve.hear("error")
    assert not [row for row in rows(engine, messages) if row.read_at]


async def test_typing_goes_both_ways_with_an_agent(context: Context, engine: Engine) -> None:
    async with serving(context) as live, visiting(live) as ana:
        contact_id = (await ana.write("hello"))["data"]["contact"]
        await ana.answered()
        with engine.begin() as conn:
            contact_rows.set_served_by(conn, contact_id, "agent:bob", context.clock())
        topic = f"contact:{contact_id}"
        context.live.publish(topic, "served_by", {"served_by": "agent:bob"})
        await ana.until(lambda: ana.state["served_by"] == "agent")
        context.live.publish(topic, "typing", {"by": "agent:bob", "on": True})
        assert (await ana.hear("typing"))["data"] == {"on": True}
        await ana.say("typing", data={"on": True})
        await ana.write("are you there?")
        told = [event.data for event in context.live.read({topic: BEGINNING}) if event.kind == "typing"]
        assert {"by": "visitor", "on": True} in told


async def test_a_visitor_ends_the_chat(context: Context, engine: Engine) -> None:
    async with serving(context) as live:
        async with visiting(live) as ana:
            contact_id = (await ana.write("hello"))["data"]["contact"]
            await ana.answered()
            await ana.say("end")
            await ana.hear("ended")
            await ana.until(lambda: not ana.state["contact"])
        row = contact(engine)
        assert (row.id, row.outcome) == (contact_id, "hung_up")
        assert row.ended_at
        assert "hung_up" in kinds(engine, contact_id)
        async with visiting(live) as ana:
            assert ana.thread == [], "what was said on a shared computer is not shown again"
            assert (await ana.write("hello again"))["data"]["contact"] != contact_id


@pytest.mark.parametrize(
    ("id", "data", "reason"),
    [
        ("message-1", {"text": ""}, "empty"),
        ("message-1", {"text": " \n"}, "empty"),
        ("message-1", {"text": 5}, "empty"),
        ("message-1", {}, "empty"),
        ("message-1", [], "empty"),
        ("message-1", {"text": "x" * 4001}, "too_long"),
        ("x", {"text": "hello"}, "id"),
        ("'; drop table", {"text": "hello"}, "id"),
    ],
)
async def test_what_is_no_message(context: Context, engine: Engine, id: str, data: object, reason: str) -> None:
    async with serving(context) as live, visiting(live) as ana:
        await ana.say("message", id=id, data=data)
        assert await ana.hear("error") == {"id": id, "kind": "error", "topic": "", "data": {"reason": reason}}
    assert stored(engine) == []


async def test_nul_and_controls_do_no_harm(context: Context, engine: Engine) -> None:
    async with serving(context) as live, visiting(live) as ana:
        await ana.write("a\0b\u202ec\ud83d\ude00")
        assert stored(engine)[0].body.startswith("ab")


async def test_card_numbers_land_nowhere(context: Context, engine: Engine) -> None:
    async with serving(context) as live, visiting(live) as ana:
        await ana.write("my card is 4242 4242 4242 4242")
        await ana.answered()
        assert "4242 4242" not in str(ana.thread)
    assert "4242 4242" not in str(rows(engine, messages))


async def test_too_many_messages_are_refused_and_none_is_lost(context: Context, engine: Engine) -> None:
    from ivr.channels.chat import rates

    assert rates.PER_VISITOR["message"] == "60/minute"
    async with serving(context) as live, visiting(live) as ana:
        endpoint_rates = rates.Rates(context.settings.redis_url)
        for _ in range(60):
            endpoint_rates.count("message", visitor=ANA)
        assert (await ana.write("hello"))["data"] == {"reason": "too_often"}
        endpoint_rates.close()
    assert stored(engine) == []


async def test_a_message_left_for_later_becomes_a_mail(context: Context, engine: Engine) -> None:
    async with serving(context) as live, visiting(live) as ana:
        await ana.say("leave", id="leave-0001", data={"email": "Ana@Example.org", "text": "Call me"})
        await ana.hear("left")
        await ana.say("leave", id="leave-0002", data={"email": "nobody", "text": "Call me"})
        assert (await ana.hear("error"))["data"] == {"reason": "invalid"}
    (row,) = stored(engine)
    assert (row.channel, row.sender, row.body) == ("email", "ana@example.org", "Call me")
    assert row.meta == {"left_in": "chat", "visitor": ANA}


async def test_the_sender_waits_for_redis(context: Context) -> None:
    away = Settings.defaults(redis_url="unix:///nobody/is.here")
    with pytest.raises(TemporaryError):
        open_chat(away).send(Outgoing("1", ANA, "", "hello"))
    assert open_chat(Settings.defaults()).send(Outgoing("1", ANA, "", "hello")) == ""


async def test_messages_in_flight_are_stored_on_a_stop(context: Context, engine: Engine) -> None:
    async with serving(context) as live, visiting(live) as ana:
        await asyncio.gather(*(ana.say("message", id=f"message-{n}", data={"text": "hello"}) for n in range(5)))
        acks = [await ana.hear("ack") for _ in range(5)]
    assert sorted(row.id for row in stored(engine)) == sorted(ack["data"]["message"] for ack in acks)
    assert len({row.contact_id for row in stored(engine)}) == 1
