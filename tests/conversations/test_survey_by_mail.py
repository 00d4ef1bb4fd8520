"""A survey by mail: one mail, a link that may be looked at by anybody's scanner, one answer, which the history has."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from flask.testing import FlaskClient
from playwright.sync_api import Browser
from werkzeug.serving import make_server

from callcenter import consent, contacts, customers, events, identifiers, outbox
from callcenter.acd.config import Config
from callcenter.acd.match import match
from callcenter.db import reading
from callcenter.desk import history
from callcenter.queues.store import Queues
from callcenter.tables import contacts as contacts_table
from callcenter.tables import messages
from ivr.actions import ActionContext, perform
from ivr.assembly import make_tickets
from ivr.flow.model import Company
from ivr.surveys import PURPOSE, TICKET_SECONDS, link
from ivr.web import create_app
from tests.browsers import chromium
from tests.carriers import Carrier
from tests.conversations.support import Desk
from tests.conversations.test_waiting import queues
from tests.desk.test_browser import Quiet

__all__ = ["chromium", "queues"]
ANN = "ann@example.com"


@pytest.fixture
def client(desk: Desk) -> Iterator[FlaskClient]:
    app = create_app(desk.chosen, desk.runner)
    with app.test_client() as made:
        yield made


def asked(desk: Desk) -> list[Any]:
    """The mails with a survey."""
    return [row for row in desk.rows(messages) if (row.dedupe_key or "").startswith("survey:")]


def path(desk: Desk, contact: str, kind: str = "csat", language: str = "en") -> str:
    return link(make_tickets(desk.chosen), "", contact, kind, language)


def begun(desk: Desk, channel: str = "sip") -> str:
    with desk.engine.begin() as conn:
        return contacts.start(conn, channel=channel, caller="+12025550143", called="1", at=desk.clock[0])


def answers(desk: Desk, contact: str) -> list[Mapping[str, Any]]:
    with reading(desk.engine) as conn:
        return [event.data for event in events.of_contact(conn, contact) if event.kind == "survey"]


def serve(desk: Desk, queues: Queues, thread: str) -> None:
    """An agent answers and is done; the flow goes on."""
    agent = next(name for name in queues.config.agents if queues.config.serves(name, "general"))
    [proposal] = match(queues.snapshot(), queues.clock())
    [offer] = queues.claim(proposal)
    assert queues.accept(offer)
    assert queues.connected(offer)
    with desk.engine.begin() as conn:
        contacts.set_served_by(conn, thread, f"agent:{agent}", desk.clock[0])
    queues.complete(offer)
    desk.conversations.served(thread, agent)


def test_who_wrote_a_mail_is_sent_one_link_and_answers_once(
    desk: Desk, queues: Queues, client: FlaskClient, carrier: Carrier
) -> None:
    queues.sign_in(next(name for name in queues.config.agents if queues.config.serves(name, "general")))
    thread = desk.text("agent", channel="email", sender=ANN, to="help@example.com", subject="My meter").contact_id
    serve(desk, queues, thread)
    [mail] = asked(desk)
    assert (mail.to, mail.purpose, mail.contact_id) == (ANN, "notice", thread)
    assert desk.contact(thread).ended_at is not None
    assert "How satisfied" in mail.body
    assert outbox.deliver(desk.engine, desk.chosen, mail.id, desk.clock[0]) == "sent"
    assert carrier.sent[-1].meta["unsubscribe"]

    [whole] = re.findall(r"https?://\S+/survey/\S+", mail.body)
    links = re.findall(r'href="([^"]+)"', mail.html)
    assert links == [f"{whole}?score={score}" for score in (1, 2, 3, 4, 5)]
    assert "<img" not in mail.html
    where = links[3].removeprefix(desk.chosen.base_url)
    page = client.get(where)
    assert page.status_code == 200
    assert re.findall(r'value="(\d)" required( checked)?', page.text) == [
        ("1", ""), ("2", ""), ("3", ""), ("4", " checked"), ("5", ""),
    ]  # fmt: skip
    assert answers(desk, thread) == []  # a scanner that looks at every link has answered nothing
    assert "Thank you" in client.post(where, data={"score": "5", "comment": "Very kind"}).text
    assert "Thank you" in client.post(where, data={"score": "1"}).text
    assert "<form" not in client.get(where).text
    assert answers(desk, thread) == [{"kind": "csat", "score": 5, "comment": "Very kind"}]

    now = datetime.now(UTC)  # when they answered
    period = history.Period("range", desk.clock[0].date(), desk.clock[0].date(), UTC)
    with reading(desk.engine) as conn:
        found = history.read(conn, period, "channel", Config(), max(now, desk.clock[0]))
    assert found.rows["email"].shown()["csat"] == 1.0


def test_what_is_no_answer(desk: Desk, client: FlaskClient) -> None:
    contact = begun(desk)
    where = path(desk, contact)
    for score in ("0", "6", "x", ""):
        assert client.post(where, data={"score": score}).status_code == 422
        assert "checked" not in client.get(f"{where}?score={score}").text
    assert client.post(path(desk, "nobody"), data={"score": "3"}).status_code == 200
    assert answers(desk, contact) == answers(desk, "nobody") == []
    long = client.post(where, data={"score": "3", "comment": "x" * 9000})
    assert (long.status_code, len(answers(desk, contact)[0]["comment"])) == (200, 2000)


def test_a_link_that_isn_t_ours(desk: Desk, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    contact = begun(desk)
    where = path(desk, contact)
    other = make_tickets(desk.chosen).issue("chat-link", contact, data={"kind": "csat", "language": "en"})
    forged = where.replace("/survey/", "/survey/A")
    for wrong in (forged, f"/survey/{other}", "/survey/x", "/survey/" + "x" * 5000):
        answer = client.post(wrong, data={"score": "5"})
        assert answer.status_code in (404, 410)
    assert "This link is no longer valid" in client.get(forged).text
    assert "ya no vale" in client.get(forged, headers={"Accept-Language": "es"}).text
    tickets = make_tickets(desk.chosen)
    assert tickets.read(where.rpartition("/")[2], PURPOSE, TICKET_SECONDS).subject == contact
    assert answers(desk, contact) == []


def test_questions_scales_and_languages(desk: Desk, client: FlaskClient) -> None:
    contact = begun(desk)
    shown = {kind: client.get(path(desk, contact, kind, "es")).text for kind in ("csat", "nps", "ces")}
    assert {kind: text.count('type="radio"') for kind, text in shown.items()} == {"csat": 5, "nps": 11, "ces": 7}
    assert '<html lang="es">' in shown["nps"]
    assert "recomendaría Riverbend" in shown["nps"]
    assert client.post(path(desk, contact, "nps"), data={"score": "0"}).status_code == 200
    assert answers(desk, contact) == [{"kind": "nps", "score": 0}]
    answer = client.get(path(desk, contact))
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"


def send(desk: Desk, contact: str, **arguments: str) -> str:
    context = ActionContext(
        desk.engine, desk.clock[0], contact, "session", "session:1", Company(name="Riverbend"), {},
        time.monotonic() + 20, desk.chosen,
    )  # fmt: skip
    return perform("send_survey", context, arguments).exit


def test_whom_it_is_sent_to(desk: Desk, carrier: Carrier) -> None:
    stranger, known = begun(desk), begun(desk)
    with desk.engine.begin() as conn:
        ana = customers.create(conn, at=desk.clock[0], name="Ana")
        identifiers.add(conn, ana, "email", "ana@example.com", at=desk.clock[0], proof="one_time_code")
        ben = customers.create(conn, at=desk.clock[0], name="Ben")
        identifiers.add(conn, ben, "email", "ben@example.com", at=desk.clock[0], proof="one_time_code")
        table = contacts_table
        conn.execute(sa.update(table).where(table.c.id == known).values(customer_id=ana))
    assert send(desk, stranger) == "no_address"
    assert send(desk, stranger, to="victim@example.net") == "no_address"  # nobody's: no mails to strangers
    assert send(desk, known, to="ben@example.com") == "no_address"
    assert send(desk, known, to="no address") == "no_address"
    assert [send(desk, known), send(desk, known), send(desk, known, kind="ces")] == ["sent"] * 3
    assert [(row.to, row.dedupe_key.rpartition(":")[2]) for row in asked(desk)] == [
        ("ana@example.com", "csat"), ("ana@example.com", "ces"),
    ]  # fmt: skip
    later = begun(desk)
    with desk.engine.begin() as conn:
        conn.execute(sa.update(table).where(table.c.id == later).values(customer_id=ana))
        consent.suppress(conn, "email", "ana@example.com", source="link", at=desk.clock[0])
    assert send(desk, later) == "refused"


def test_nothing_is_sent_where_there_are_no_mails(desk: Desk) -> None:
    assert send(desk, begun(desk)) == "failed"


@pytest.fixture
def url(desk: Desk) -> Iterator[str]:
    """The web process's."""
    server = make_server("127.0.0.1", 0, create_app(desk.chosen, desk.runner), threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_page_in_a_browser(chromium: Browser, desk: Desk, url: str) -> None:
    contact = begun(desk)
    complaints: list[str] = []
    page = chromium.new_page()
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.goto(f"{url}{path(desk, contact, 'nps')}?score=9")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page).response["violations"]
        assert [(one["id"], [node["html"][:100] for node in one["nodes"]]) for one in found] == []
        if shots := os.environ.get("SHOTS"):
            page.screenshot(path=f"{shots}/survey-{scheme}.png")
    page.set_viewport_size({"width": 360, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("button", name="Send").click()
    page.get_by_role("heading", name="Thank you").wait_for()
    page.close()
    assert complaints == []
    assert answers(desk, contact) == [{"kind": "nps", "score": 9}]
