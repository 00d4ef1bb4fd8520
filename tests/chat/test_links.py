"""A link to the chat: a call goes on there, once, for whoever it was sent to; nothing that was given is asked again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Route, expect
from sqlalchemy.engine import Engine

from callcenter import cases, chat_links, contacts, customers, identifiers, timeline
from callcenter.db import reading
from callcenter.tables import chat_links as links_table
from callcenter.tables import contacts as contacts_table
from callcenter.tables import identifiers as identifiers_table
from callcenter.tables import messages, sessions
from ivr.actions import perform
from ivr.assembly import make_runner, make_tickets
from ivr.channels.chat import identity, visitors
from ivr.flow.inputs import Words
from ivr.flow.model import Company
from ivr.flow.session import SPEECH, TEXT, Session
from ivr.runner import Runner
from ivr.settings import Settings
from tests.actions.support import context
from tests.browsers import chromium
from tests.carriers import Carrier
from tests.chat.conftest import SHOP, kinds, rows
from tests.chat.site import Site, Widget, running
from tests.waiting import until

__all__ = ["chromium"]

PHONE = "+12025550143"
MOVING = "I am moving to another house on the fourth of December"


@pytest.fixture
def runner(settings: Settings) -> Iterator[Runner]:
    made = make_runner(settings)
    yield made
    made.close()
    made.engine.dispose()


@pytest.fixture
def dana(engine: Engine) -> str:
    now = datetime.now(UTC)
    with engine.begin() as conn:
        made = customers.create(conn, at=now, name="Dana Reyes")
        identifiers.add(conn, made, "phone", PHONE, at=now)
        return made


def call(runner: Runner, caller: str = PHONE, *, number: str = "1", channel: str = "sip") -> Session:
    """A call that says at once what it is about; it goes on by itself until something is asked or it ends."""
    turn = runner.start(
        channel=channel, capabilities=SPEECH if channel == "sip" else TEXT, external_id=number, caller=caller,
        called="+12025550100", first=Words(MOVING),
    )  # fmt: skip
    while turn.action is not None:
        done = runner.wait(runner.begin(turn.session, turn.action), turn.action, 30)
        assert done is not None
        turn = runner.feed(turn.session, done)
    return turn.session


def link(carrier: Carrier) -> str:
    """The ticket in the text that was sent last."""
    found = re.search(r"/chat/link#(\S+)$", carrier.sent[-1].body)
    assert found, carrier.sent[-1].body
    return found[1]


def open_link(client: FlaskClient, ticket: str, visitor: str = "") -> dict[str, Any]:
    answer = client.post("/chat/ticket", json={"link": ticket, "visitor": visitor}, headers={"Origin": SHOP})
    assert answer.status_code == 200
    found: Any = answer.json
    return dict(found)


def chats(engine: Engine) -> list[Any]:
    return sorted(
        (row for row in rows(engine, contacts_table) if row.channel == "chat"), key=lambda row: row.started_at
    )


def said(engine: Engine, contact_id: str) -> list[str]:
    own = [row for row in rows(engine, messages) if row.contact_id == contact_id and row.channel == "chat"]
    return [row.body for row in sorted(own, key=lambda row: row.id)]


def test_the_call_goes_on_in_the_chat(
    client: FlaskClient, runner: Runner, engine: Engine, carrier: Carrier, dana: str
) -> None:
    phone = call(runner)
    assert (phone.ended, phone.outcome) == (True, "chat_link_sent")
    assert carrier.sent[-1].to == PHONE
    answer = open_link(client, link(carrier))
    assert answer["link"] == "opened"
    [chat] = chats(engine)
    assert until(lambda: said(engine, chat.id)) == ["What is your new address? Please write it with the postcode."]
    assert (chat.customer_id, chat.served_by) == (dana, "flow")
    [session] = [row for row in rows(engine, sessions) if row.contact_id == chat.id]
    assert json.loads(session.data)["slots"]["moving_on"][-5:] == "12-04"
    found = kinds(engine, chat.id)
    assert "asked_again" not in found
    assert "resume_offered" not in found
    assert {"identified", "goes_on_by_link", "resume"} <= set(found)
    assert {"chat_link_opened", "resumed"} <= set(kinds(engine, phone.contact_id))
    with reading(engine) as conn:
        [known] = identifiers.identify(conn, "phone", PHONE)
        page = timeline.page(conn, dana)
    assert (known.customer_id, known.proof) == (dana, "link"), "more than caller id, less than a code"
    assert [entry.data["channel"] for entry in reversed(page.entries) if entry.kind == "contact"] == ["sip", "chat"]
    texts = [detail for entry in page.entries for detail in entry.details if detail.kind == "message"]
    assert link(carrier) not in json.dumps([detail.data for detail in texts])


def test_a_link_leaves_the_browser_a_stranger(
    client: FlaskClient, runner: Runner, engine: Engine, carrier: Carrier, dana: str
) -> None:
    """It may have been passed on: it settles this conversation, and no other that begins in that browser."""
    call(runner)
    open_link(client, link(carrier))
    assert not [row for row in rows(engine, identifiers_table) if row.kind == "chat_visitor"]


def test_it_counts_once(client: FlaskClient, runner: Runner, engine: Engine, carrier: Carrier, dana: str) -> None:
    call(runner)
    first = open_link(client, link(carrier))
    [chat] = chats(engine)
    until(lambda: said(engine, chat.id))
    assert open_link(client, link(carrier), first["visitor"])["link"] == "opened", "the same browser, reloaded"
    assert open_link(client, link(carrier))["link"] == "over", "another one"
    assert [row.id for row in chats(engine)] == [chat.id]
    assert len(said(engine, chat.id)) == 1


def test_a_newer_link_replaces_an_older_one(
    client: FlaskClient, runner: Runner, engine: Engine, carrier: Carrier, dana: str
) -> None:
    call(runner)
    older = link(carrier)
    call(runner, number="2")
    assert open_link(client, older)["link"] == "over"
    assert open_link(client, link(carrier))["link"] == "opened"


def test_it_counts_for_an_hour(
    client: FlaskClient, runner: Runner, engine: Engine, carrier: Carrier, dana: str
) -> None:
    call(runner)
    with engine.begin() as conn:
        before = datetime.now(UTC) - timedelta(seconds=1)
        conn.execute(sa.update(links_table).values(expires_at=before))
    assert open_link(client, link(carrier))["link"] == "over"
    with engine.begin() as conn:
        assert chat_links.forget(conn, datetime.now(UTC)) == 1
    assert {row.body for row in rows(engine, messages)} == {"[one-time code]"}


@pytest.mark.parametrize("ticket", ["x", "x" * 5000, "eyJ.abc.def"])
def test_what_is_no_link_of_ours(client: FlaskClient, engine: Engine, ticket: str) -> None:
    answer = open_link(client, ticket)
    assert (answer["link"], chats(engine)) == ("over", [])


def test_a_ticket_for_something_else_is_no_link(
    client: FlaskClient, settings: Settings, runner: Runner, engine: Engine, carrier: Carrier, dana: str
) -> None:
    call(runner)
    [row] = rows(engine, links_table)
    other = visitors.token(make_tickets(settings), row.id)
    assert open_link(client, other)["link"] == "over"


def test_nobody_gets_more_than_three_an_hour(runner: Runner, engine: Engine, carrier: Carrier, dana: str) -> None:
    for number in range(chat_links.PER_HOUR):
        assert call(runner, number=str(number)).outcome == "chat_link_sent"
    assert call(runner, number="more").outcome != "chat_link_sent"
    assert len(carrier.sent) == chat_links.PER_HOUR


@pytest.mark.parametrize(
    ("caller", "to", "exit"),
    [
        (PHONE, "", "sent"),
        (PHONE, "(202) 555-0143", "sent"),
        (PHONE, "dana@example.org", "sent"),
        (PHONE, "+12025550177", "no_address"),
        (PHONE, "lee@example.org", "no_address"),
        (PHONE, "12", "no_address"),
        ("anonymous", "", "no_address"),
    ],
)
def test_where_a_link_may_go(
    runner: Runner, settings: Settings, engine: Engine, carrier: Carrier, dana: str, caller: str, to: str, exit: str
) -> None:
    """To the caller, and to addresses of whom the caller may be; nobody has strangers texted."""
    now = datetime.now(UTC)
    with engine.begin() as conn:
        identifiers.add(conn, dana, "email", "dana@example.org", at=now)
        identifiers.add(conn, customers.create(conn, at=now, name="Lee"), "email", "lee@example.org", at=now)
    session = runner.start(channel="sip", capabilities=SPEECH, external_id="1", caller=caller, called="1").session
    made = context(
        engine, contact_id=session.contact_id, session_id=session.id, settings=settings, now=now,
        company=Company(name="Riverbend", country="US"),
    )  # fmt: skip
    first = perform("send_chat_link", made, {"to": to})
    again = perform("send_chat_link", made, {"to": to})
    assert (first.exit, again.exit, len(carrier.sent)) == (exit, exit, exit == "sent")


def test_without_a_sender_it_fails(runner: Runner, settings: Settings, engine: Engine, dana: str) -> None:
    session = runner.start(channel="sip", capabilities=SPEECH, external_id="1", caller=PHONE, called="1").session
    made = context(engine, contact_id=session.contact_id, session_id=session.id, settings=settings)
    result = perform("send_chat_link", made, {})
    assert (result.exit, rows(engine, messages)) == ("failed", [])
    assert "no SMS sender is configured" in result.data["error"]


def test_the_browser_of_another_customer_becomes_a_new_visitor(
    client: FlaskClient, settings: Settings, runner: Runner, engine: Engine, carrier: Carrier, dana: str
) -> None:
    lee = "v" + "1" * 32
    with engine.begin() as conn:
        other = customers.create(conn, at=datetime.now(UTC), name="Lee")
        identity.bind(conn, lee, other, "one_time_code", datetime.now(UTC), "US")
    call(runner)
    answer = open_link(client, link(carrier), visitors.token(make_tickets(settings), lee))
    [chat] = chats(engine)
    assert chat.caller != lee
    assert visitors.remembered(make_tickets(settings), answer["visitor"]) == chat.caller


def test_what_a_flow_was_saying_ends_and_an_agent_stays(
    client: FlaskClient, settings: Settings, runner: Runner, engine: Engine, carrier: Carrier, dana: str
) -> None:
    tickets = make_tickets(settings)
    for visitor, served_by in (("v" + "2" * 32, "flow"), ("v" + "3" * 32, "agent:bob")):
        with engine.begin() as conn:
            before = contacts.start(
                conn, channel="chat", caller=visitor, called=SHOP, at=datetime.now(UTC), served_by=served_by
            )
        call(runner, number=visitor)
        assert open_link(client, link(carrier), visitors.token(tickets, visitor))["link"] == "opened"
        own = [row for row in chats(engine) if row.caller == visitor]
        if served_by == "flow":
            assert [(row.id == before, row.ended_at is None) for row in own] == [(True, False), (False, True)]
            until(partial(said, engine, own[1].id))
        else:
            assert [(row.id, row.customer_id) for row in own] == [(before, dana)]
            assert "goes_on_by_link" in kinds(engine, before)


def test_a_shared_telephone_settles_nobody_unless_the_call_has(
    client: FlaskClient, runner: Runner, engine: Engine, carrier: Carrier, dana: str
) -> None:
    phone = call(runner)
    with engine.begin() as conn:
        lee = customers.create(conn, at=datetime.now(UTC), name="Lee")
        identifiers.add(conn, lee, "phone", PHONE, at=datetime.now(UTC))
        conn.execute(sa.update(contacts_table).where(contacts_table.c.id == phone.contact_id).values(customer_id=None))
    open_link(client, link(carrier))
    [chat] = chats(engine)
    assert chat.customer_id is None
    assert "ambiguous" in kinds(engine, chat.id)


def test_who_writes_already_needs_no_link(runner: Runner, engine: Engine, carrier: Carrier, dana: str) -> None:
    session = call(runner, channel="sms")
    assert session.stack[-1] == ("move_house", "new_address")
    assert carrier.sent == []


def test_a_step_that_is_gone_begins_anew_with_what_was_given(
    client: FlaskClient, runner: Runner, engine: Engine, carrier: Carrier, dana: str
) -> None:
    call(runner)
    with engine.begin() as conn:
        conn.execute(sa.update(links_table).values(stack=[["main", "no_such_step"]]))
    open_link(client, link(carrier))
    [chat] = chats(engine)
    assert "How can we help you?" in until(lambda: said(engine, chat.id))[0]


def test_by_hand_in_a_browser(
    settings: Settings, runner: Runner, engine: Engine, carrier: Carrier, dana: str, chromium: Browser
) -> None:
    with running(settings) as site:
        call(runner)
        ticket = link(carrier)
        browser = chromium.new_context(locale="en-US")
        preview(browser.request, site)
        widget = Widget(browser, f"{site.url}/chat/link#{ticket}")
        assert ticket not in widget.page.url, "it isn't left in the address bar, nor in the history"
        assert chats(engine) == []
        widget.page.get_by_role("button", name="Continue in the chat").click()
        expect(widget.turns("bot")).to_have_text(["What is your new address? Please write it with the postcode."])
        widget.write("8 Ocean Drive, 33139 Miami")
        expect(widget.turns("bot").last).to_contain_text("anything else")
        expect(widget.turns("bot").nth(1)).to_contain_text("your service will move to: 8 Ocean Drive, 33139 Miami")
        expect(widget.turns("you")).to_have_text(["8 Ocean Drive, 33139 Miami"])
        assert widget.errors == []
        again = Widget(chromium.new_context(locale="es-ES"), f"{site.url}/chat/link#{ticket}")
        again.page.get_by_role("button", name="Continuar en el chat").click()
        expect(again.page.get_by_text("Este enlace ya no vale.")).to_be_visible()
        expect(again.turns("you")).to_have_count(0)
        again.page.context.close()
        browser.close()
    [chat] = chats(engine)
    assert chat.customer_id == dana
    assert "asked_again" not in kinds(engine, chat.id)
    with reading(engine) as conn:
        assert [case.subject for case in cases.unresolved(conn, dana)] == ["Move to 8 Ocean Drive, 33139 Miami"]


def test_who_goes_on_before_the_words_have_come_is_not_forgotten(
    settings: Settings, runner: Runner, engine: Engine, carrier: Carrier, dana: str, chromium: Browser
) -> None:
    with running(settings) as site:
        call(runner)
        browser = chromium.new_context(locale="en-US")
        asked: list[Route] = []
        browser.route("**/chat/en.js", lambda route: asked.append(route))
        widget = Widget(browser, f"{site.url}/chat/link#{link(carrier)}")
        widget.page.get_by_role("button", name="Continue in the chat").click()
        for route in asked:
            route.continue_()
        expect(widget.turns("bot")).to_have_text(["What is your new address? Please write it with the postcode."])
        assert len(asked) == 1
        assert widget.errors == []
        browser.close()
    assert [chat.customer_id for chat in chats(engine)] == [dana]


def test_a_link_that_is_followed_while_the_chat_connects_is_not_forgotten(
    settings: Settings, runner: Runner, engine: Engine, carrier: Carrier, dana: str, chromium: Browser
) -> None:
    with running(settings) as site:
        call(runner)
        ticket = link(carrier)
        browser = chromium.new_context(locale="en-US")
        widget = Widget(browser, f"{site.url}/chat/demo")
        with widget.tickets_held():
            widget.open()
            expect(widget.page.get_by_text("Connecting")).to_be_visible()
            widget.page.evaluate("link => document.querySelector('callwright-chat').goOn(link)", ticket)
        expect(widget.turns("bot")).to_have_text(["What is your new address? Please write it with the postcode."])
        assert widget.errors == []
        browser.close()
    assert [chat.customer_id for chat in chats(engine)] == [dana]


def preview(request: Any, site: Site) -> None:
    """What a messenger does to show a link: it uses none up."""
    page = request.get(f"{site.url}/chat/link")
    assert page.ok
    assert page.headers["referrer-policy"] == "no-referrer"
