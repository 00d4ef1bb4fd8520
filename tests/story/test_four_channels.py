"""One person on four channels, on real parts: a call over SIP with RTP, texts by a provider's signed webhooks, a mail
over SMTP both ways, the chat in Chromium. Nothing between them is replaced; they share one database."""

from __future__ import annotations

import asyncio
import base64
import json
import queue
import re
import smtplib
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, expect

from callcenter import timeline, webhooks
from callcenter.api import SCOPES, create_key
from callcenter.db import open_database, reading
from callcenter.events import of_contact
from callcenter.messages import _import_all
from ivr.assembly import make_runner
from ivr.channels.mail.service import MailService, make_intake
from ivr.conversations import Conversations
from ivr.settings import Settings
from tests.chat.site import Widget, running
from tests.mail.support import Mailbox
from tests.servers import Handler, serving
from tests.voice.line import Line

pytestmark = [pytest.mark.sip, pytest.mark.timeout(300)]

PHONE, MAIL = "+12025550143", "dana.reyes@example.org"
OUR_NUMBER, OUR_MAIL = "+12025550100", "support@example.com"
ACCOUNT = "10203040"
SECRET = "whsec_" + base64.b64encode(b"a key for tests").decode()
PDF = b"%PDF-1.4 a photo of my meter"
PATIENCE = 60.0


class Texts:
    """The provider of texts: what we send comes to `answers`, what Dana texts goes to our webhook."""

    def __init__(self) -> None:
        self.answers: queue.Queue[dict[str, Any]] = queue.Queue()

    def take(self, handler: Handler) -> None:
        self.answers.put(json.loads(handler.body))
        handler.reply(202, b"{}")

    def next(self) -> str:
        text = self.answers.get(timeout=PATIENCE)
        assert (text["from"], text["to"]) == (OUR_NUMBER, PHONE)
        return str(text["text"])

    @staticmethod
    def text(site: str, words: str) -> None:
        id, now = uuid.uuid4().hex, int(time.time())
        body = json.dumps({"id": id, "from": PHONE, "to": OUR_NUMBER, "text": words}).encode()
        signed = {"webhook-id": id, "webhook-timestamp": str(now),
                  "webhook-signature": webhooks.sign(SECRET, id, now, body)}  # fmt: skip
        requests.post(f"{site}/sms/inbound", data=body, headers=signed, timeout=PATIENCE).raise_for_status()


@contextmanager
def mail_server(settings: Settings) -> Iterator[tuple[str, int]]:
    """Our SMTP server, on a loop of its own; its address."""
    runner = make_runner(settings)
    service = MailService(settings, make_intake(settings, Conversations(runner, settings)))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        address = asyncio.run_coroutine_threadsafe(service.start(), loop).result(PATIENCE)
        assert address is not None
        yield address
    finally:
        asyncio.run_coroutine_threadsafe(service.close(), loop).result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        runner.close()
        runner.engine.dispose()


class Api:
    """The company's own system, which knows its customers and keeps their cases."""

    def __init__(self, base: str, key: str) -> None:
        self._base, self._key = f"{base}/api/v1", key

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self._key}"}
        answer = requests.request(method, self._base + path, json=body, headers=headers, timeout=PATIENCE)
        assert answer.ok, answer.text
        return answer.json()

    def newest(self, customer: str) -> dict[str, Any]:
        """The customer's newest contact."""
        entries = self("GET", f"/customers/{customer}/timeline")["items"]
        found: dict[str, Any] = next(entry for entry in entries if entry["kind"] == "contact")
        return found


def drops_after_the_account(folder: Path, audio: Path) -> None:
    """A call over SIP: she begins to pay, and is cut off when she has said which account it is."""
    with Line(folder, audio) as line:
        call = line.call(PHONE)
        assert call.hears("main.how_can_we_help")
        call.press("1")
        assert call.hears("pay.ask_account")
        call.press(ACCOUNT)
        assert call.hears("pay.how_much")
        assert call.facts().outcome == "hung_up"


def texts_and_goes_on(texts: Texts, site: str) -> None:
    texts.text(site, "hi")
    assert texts.next().startswith("Hello again from Riverbend Water and Power.")
    texts.text(site, "yes")
    assert texts.next().startswith("How much would you like to pay?")  # and not: which account?
    texts.text(site, "1")
    assert "For your safety" in texts.next()  # a card is for the telephone
    texts.text(site, "no")
    assert "Goodbye" in texts.next()


