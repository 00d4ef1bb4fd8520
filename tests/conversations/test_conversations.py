"""Messages feed the flows, each once, whatever comes at once and whatever dies."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from callcenter import contacts, customers
from callcenter.messages import inbound as inbox
from callcenter.messages.inbound import Inbound, InboundFile
from callcenter.tables import contacts as contacts_table
from callcenter.tables import messages, sessions
from ivr.settings import Settings
from tests.carriers import Carrier
from tests.conversations.support import DANA, US, Desk


def bodies(carrier: Carrier) -> str:
    return "\n".join(message.body for message in carrier.sent)


def test_hours_by_text(desk: Desk, carrier: Carrier) -> None:
    """What is asked in the first message is answered, not asked for."""
    got = desk.text("what are your hours today?")
    (answer,) = carrier.sent
    assert (answer.to, answer.body.splitlines()[0]) == (DANA, "Hello from Riverbend Water and Power.")
    assert "We are open now, until 6:00 PM" in answer.body
    assert "Our hours today are from 8:00 AM to 6:00 PM" in answer.body
    assert answer.body.endswith("Is there anything else we can do for you?\n1. yes\n2. no")
    assert "How can we help you?" not in answer.body
    desk.text("no thanks")
    assert "Thank you for writing" in carrier.sent[-1].body
    contact = desk.contact(got.contact_id)
    assert (contact.outcome, contact.served_by, contact.channel) == ("completed", "flow", "sms")


def test_a_greeting_gets_the_question(desk: Desk, carrier: Carrier) -> None:
    desk.text("hi")
    (answer,) = carrier.sent
    assert "How can we help you?" in answer.body
    assert "1. pay a bill" in answer.body
    assert "Sorry" not in answer.body
    desk.text("2")
    assert "Our hours today" in carrier.sent[-1].body


def test_a_thread_is_one_contact_and_then_another(desk: Desk, carrier: Carrier) -> None:
    first = desk.text("hours")
    assert desk.text("no").contact_id == first.contact_id
    second = desk.text("hours")
    assert second.started
    assert {row.contact_id for row in desk.rows(sessions)} == {first.contact_id, second.contact_id}
    assert all(row.handled_at for row in desk.rows(messages) if row.direction == "in")
    assert [kind for _, kind, _ in desk.published] == ["message"] * 6
    assert desk.published[0][0] == f"contact:{first.contact_id}"


def test_an_answer_goes_back_the_way_that_the_question_came(desk: Desk, carrier: Carrier) -> None:
    desk.text("hours?", channel="email", sender="dana@example.com", to="help@example.com", subject="A question",
              provider_id="<1@example.com>", meta={"references": ["<0@example.com>"]})  # fmt: skip
    (row,) = (row for row in desk.rows(messages) if row.direction == "out")
    assert (row.channel, row.to, row.sender, row.author) == ("email", "dana@example.com", "help@example.com", "flow")
    assert (row.subject, row.status, row.purpose) == ("Re: A question", "sent", "answer")
    assert row.meta["reply_to"]["provider_id"] == "<1@example.com>"
    assert row.meta["reply_to"]["references"] == ["<0@example.com>"]


def test_the_customers_language(desk: Desk, carrier: Carrier) -> None:
    desk.text("hi")
    with desk.engine.begin() as conn:
        (customer,) = {row.customer_id for row in desk.rows(contacts_table)}
        customers.update(conn, customer, at=desk.clock[0], language="es")
        contacts.end(conn, desk.rows(contacts_table)[0].id, outcome="completed", at=desk.clock[0])
    desk.text("hola")
    assert "Hola" in carrier.sent[-1].body


def test_a_repeated_message_is_answered_once(desk: Desk, carrier: Carrier) -> None:
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda _: desk.text("hours", provider_id="SM1"), range(6)))
    assert len({one.message_id for one in got}) == 1
    assert len(carrier.sent) == 1


def test_two_processes_answer_each_message_once(desk: Desk, carrier: Carrier) -> None:
    """Ten people write three messages each, to two processes at once."""
    other = desk.another()
    desks = (desk, other)
    people = [f"+1202555{number:04d}" for number in range(10)]
    barrier = threading.Barrier(8)

    def write(worker: int) -> None:
        barrier.wait()
        for turn, words in enumerate(("hi", "2", "no")):
            for person in people:
                # Every message comes to both, as a carrier that repeats itself does.
                desks[worker % 2].conversations.take(
                    Inbound(channel="sms", sender=person, to=US, text=words, provider_id=f"{person}-{turn}")
                )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    for message in desk.rows(messages):
        if message.direction == "in":
            assert message.handled_at
    for person in people:
        sent = [message.body for message in carrier.sent if message.to == person]
        assert len(sent) == 3, sent
        assert "How can we help you?" in sent[0]
        assert "Our hours today" in sent[1]
        assert "Thank you for writing" in sent[2]
    other.runner.close()
    other.runner.engine.dispose()


def test_what_comes_during_an_action_waits_for_it(desk: Desk, carrier: Carrier) -> None:
    desk.text("1")
    let_go = desk.runner.hold("find_bill")
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(desk.text, "10203040")
        while not any(name == "find_bill" for name, _ in desk.runner.began):
            pass
        two = pool.submit(desk.text, "in full")
        let_go.set()
        one.result()
        two.result()
    assert "Your balance is" in carrier.sent[1].body
    assert "For your safety" in carrier.sent[2].body


def test_a_message_that_ends_up_behind_the_end(desk: Desk, carrier: Carrier) -> None:
    """Two messages at once, the first of which ends the flow: the second begins a new contact."""
    first = desk.text("hours")
    with desk.engine.begin() as conn:
        for number, words in enumerate(("no", "hours")):
            inbox.receive(
                conn,
                Inbound(channel="sms", sender=DANA, to=US, text=words, provider_id=f"late{number}"),
                desk.clock[0],
                files_dir=desk.chosen.files_dir,
            )
    desk.clock[0] += timedelta(seconds=10)
    assert desk.conversations.answer_left() == 2
    assert len(desk.rows(contacts_table)) == 2
    assert "Our hours today" in carrier.sent[-1].body
    assert desk.contact(first.contact_id).outcome == "completed"
    assert "message_moved" in desk.kinds(first.contact_id)


def test_no_flow_answers_for_a_person(desk: Desk, carrier: Carrier) -> None:
    got = desk.text("hi")
    with desk.engine.begin() as conn:
        contacts.set_served_by(conn, got.contact_id, "agent:ana", desk.clock[0])
    seq = desk.rows(sessions)[0].seq
    desk.text("are you there?")
    assert len(carrier.sent) == 1
    assert desk.rows(sessions)[0].seq == seq
    newest = max(desk.rows(messages), key=lambda row: row.id)
    assert newest.handled_at is not None
    assert desk.published[-1][2]["direction"] == "in"


def test_files_without_words_leave_the_question_where_it_is(desk: Desk, carrier: Carrier) -> None:
    got = desk.text("hello")
    (before,) = desk.rows(sessions)
    photo = InboundFile("meter.jpg", "image/jpeg", b"\xff\xd8")
    again = desk.text("", files=(photo,), provider_id="photo")
    assert carrier.sent[-1].body == "Thank you, we have received meter.jpg."
    assert len(carrier.sent) == 2
    assert carrier.sent[-1].meta["choices"] == carrier.sent[-2].meta["choices"]
    (after,) = desk.rows(sessions)
    assert (again.contact_id, after.seq) == (got.contact_id, before.seq)
    desk.text("", files=(photo,), provider_id="photo")  # the carrier says it twice
    assert len(carrier.sent) == 2
    desk.text("2")
    assert "Our hours today" in carrier.sent[-1].body


def test_files_answer_an_open_question(desk: Desk, carrier: Carrier) -> None:
    desk.text("person")
    desk.text("yes")
    desk.text("", files=(InboundFile("meter.jpg", "image/jpeg", b"\xff\xd8"),))
    assert "We will get back to you" in carrier.sent[-1].body


def test_what_a_flow_can_not_do_does_not_reach_the_channel(desk: Desk, carrier: Carrier) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no")

    desk.runner.published.current = broken  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        desk.conversations.take(Inbound(channel="sms", sender=DANA, to=US, text="hi", provider_id="1"))
    del desk.runner.published.current
    desk.runner.start = broken  # type: ignore[method-assign]
    got = desk.text("hi")
    assert not carrier.sent
    del desk.runner.start
    desk.clock[0] += timedelta(seconds=6)
    assert desk.conversations.answer_left() == 1
    assert len(carrier.sent) == 1
    desk.conversations.answer(got.message_id)
    assert len(carrier.sent) == 1
    with pytest.raises(LookupError):
        desk.conversations.answer("unknown")


@pytest.mark.parametrize("dies_in", ["_begin", "_feed", "_act", "_deliver"])
def test_a_process_that_dies(desk: Desk, carrier: Carrier, dies_in: str) -> None:
    """Killed in the middle of "yes, my bill": another answers, once."""
    desk.text("hi" if dies_in == "_begin" else "1", sender="+12025550199")
    script = ["hi"] if dies_in == "_begin" else ["1", "10203040"]
    for words in script[:-1]:
        desk.text(words)
    before = len(carrier.sent)
    code = f"""
