"""What becomes of mails: whose contact they join, what is never answered, what reports change."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from callcenter import consent, contacts, identifiers, undeliverable
from callcenter.db import reading
from callcenter.mail import threads
from callcenter.mail.intake import Intake, RefusedMail
from callcenter.mail.parse import parse
from callcenter.tables import contacts as contacts_table
from callcenter.tables import files, messages
from tests.mail import made
from tests.mail.support import DANA, EVERY_DATABASE, US, Office, choice, wire
from tests.secrecy import assert_lands_nowhere

REPLY = """
From: {sender}
To: support@example.com
Subject: Re: Your bill
Message-ID: <r1@gmail.example>
In-Reply-To: <@ID@@example.com>

Tomorrow.
"""
HOURS = """
From: Dana Reyes <dana.reyes@gmail.example>
To: support@example.com
Subject: Opening hours
Message-ID: <{number}@gmail.example>

What are your opening hours? {number}
"""


def test_a_question_is_answered_in_its_thread(office: Office) -> None:
    taken = office.take(HOURS.format(number=1))
    assert taken.answered
    answer = office.carrier.sent[0]
    assert (answer.to, answer.sender, answer.author) == (DANA, US, "flow")
    assert answer.subject == "Re: Opening hours"
    assert answer.meta["reply_to"]["message_id"] == "1@gmail.example"
    assert office.message(taken.message_id).handled_at is not None


@EVERY_DATABASE
def test_the_conversation_goes_on_by_reply(office: Office) -> None:
    first = office.take(HOURS.format(number=1).replace("What are your opening hours? 1", "hello"))
    question = office.carrier.sent[-1]
    hours = choice(question.body, "opening hours")
    reply = REPLY.replace("@ID@", question.id).format(sender=DANA)
    second = office.take(reply.replace("Tomorrow.", f"{hours}\n\nSent from my iPhone"))
    assert second.contact_id == first.contact_id
    assert office.message(second.message_id).body == hours
    assert office.carrier.sent[-1] is not question
    assert "open" in office.carrier.sent[-1].body


def test_a_second_copy_changes_nothing(office: Office) -> None:
    first = office.take(HOURS.format(number=1))
    sent = len(office.carrier.sent)
    again = office.take("Received: from a by b; now\n" + HOURS.format(number=1).lstrip())
    assert again.duplicate
    assert again.message_id == first.message_id
    assert len(office.carrier.sent) == sent


def test_a_reply_joins_the_contact_of_our_message(office: Office) -> None:
    contact = office.wrote(DANA)
    assert office.take(REPLY.format(sender=f"Dana <{DANA.upper()}>")).contact_id == contact
    assert not office.events(contact, "thread_refused")


def test_a_reply_by_plus_address_joins_too(office: Office) -> None:
    contact = office.wrote(DANA)
    mail = REPLY.format(sender=DANA).replace("In-Reply-To: <@ID@@example.com>\n", "")
    assert office.take(mail.replace("To: support@", "To: Support+@ID@@")).contact_id == contact
    other = office.take(mail.replace("r1@", "r2@"), recipients=(f"support+{made.OUR_MESSAGE}@example.com",))
    assert other.contact_id == contact


def test_a_subject_alone_joins_nothing(office: Office) -> None:
    contact = office.wrote("else@provider.example")
    mail = REPLY.format(sender=DANA).replace("In-Reply-To: <@ID@@example.com>\n", "")
    assert office.take(mail).contact_id != contact


@pytest.mark.parametrize("header", ["In-Reply-To: <@ID@@example.com>", "References: <a@b> <@ID@@evil.example>", "To"])
def test_a_spoofed_reference_joins_nobody_elses_contact(office: Office, header: str) -> None:
    victim = office.wrote(DANA)
    mail = REPLY.format(sender="Dana Reyes <mallory@evil.example>")
    if header == "To":
        mail = mail.replace("In-Reply-To: <@ID@@example.com>\n", "").replace("support@", "support+@ID@@")
    else:
        mail = mail.replace("In-Reply-To: <@ID@@example.com>", header)
    taken = office.take(mail)
    assert taken.contact_id != victim
    assert [row.contact_id for row in office.desk.rows(messages) if row.direction == "in"] == [taken.contact_id]
    refused = office.events(taken.contact_id, "thread_refused")
    assert [event.data["answers"] for event in refused] == [made.OUR_MESSAGE]
    assert office.message(taken.message_id).meta["thread_refused"] == made.OUR_MESSAGE
    assert {sent.to for sent in office.carrier.sent} == {"mallory@evil.example"}  # who asks is answered


@EVERY_DATABASE
def test_a_proven_second_address_of_the_customer_joins(office: Office) -> None:
    contact = office.take(HOURS.format(number=1)).contact_id
    with office.desk.engine.begin() as conn:
        row: Any = contacts.get(conn, contact)
        identifiers.add(conn, row.customer_id, "email", "dana@work.example", proof="one_time_code", at=office.clock[0])
    with reading(office.desk.engine) as conn:
        mail = parse(wire(REPLY.replace("@ID@", office.carrier.sent[0].id)))
        assert threads.find(conn, mail, "dana@work.example", ()).contact_id == contact
        assert threads.find(conn, mail, "dana@elsewhere.example", ()).contact_id == ""


def test_machines_are_never_answered(office: Office) -> None:
    office.wrote(DANA)
    machines = [name for name, row in made.table().items() if row["kind"] not in ("person", "bounce")]
    assert len(machines) > 15
    for name in machines:
        taken = office.take(made.read(name))
        assert not taken.answered, name
        row = office.message(taken.message_id)
        assert row.handled_at is not None
        assert row.meta["not_answered"] == taken.verdict.kind
        noted = [event.data for event in office.events(taken.contact_id, "mail_not_answered")]
        assert noted[-1] == {"message": taken.message_id, "kind": taken.verdict.kind, "why": taken.verdict.why}
    office.clock[0] += dt.timedelta(minutes=1)
    assert office.desk.conversations.answer_left() == 0
    assert office.carrier.sent == []


def test_a_contact_that_a_machine_began_is_over(office: Office) -> None:
    taken = office.take(made.read("newsletter"))
    contact = office.desk.contact(taken.contact_id)
    assert (contact.outcome, contact.ended_at) == ("list", office.clock[0])


def test_an_out_of_office_note_stays_on_the_timeline_of_its_contact(office: Office) -> None:
    contact = office.wrote("dana.reyes@corp.example")
    assert office.take(made.read("exchange_out_of_office_en")).contact_id == contact
    assert office.desk.contact(contact).ended_at is None


BOUNCES = {
    "postfix_unknown_user": ("failed", "5.1.1 550 5.1.1 <dana@gone.example>: Recipient address rejected: User unknown"),
    "exchange_ndr": ("failed", "5.1.10 550 5.1.10 RESOLVER.ADR.RecipientNotFound;"),
    "gmail_bounce": ("failed", "5.1.1 550-5.1.1 The email account"),
    "exim_plain": ("failed", "5.2.2 552 5.2.2 Mailbox full"),
    "qmail_failure": ("failed", "5.1.1 Sorry, no mailbox here by that name."),
    "postfix_expired": ("failed", "4.4.1 X-Postfix; connect to mail.slow.example"),
    "delivered_report": ("delivered", ""),
    "postfix_delayed": ("sent", ""),
}


@EVERY_DATABASE
def test_reports_change_the_message_that_they_are_about(office: Office) -> None:
    for name, (status, reason) in BOUNCES.items():
        contact = office.wrote("dana@gone.example")
        taken = office.take(made.read(name))
        row = office.message(made.OUR_MESSAGE)
        assert row.status == status, name
        assert row.error.startswith(reason), name
        assert (taken.message_id, taken.contact_id, taken.answered) == (made.OUR_MESSAGE, contact, False)
        kind = {"sent": "message_delayed"}.get(status, f"message_{status}")
        assert len(office.events(contact, kind)) == 1
    assert [each for each in office.desk.rows(messages) if each.direction == "in"] == []
    assert office.carrier.sent == []


@pytest.mark.parametrize(
    ("name", "code"), [("postfix_unknown_user", "5.1.1"), ("qmail_failure", "5.1.1"), ("exim_plain", None),
                       ("postfix_expired", None), ("postfix_delayed", None)],
)  # fmt: skip
def test_nothing_more_goes_to_an_address_that_is_gone(office: Office, name: str, code: str | None) -> None:
    """A full mailbox and a server that can't be reached say nothing against the address."""
    contact = office.wrote("dana@gone.example")
    office.take(made.read(name))
    with reading(office.desk.engine) as conn:
        found = undeliverable.found(conn, "email", "dana@gone.example")
    assert (found.code if found else None) == code
    assert len(office.events(contact, "address_undeliverable")) == (code is not None)