def mails_a_question(address: tuple[str, int], mailbox: Mailbox) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = f"Dana Reyes <{MAIL}>", OUR_MAIL, "Your office"
    mail["Message-ID"], mail["References"] = "<question@example.org>", "<older@example.org>"
    mail.set_content("What are your opening hours today? I'd bring this.")
    mail.add_attachment(PDF, maintype="application", subtype="pdf", filename="meter.pdf")
    with smtplib.SMTP(*address) as client:
        assert client.send_message(mail) == {}
    answer = mailbox.next()
    assert "open" in answer.get_content().lower()
    assert (answer["To"], answer["Subject"]) == (MAIL, "Re: Your office")
    assert answer["In-Reply-To"] == "<question@example.org>"
    assert answer["References"].split() == ["<older@example.org>", "<question@example.org>"]


def chats_and_proves_who_she_is(chromium: Browser, site: str, mailbox: Mailbox) -> None:
    context = chromium.new_context(locale="en-US")
    widget = Widget(context, f"{site}/chat/demo")
    widget.open()
    widget.write("what are your hours?")
    expect(widget.turns("bot").last).to_contain_text("open")
    widget.menu("Confirm who you are")
    widget.page.get_by_label("E-mail address").fill(MAIL)
    widget.page.get_by_role("button", name="Continue", exact=True).click()
    code = re.search(r"\b\d{6}\b", mailbox.next().get_content())
    assert code
    widget.page.get_by_label("The code").fill(code[0])
    widget.page.keyboard.press("Enter")
    expect(widget.page.get_by_text("Confirmed: Dana Reyes")).to_be_visible()
    expect(widget.turns("you")).to_have_text(["what are your hours?"])
    assert widget.errors == []
    context.close()


def test_one_person_one_case_four_channels(
    tmp_path: Path, audio: Path, redis_url: str, mailbox: Mailbox, chromium: Browser
) -> None:
    texts = Texts()
    with serving(texts.take) as provider:
        settings = Settings(
            _env_file=None, data_dir=tmp_path, redis_url=redis_url, live_port=0,
            sms_http_url=provider, sms_http_secret=SECRET, sms_http_from=OUR_NUMBER,
            mail_in_port=0, mail_addresses=OUR_MAIL, mail_from=f"Riverbend <{OUR_MAIL}>",
            smtp_url=f"smtp://127.0.0.1:{mailbox.port}",
        )  # fmt: skip
        with Line(tmp_path, audio) as line:  # makes the database, and publishes the demo company
            assert line.flows.company.resume is not None
        engine = open_database(settings.database)
        with engine.begin() as conn:
            key = create_key(conn, "billing", SCOPES, at=line.runner.now())
        _import_all()
        with running(settings) as site:
            api = Api(site.url, key)
            dana = api("POST", "/customers", {"name": "Dana Reyes"})["id"]
            for kind, value in (("phone", PHONE), ("email", MAIL)):
                api("POST", f"/customers/{dana}/identifiers", {"kind": kind, "value": value})

            drops_after_the_account(tmp_path, audio)
            given = {"customer_id": dana, "subject": "A bill to pay", "contact_id": api.newest(dana)["id"]}
            case = api("POST", "/cases", given)["id"]

            texts_and_goes_on(texts, site.url)  # what goes on where the call was is of the call's case by itself
            with mail_server(settings) as address:
                mails_a_question(address, mailbox)
            api("POST", f"/cases/{case}/contacts", {"contact_id": api.newest(dana)["id"]})
            chats_and_proves_who_she_is(chromium, site.url, mailbox)
            api("POST", f"/cases/{case}/contacts", {"contact_id": api.newest(dana)["id"]})
            kept = api("GET", f"/cases/{case}")["contacts"]

        with reading(engine) as conn:
            page = timeline.page(conn, dana)
            contacts = [entry for entry in reversed(page.entries) if entry.kind == "contact"]
            events = {entry.id: [event.kind for event in of_contact(conn, entry.id)] for entry in contacts}
        engine.dispose()
    assert [entry.data["channel"] for entry in contacts] == ["sip", "sms", "email", "chat"]
    assert kept == [entry.id for entry in contacts]
    assert [entry.id for entry in page.open_cases] == [case]
    assert [entry.kind for entry in page.entries].count("case") == 1
    assert all("case" in [detail.kind for detail in entry.details] for entry in contacts)
    assert [detail.data["name"] for detail in contacts[2].details if detail.kind == "file"] == ["meter.pdf"]
    assert "resumed" in events[contacts[0].id]
    assert "identified" in events[contacts[3].id]
    assert not [kind for found in events.values() for kind in found if kind == "asked_again"]
