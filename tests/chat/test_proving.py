"""Proving who one is over the chat's connection, and what may not be learnt by trying."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy.engine import Engine

from callcenter import customers, identifiers, recognition
from callcenter.db import reading
from callcenter.tables import contacts, one_time_codes
from callcenter.tables import customers as customers_table
from callcenter.tables import messages as messages_table
from ivr.channels.chat import proving
from ivr.live.context import Context
from tests.carriers import Carrier
from tests.chat.conftest import ANA, Visitor, contact, kinds, rows, serving, visiting
from tests.twilio.support import NOON


def customer(engine: Engine, name: str, **known: str) -> str:
    with engine.begin() as conn:
        made = customers.create(conn, at=NOON, name=name)
        for kind, value in known.items():
            identifiers.add(conn, made, kind, value, at=NOON)
        return made


async def step(page: Visitor, **data: Any) -> dict[str, Any]:
    await page.say("prove", data=data)
    data = (await page.hear("proof"))["data"]
    return data


def code(carrier: Carrier) -> str:
    found = re.search(r"\b\d{6}\b", carrier.sent[-1].body)
    assert found
    return found[0]


async def sent(context: Context, carrier: Carrier, count: int = 1) -> None:
    await context.thread(lambda: [None for _ in iter(lambda: len(carrier.sent) >= count, True)])


async def test_the_conversation_moves_whole(context: Context, engine: Engine, carrier: Carrier) -> None:
    ana = customer(engine, "Ana Reyes", phone="+12025550143")
    async with serving(context) as live, visiting(live) as page:
        contact_id = (await page.write("hello"))["data"]["contact"]
        await page.answered()
        before = page.thread
        assert await step(page, kind="phone", value="(202) 555-0143") == {"state": "sent", "to": "…143"}
        await sent(context, carrier)
        assert carrier.sent[0].to == "+12025550143"
        assert await step(page, code=code(carrier)) == {"state": "proven"}
        await page.until(lambda: page.state["known"])
        assert page.state["name"] == "Ana Reyes"
        assert [one["id"] for one in page.thread] == [one["id"] for one in before], "nothing is lost or told again"
    assert contact(engine).customer_id == ana
    assert "identified" in kinds(engine, contact_id)
    with reading(engine) as conn:
        proofs = {one.kind: one.proof for one in customers.get(conn, ana).identifiers}
    assert proofs == {"phone": "one_time_code", "chat_visitor": "one_time_code"}


async def test_who_has_proven_it_is_known_the_next_time(context: Context, engine: Engine, carrier: Carrier) -> None:
    ana = customer(engine, "Ana Reyes", email="ana@example.org")
    async with serving(context) as live:
        async with visiting(live) as page:  # before anything was said
            await step(page, kind="email", value="ana@example.org")
            await sent(context, carrier)
            assert await step(page, code=code(carrier)) == {"state": "proven"}
        async with visiting(live) as page:
            await page.write("hello")
            await page.until(lambda: page.state.get("name") == "Ana Reyes")
    assert contact(engine).customer_id == ana


async def test_an_address_that_nobody_has_makes_a_customer(context: Context, engine: Engine, carrier: Carrier) -> None:
    async with serving(context) as live, visiting(live) as page:
        await page.write("hello")
        assert await step(page, kind="email", value="new@example.org") == {"state": "sent", "to": "n…@example.org"}
        await sent(context, carrier)
        assert await step(page, code=code(carrier)) == {"state": "proven"}
    (made,) = rows(engine, customers_table)
    assert contact(engine).customer_id == made.id


async def test_strangers_have_no_costly_number_texted(context: Context, engine: Engine, carrier: Carrier) -> None:
    """Numbers that pay their owner for what arrives; a customer abroad is one all the same."""
    customer(engine, "Klara", phone="+491711234567")
    async with serving(context) as live, visiting(live) as page:
        for value in ("+18764567890", "+19002345678", "+491711234568", "+882161234567"):
            assert await step(page, kind="phone", value=value) == {"state": "invalid"}
        assert await step(page, kind="phone", value="+49 171 1234567") == {"state": "sent", "to": "…567"}
        await sent(context, carrier)
    assert [one.to for one in carrier.sent] == ["+491711234567"]


async def test_of_several_one_is_asked_for(context: Context, engine: Engine, carrier: Carrier) -> None:
    ana = customer(engine, "Ana", email="home@example.org", account="1001")
    customer(engine, "Bea", email="home@example.org", account="1002")
    async with serving(context) as live, visiting(live) as page:
        await page.write("hello")
        await step(page, kind="email", value="home@example.org")
        await sent(context, carrier)
        assert await step(page, code=code(carrier)) == {"state": "question"}
        assert contact(engine).customer_id is None
        assert await step(page, answer="9999") == {"state": "question", "wrong": True}
        assert await step(page, answer="10-01") == {"state": "proven"}
    assert contact(engine).customer_id == ana


async def test_account_numbers_cannot_be_tried_for_long(context: Context, engine: Engine, carrier: Carrier) -> None:
    customer(engine, "Ana", email="home@example.org", account="1001")
    customer(engine, "Bea", email="home@example.org", account="1002")
    async with serving(context) as live, visiting(live) as page:
        await step(page, kind="email", value="home@example.org")
        await sent(context, carrier)
        await step(page, code=code(carrier))
        states = [(await step(page, answer=str(n)))["state"] for n in range(proving.GUESSES)]
        assert states == ["question"] * (proving.GUESSES - 1) + ["unknown"]
        assert await step(page, answer="1001") == {"state": "invalid"}


async def test_no_code_no_proof(context: Context, engine: Engine, carrier: Carrier) -> None:
    customer(engine, "Ana", email="ana@example.org", account="1001")
    async with serving(context) as live, visiting(live) as page:
        assert await step(page, code="123456") == {"state": "wrong"}
        assert await step(page, answer="1001") == {"state": "invalid"}
        assert await step(page, kind="email", value="nobody") == {"state": "invalid"}
        assert await step(page, kind="account", value="1001") == {"state": "invalid"}
        await step(page, kind="email", value="ana@example.org")
        await sent(context, carrier)
        right = code(carrier)
        wrong = "000000" if right != "000000" else "111111"
        for _ in range(5):
            assert await step(page, code=wrong) == {"state": "wrong"}
        assert await step(page, code=right) == {"state": "wrong"}, "five guesses were enough"
    assert not [row for row in rows(engine, contacts) if row.customer_id]


async def test_another_visitors_code_is_of_no_use(context: Context, engine: Engine, carrier: Carrier) -> None:
    customer(engine, "Ana", email="ana@example.org")
    async with serving(context) as live, visiting(live) as page, visiting(live, "v" + "e" * 32) as eve:
        await step(page, kind="email", value="ana@example.org")
        await sent(context, carrier)
        assert await step(eve, code=code(carrier)) == {"state": "wrong"}


async def test_nobody_can_be_sent_codes_without_end(context: Context, engine: Engine, carrier: Carrier) -> None:
    async with serving(context) as live, visiting(live) as page:
        states = [(await step(page, kind="email", value="ana@example.org"))["state"] for _ in range(4)]
        assert states == ["sent"] * 3 + ["too_many"]
        await step(page, kind="email", value="other@example.org")
        await page.say("prove", data={"kind": "email", "value": "third@example.org"})
        assert (await page.hear("error"))["data"] == {"reason": "too_often"}
    assert len(rows(engine, one_time_codes)) == 4


async def test_codes_are_not_shown_in_the_thread(context: Context, engine: Engine, carrier: Carrier) -> None:
    async with serving(context) as live, visiting(live) as page:
        await page.write("hello")
        await page.answered()
        await step(page, kind="email", value="ana@example.org")
        await sent(context, carrier)
        async with visiting(live) as again:
            assert code(carrier) not in str(again.messages)
    assert any(row.channel == "email" for row in rows(engine, messages_table))


async def test_the_newest_proof_counts(context: Context, engine: Engine, carrier: Carrier) -> None:
    """A browser that several use: whoever has proven it last is at it."""
    ana, bea = customer(engine, "Ana", email="a@example.org"), customer(engine, "Bea", email="b@example.org")
    async with serving(context) as live, visiting(live) as page:
        await page.write("hello")
        for count, (who, address) in enumerate(((ana, "a@example.org"), (bea, "b@example.org")), 1):
            await step(page, kind="email", value=address)
            await sent(context, carrier, count)
            assert await step(page, code=code(carrier)) == {"state": "proven"}
            assert contact(engine).customer_id == who
    with reading(engine) as conn:
        found = recognition.candidates(conn, contact(engine).id)
    assert [candidate.customer_id for candidate in found] == [bea]
    assert contact(engine).caller == ANA
