"""The whole way: a customer's mail program, our SMTP server, the flow, the outbox, the customer's mail server."""

from __future__ import annotations

import asyncio
import os
import signal
import smtplib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from callcenter.db import open_database, reading
from callcenter.messages import _import_all
from callcenter.tables import messages
from ivr.channels.mail.service import MailService, make_intake
from ivr.conversations import Conversations
from tests.mail.support import DANA, Mailbox, choice
from tests.twilio.support import prepare, settings

SUPPORT = "support@example.com"


def mail(subject: str, body: str, **headers: str) -> EmailMessage:
    found = EmailMessage()
    found["From"], found["To"], found["Subject"] = f"Dana Reyes <{DANA}>", headers.pop("To", SUPPORT), subject
    found["Message-ID"] = headers.pop("Message_ID", f"<{subject.replace(' ', '.').replace(':', '')}@gmail.example>")
    for name, value in headers.items():
        found[name.replace("_", "-")] = value
    found.set_content(body)
    return found


@pytest.fixture
def running(tmp_path: Path, mailbox: Mailbox) -> Iterator[tuple[str, int]]:
    """The service on a loop of its own; it sends to `mailbox`."""
    chosen = settings(tmp_path, database_url=f"sqlite:///{tmp_path}/test.db", mail_in_port=0, mail_addresses=SUPPORT,
                      mail_from=f"Riverbend <{SUPPORT}>", smtp_url=f"smtp://127.0.0.1:{mailbox.port}")  # fmt: skip
    prepare(chosen).dispose()
    from ivr.assembly import make_runner

    _import_all()
    runner = make_runner(chosen)
    service = MailService(chosen, make_intake(chosen, Conversations(runner, chosen)))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    address = asyncio.run_coroutine_threadsafe(service.start(), loop).result(60)
    assert address is not None
    yield address
    asyncio.run_coroutine_threadsafe(service.close(), loop).result(60)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    runner._pool.shutdown()
    runner.engine.dispose()


def test_a_question_gets_a_threaded_answer(running: tuple[str, int], mailbox: Mailbox) -> None:
    with smtplib.SMTP(*running) as client:
        client.send_message(
            mail("Opening hours", "What are your opening hours today?", References="<older@gmail.example>")
        )
    answer = mailbox.next()
    assert "open" in answer.get_content().lower()
    assert answer["Subject"] == "Re: Opening hours"
    assert answer["From"] == f"Riverbend <{SUPPORT}>"
    assert answer["To"] == DANA
    assert answer["In-Reply-To"] == "<Opening.hours@gmail.example>"
    assert answer["References"].split() == ["<older@gmail.example>", "<Opening.hours@gmail.example>"]
    assert answer["Auto-Submitted"] == "auto-replied"
    ours = answer["Message-ID"].strip("<>").partition("@")[0]
    assert answer["Reply-To"] == f"Riverbend <support+{ours}@example.com>"


def test_a_conversation_goes_on_by_message_id_and_by_plus_address(
    running: tuple[str, int], mailbox: Mailbox, tmp_path: Path
) -> None:
    with smtplib.SMTP(*running) as client:
        client.send_message(mail("Hello", "hello"))
        question = mailbox.next()
        hours = choice(question.get_content(), "opening hours")
        quoted = "".join(f"> {line}\n" for line in question.get_content().splitlines())
        body = f"{hours}\n\nOn Wed, Nov 18, 2026 at 10:32 AM Riverbend <{SUPPORT}> wrote:\n\n{quoted}"
        client.send_message(mail("Re: Hello", body, In_Reply_To=str(question["Message-ID"])))
        second = mailbox.next()
        assert "open" in second.get_content()
        assert second["In-Reply-To"] == "<Re.Hello@gmail.example>"
        address = str(second["Reply-To"].addresses[0].addr_spec)
        client.send_message(mail("No references", hours, To=address), to_addrs=[address])
        assert mailbox.next()["Subject"] == "Re: No references"
    engine = open_database(f"sqlite:///{tmp_path}/test.db")
    with reading(engine) as conn:
        rows = conn.execute(sa.select(messages.c.direction, messages.c.contact_id, messages.c.body)).all()
    engine.dispose()
    assert len({row.contact_id for row in rows}) == 1
    assert [row.body for row in rows if row.direction == "in"] == ["hello", hours, hours]


def test_two_machines_dont_talk_to_each_other(running: tuple[str, int], mailbox: Mailbox) -> None:
    """Our answer goes back as it is, and as an automatic reply to it: neither is answered."""
    with smtplib.SMTP(*running) as client:
        client.send_message(mail("Opening hours", "What are your opening hours today?"))
        answer = mailbox.next()
        client.sendmail(SUPPORT, [SUPPORT], answer.as_bytes())
        client.send_message(mail("Re: Opening hours", "I am away.", Auto_Submitted="auto-replied"))
        client.send_message(mail("A later question", "What are your opening hours today?"))
    assert mailbox.next()["In-Reply-To"] == "<A.later.question@gmail.example>"


Start = Callable[[], tuple["subprocess.Popen[str]", int]]


@pytest.fixture
def program(tmp_path: Path, mailbox: Mailbox) -> Iterator[Start]:
    """Starts `callwright mail` in a process of its own; gives it and its port."""
    chosen = settings(tmp_path, database_url=f"sqlite:///{tmp_path}/test.db")
    prepare(chosen).dispose()
    given = {"DATABASE_URL": chosen.database_url, "DATA_DIR": str(tmp_path), "MAIL_IN_PORT": "0",
             "MAIL_FROM": SUPPORT, "SMTP_URL": f"smtp://127.0.0.1:{mailbox.port}",
             "REDIS_URL": "redis://127.0.0.1:9/0", "LOG_FORMAT": "json"}  # fmt: skip
    started: list[subprocess.Popen[str]] = []

    def start() -> tuple[subprocess.Popen[str], int]:
        process = subprocess.Popen([sys.executable, "-m", "ivr.cli", "mail"], env=os.environ | given, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # fmt: skip
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("mail: smtp://127.0.0.1:"), line
        return process, int(line.rsplit(":", 1)[1])

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(30)
        process.stdout.close()  # type: ignore[union-attr]


def test_what_was_taken_outlives_the_process(program: Start, mailbox: Mailbox, tmp_path: Path) -> None:
    process, port = program()
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.send_message(mail("Opening hours", "What are your opening hours today?"))
        process.send_signal(signal.SIGKILL)  # right after 250
    process.wait(30)
    engine = open_database(f"sqlite:///{tmp_path}/test.db")
    with reading(engine) as conn:
        stored: list[Any] = list(conn.execute(sa.select(messages).where(messages.c.direction == "in")))
    engine.dispose()
    assert [row.subject for row in stored] == ["Opening hours"]
    _, port = program()
    with smtplib.SMTP("127.0.0.1", port) as client:  # the sender didn't hear it and sends it again
        assert client.send_message(mail("Opening hours", "What are your opening hours today?")) == {}
    assert mailbox.next()["In-Reply-To"] == "<Opening.hours@gmail.example>"


def test_the_program_stops_in_order(program: Start) -> None:
    process, port = program()
    with smtplib.SMTP("127.0.0.1", port) as client:
        assert client.noop()[0] == 250
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        client.close()