def test_a_second_report_changes_nothing(office: Office) -> None:
    contact = office.wrote("dana@gone.example")
    office.take(made.read("postfix_unknown_user"))
    again = office.take(made.read("gmail_bounce"))
    assert again.duplicate
    assert len(office.events(contact, "message_failed")) == 1


def test_reports_about_nothing_of_ours_are_let_go(office: Office) -> None:
    taken = office.take(made.read("stranger_bounce"))
    assert (taken.verdict.kind, taken.message_id) == ("bounce", "")
    assert office.desk.rows(contacts_table) == []


@EVERY_DATABASE
def test_a_sender_that_answers_every_answer_is_a_loop(office: Office) -> None:
    kinds = [office.take(HOURS.format(number=number)).verdict.kind for number in range(25)]
    limit = office.desk.chosen.mail_answers_per_hour
    assert "loop" in kinds
    assert kinds[-1] == "loop"
    assert limit <= len(office.carrier.sent) < limit + 5  # a mail may have several answers
    office.clock[0] += dt.timedelta(hours=1, minutes=1)
    assert office.take(HOURS.format(number=99)).verdict.kind == "person"


def test_files_are_kept_or_named(office: Office) -> None:
    taken = office.take(made.read("attachments"))
    kept = {row.name: row.size for row in office.desk.rows(files)}
    assert kept == {"Rechnung März.pdf": 19, "message.eml": 100, "logo.png": 70}
    refused = {event.data["name"]: event.data["why"] for event in office.events(taken.contact_id, "file_refused")}
    assert refused == {"viewer.exe": "program", "passwd.pdf.exe": "program"}