import os, signal
from pathlib import Path
from callcenter.messages.inbound import Inbound
from ivr.conversations import Conversations
from tests.conversations.support import _desk, NOON, open_database
from tests.twilio.support import settings
chosen = settings(Path({str(desk.chosen.data_dir)!r}), database_url={desk.chosen.database!r})
other = _desk(chosen, open_database(chosen.database), [NOON])
setattr(Conversations, {dies_in!r}, lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL))
other.conversations.take(Inbound(channel="sms", sender={DANA!r}, to={US!r}, text={script[-1]!r}, provider_id="last"))
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    assert len(carrier.sent) == before
    desk.clock[0] += timedelta(seconds=30)
    answered = desk.conversations.answer_left()
    assert answered == (1 if dies_in in ("_begin", "_feed") else 0)
    desk.conversations.go_on_left()
    if dies_in == "_deliver":
        from callcenter import outbox

        outbox.sweep(desk.engine, Settings.defaults(), desk.clock[0])
    assert len(carrier.sent) == before + 1
    assert ("How can we help you?" if dies_in == "_begin" else "Your balance is") in carrier.sent[-1].body
    desk.conversations.answer_left()
    desk.conversations.go_on_left()
    assert len(carrier.sent) == before + 1


def test_the_session_is_named_after_the_contact(desk: Desk, carrier: Carrier) -> None:
    got = desk.text("hi")
    (row,) = desk.rows(sessions)
    assert (row.channel, row.external_id, row.contact_id) == ("sms", got.contact_id, got.contact_id)
    with desk.engine.begin() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(contacts_table)).scalar_one() == 1