def test_pictures_of_a_signature_dont_take_the_places_of_files(office: Office) -> None:
    picture = ('--m\nContent-Type: image/png; name="p{}.png"\nContent-ID: <p{}>\n'
               "Content-Disposition: inline\n\nPNG\n")  # fmt: skip
    pictures = "".join(picture.format(number, number) for number in range(12))
    mail = (HOURS.format(number=1).replace("\n\nWhat", '\nContent-Type: multipart/mixed; boundary="m"\n\n--m\n\nWhat')
            + pictures + '--m\nContent-Type: application/pdf; name="bill.pdf"\n'
            "Content-Disposition: attachment\n\nPDF\n--m--\n")  # fmt: skip
    office.take(mail)
    names = [row.name for row in office.desk.rows(files)]
    assert len(names) == 10
    assert "bill.pdf" in names


def test_card_numbers_land_nowhere(office: Office) -> None:
    taken = office.take(made.read("card_number"))
    row = office.message(taken.message_id)
    stored = repr(row) + repr(office.desk.rows(messages)) + repr(office.events(taken.contact_id, "message_received"))
    assert_lands_nowhere([], ["4242424242424242", "4242"], texts=[stored])  # but an id may have those four in a row
    assert "12/27" in row.body


def test_what_of_a_mail_is_too_large_is_named(office: Office) -> None:
    taken = office.take(made.read("attachments"), cut=True)
    refused = {event.data["name"]: event.data["why"] for event in office.events(taken.contact_id, "file_refused")}
    assert set(refused.values()) == {"too_large"}
    assert len(refused) == 5
    assert office.message(taken.message_id).body == "Please see the bill."


def test_unsubscribing_by_mail_is_obeyed(office: Office) -> None:
    mail = "From: Dana <dana.reyes@gmail.example>\nTo: support@example.com\nSubject: {}\nMessage-ID: <{}@g.ex>\n\n{}\n"
    office.take(mail.format("Unsubscribe", 1, ""))
    with reading(office.desk.engine) as conn:
        assert consent.refusal(conn, "email", DANA) == "stopped"
    office.take(mail.format("Re: Unsubscribe", 2, "START"))
    with reading(office.desk.engine) as conn:
        assert consent.refusal(conn, "email", DANA) == ""


def test_a_mail_of_nobody_is_refused(office: Office) -> None:
    with pytest.raises(RefusedMail, match="one mailbox"):
        office.take(made.read("two_senders"))
    assert office.desk.rows(messages) == []


def test_every_mail_of_the_table_is_taken_or_refused(office: Office) -> None:
    """All of them into one office: nothing raises, nothing is answered that mustn't be, nothing unsafe is stored."""
    office.wrote(DANA)
    answered = set()
    intake = Intake(office.desk.runner.engine, office.intake.ours, office.desk.conversations.take,
                    files_dir=office.desk.chosen.files_dir, clock=office.desk.runner.now, per_hour=1000)  # fmt: skip
    for name, row in made.table().items():
        office.carrier.sent.clear()
        try:
            taken = intake(made.read(name))
        except RefusedMail:
            assert row["from"] is None
            continue
        assert taken.verdict.kind == row["kind"], name
        if office.carrier.sent:
            answered.add(name)
    assert answered <= {name for name, row in made.table().items() if row["kind"] == "person"}
    assert len(answered) > 40
    for row in office.desk.rows(messages):
        assert "<script" not in row.html.lower()
        assert "4242 4242" not in row.body + row.html + row.subject + repr(row.meta)
