"""Texts, WhatsApp and Messenger by Twilio's webhooks, and what Twilio reports of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from callcenter import events, files, outbox, undeliverable
from callcenter.db import reading
from callcenter.tables import contacts, messages, suppressions
from ivr.rehearsal.twilio_double.transport import FailedWebhook
from tests.servers import Handler, serving
from tests.twilio.support import ACCOUNT_SID, BASE_URL, NOON, Line, line, settings

DANA, US = "+12025550143", "+12025550100"


class Api:
    """Twilio's REST API, as far as messages need it (https://www.twilio.com/docs/messaging/api)."""

    def __init__(self) -> None:
        self.sent: list[dict[str, str]] = []
        self.media: dict[str, tuple[int, str, bytes]] = {}
        self.asked: list[str] = []
        self.stopped: set[tuple[str, str]] = set()
        """(From, To) of whom Twilio takes nothing, until they say START: it knows of words that never reach us."""

    def __call__(self, handler: Handler) -> None:
        path = urlsplit(handler.path).path
        self.asked.append(f"{handler.command} {path}")
        assert handler.headers["Authorization"].startswith("Basic ")
        if handler.command == "POST" and path.endswith("/Messages.json"):
            form = {name: values[0] for name, values in parse_qs(handler.body.decode()).items()}
            if (form["From"], form["To"]) in self.stopped:
                return handler.reply(
                    400, b'{"code": 21610, "message": "Attempt to send to unsubscribed recipient", "status": 400}'
                )
            self.sent.append(form)
            return handler.reply(201, b'{"sid": "%s"}' % sid(1000 + len(self.sent)).encode())
        if found := re.search(r"/Media/(ME\w+)$", path):
            status, kind, data = self.media[found[1]]
            return handler.reply(status, data, kind)
        return handler.reply(404, b"{}")


def sid(number: int, kind: str = "SM") -> str:
    return f"{kind}{number:032x}"


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()
    with serving(made) as base:
        made.base = base  # type: ignore[attr-defined]
        yield made


@pytest.fixture
def sms(tmp_path: Path, api: Api) -> Iterator[Line]:
    chosen = settings(tmp_path, twilio_from=US, twilio_whatsapp_from="+12025550111", twilio_messenger_from="4711",
                      twilio_api_base=api.base)  # type: ignore[attr-defined]  # fmt: skip
    made = line(chosen)
    made.runner.submit = lambda work, *arguments: work(*arguments)  # type: ignore[method-assign]
    yield made
    made.close()


def text(line: Line, body: str, number: int = 1, **more: str) -> Any:
    form = {"MessageSid": sid(number), "AccountSid": ACCOUNT_SID, "From": DANA, "To": US, "Body": body,
            "NumMedia": "0", **more}  # fmt: skip
    return line.twilio.post(f"{BASE_URL}/twilio/messages", form)


def test_hours_by_text(sms: Line, api: Api) -> None:
    answer = text(sms, "What are your hours today?")
    assert (answer.status, b"<Response/>" in answer.body) == (200, True)
    (sent,) = api.sent
    assert (sent["To"], sent["From"]) == (DANA, US)
    assert "Our hours today are from 8:00 AM to 6:00 PM." in sent["Body"]
    assert sent["StatusCallback"].startswith(f"{BASE_URL}/twilio/messages/status?message=")
    (row,) = (row for row in sms.rows(messages) if row.direction == "out")
    assert (row.status, row.reference, row.segments) == ("sent", sid(1001), 2)


@pytest.mark.parametrize(
    ("channel", "sender", "to"),
    [("whatsapp", f"whatsapp:{DANA}", "whatsapp:+12025550111"), ("messenger", "messenger:998877", "messenger:4711")],
)
def test_other_channels_through_the_same_door(sms: Line, api: Api, channel: str, sender: str, to: str) -> None:
    text(sms, "hours", From=sender, To=to)
    assert (api.sent[0]["To"], api.sent[0]["From"]) == (sender, to)
    assert "Our hours today" in api.sent[0]["Body"]
    (contact,) = sms.rows(contacts)
    assert (contact.channel, contact.caller) == (channel, sender.partition(":")[2])
    assert contact.customer_id


def test_twilio_may_repeat_itself(sms: Line, api: Api) -> None:
    sms.twilio.duplicate = 3
    text(sms, "hours")
    text(sms, "hours")
    assert len(api.sent) == 1
    assert len([row for row in sms.rows(messages) if row.direction == "in"]) == 1


@pytest.mark.parametrize(
    "wrong",
    [{"MessageSid": "SM1"}, {"MessageSid": ""}, {"From": "fax:1"}, {"From": ""}, {"From": "+1" + "2" * 400}],
)
def test_what_is_no_message_is_refused(sms: Line, wrong: dict[str, str]) -> None:
    with pytest.raises(FailedWebhook, match="HTTP 400"):
        text(sms, "hi", 1, **wrong)
    assert sms.rows(messages) == []


@pytest.mark.parametrize("path", ["/twilio/messages", "/twilio/messages/status?message=x"])
def test_only_twilio_is_believed(sms: Line, path: str) -> None:
    client = sms.app.test_client()
    form = {"MessageSid": sid(1), "From": DANA, "To": US, "Body": "hi", "MessageStatus": "sent"}
    assert client.post(path, data=form).status_code == 403
    wrong = replace(sms.twilio, auth_token="another")
    with pytest.raises(FailedWebhook, match="HTTP 403"):
        wrong.post(f"{BASE_URL}{path}", form)
    assert sms.rows(messages) == []


def test_a_dead_database_is_tried_again(sms: Line, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [503]

    def broken(*_: Any, **__: Any) -> Any:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr("callcenter.messages.inbound.receive", broken)
        with pytest.raises(FailedWebhook, match=f"HTTP {answers[0]}"):
            text(sms, "hours")
    text(sms, "hours")
    assert len(api.sent) == 1


# Files


def test_photos_are_fetched_with_our_credentials(sms: Line, api: Api) -> None:
    api.media = {sid(7, "ME"): (200, "image/jpeg", b"\xff\xd8" * 50), sid(8, "ME"): (200, "text/html", b"<html>")}
    base = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/{sid(1)}/Media"
    text(sms, "my meter", NumMedia="3", MediaUrl0=f"{base}/{sid(7, 'ME')}", MediaContentType0="image/jpeg",
         MediaUrl1=f"{base}/{sid(8, 'ME')}", MediaContentType1="text/html",
         MediaUrl2="http://169.254.169.254/latest/meta-data", MediaContentType2="image/png")  # fmt: skip
    (contact,) = sms.rows(contacts)
    with reading(sms.engine) as conn:
        kept: list[Any] = list(files.of_contact(conn, contact.id))
        refused = [event.data for event in events.of_contact(conn, contact.id) if event.kind == "file_refused"]
    assert [(row.name, row.media_type, row.size) for row in kept] == [("file1.jpg", "image/jpeg", 100)]
    assert [(fact["name"], fact["why"]) for fact in refused] == [("file2.html", "program")]
    assert len(api.sent) == 1
    assert not [path for path in api.asked if "169" in path]


def test_a_photo_that_comes_late(sms: Line, api: Api) -> None:
    api.media = {sid(7, "ME"): (503, "text/plain", b"")}
    url = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/{sid(1)}/Media/{sid(7, 'ME')}"
    text(sms, "", NumMedia="1", MediaUrl0=url, MediaContentType0="image/png")
    assert not api.sent
    api.media = {sid(7, "ME"): (200, "image/png", b"x")}
    conversations = sms.app.extensions["conversations"]
    (row,) = sms.rows(messages)
    conversations.answer(row.id)
    assert len(api.sent) == 1
    with reading(sms.engine) as conn:
        assert len(files.of_contact(conn, row.contact_id)) == 1
    (row, _) = sorted(sms.rows(messages), key=lambda row: row.direction)
    assert row.meta == {}


def test_a_photo_that_never_comes(sms: Line, api: Api) -> None:
    api.media = {sid(7, "ME"): (500, "text/plain", b"")}
    url = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/{sid(1)}/Media/{sid(7, 'ME')}"
    text(sms, "look", NumMedia="1", MediaUrl0=url, MediaContentType0="image/png")
    (row,) = sms.rows(messages)
    for _ in range(6):
        assert not api.sent
        sms.app.extensions["conversations"].answer(row.id)
        if api.sent:
            break
    with reading(sms.engine) as conn:
        assert "not_fetched" in [event.data.get("why") for event in events.of_contact(conn, row.contact_id)]


# Keywords


@pytest.mark.parametrize(
    ("word", "answered"), [("STOP", False), ("Stop.", False), ("unsubscribe", False), ("baja", True), (" ALTO ", True)]
)
def test_stop(sms: Line, api: Api, word: str, answered: bool) -> None:
    """Twilio answers the words that it knows; we those of the company."""
    text(sms, word)
    assert [(row.channel, row.address) for row in sms.rows(suppressions)] == [("sms", DANA)]
    (contact,) = sms.rows(contacts)
    assert contact.outcome == "opted_out"
    with reading(sms.engine) as conn:
        assert "opted_out" in [event.kind for event in events.of_contact(conn, contact.id)]
    assert [sent["Body"] for sent in api.sent] == (
        ["You won't get further messages from Riverbend Water and Power. Reply START to get them again."]
        if answered else []
    )  # fmt: skip
    api.sent.clear()
    text(sms, "hours", 2)
    assert not api.sent  # nobody who has stopped is written to, not even to answer
    assert {row.status for row in sms.rows(messages) if row.author == "flow"} == {"parked"}
    text(sms, "yes", 3)
    assert sms.rows(suppressions) == []
    with reading(sms.engine) as conn:
        kinds = [event.kind for row in sms.rows(contacts) for event in events.of_contact(conn, row.id)]
    assert "opted_in" in kinds


def test_stop_in_the_middle_ends_the_flow(sms: Line, api: Api) -> None:
    text(sms, "1")
    text(sms, "stop", 2)
    (contact,) = sms.rows(contacts)
    assert contact.outcome == "hung_up"
    assert len(api.sent) == 1


def test_help_is_answered(sms: Line, api: Api) -> None:
    text(sms, "HELP")
    assert "Reply STOP to get no more messages" in api.sent[0]["Body"]
    assert sms.rows(suppressions) == []
    text(sms, "help", 2, From=f"whatsapp:{DANA}")  # there it is a word like others
    assert "Nobody is available yet." in api.sent[1]["Body"]


@pytest.mark.parametrize("kind", ["STOP", "START", "HELP"])
def test_advanced_opt_out_has_answered_already(sms: Line, api: Api, kind: str) -> None:
    text(sms, "any word of theirs", OptOutType=kind)
    assert not api.sent
    assert len(sms.rows(suppressions)) == (kind == "STOP")


# Statuses


def status(line: Line, message_id: str, status: str, **more: str) -> Any:
    form = {"MessageSid": sid(1001), "MessageStatus": status, "To": DANA, "From": US, **more}
    return line.twilio.post(f"{BASE_URL}/twilio/messages/status?message={message_id}", form)


def test_what_became_of_ours(sms: Line, api: Api) -> None:
    text(sms, "hours")
    (row,) = (row for row in sms.rows(messages) if row.direction == "out")
    for one in ("queued", "sent", "delivered", "read", "delivered"):
        assert status(sms, row.id, one).status == 204
    (row,) = (row for row in sms.rows(messages) if row.direction == "out")
    assert (row.status, row.delivered_at, row.read_at) == ("read", NOON, NOON)


def test_what_could_not_be_delivered_is_visible(sms: Line, api: Api) -> None:
    text(sms, "hours")
    (row,) = (row for row in sms.rows(messages) if row.direction == "out")
    status(sms, row.id, "undelivered", ErrorCode="30003")
    (row,) = (row for row in sms.rows(messages) if row.direction == "out")
    assert (row.status, row.error) == ("failed", "Twilio could not deliver it (error 30003)")
    assert status(sms, "unknown", "sent").status == 204


@pytest.mark.parametrize(("code", "nobody"), [("30003", False), ("30005", True), ("30006", True), ("x" * 9, False)])
def test_a_number_that_takes_no_texts_gets_no_more(sms: Line, api: Api, code: str, nobody: bool) -> None:
    text(sms, "hours")
    (row,) = (row for row in sms.rows(messages) if row.direction == "out")
    status(sms, row.id, "undelivered", ErrorCode=code)
    with reading(sms.engine) as conn:
        found = undeliverable.found(conn, "sms", DANA)
    assert (found is not None and found.code == code) == nobody


def test_the_callback_settles_what_a_dead_sender_left(sms: Line, api: Api) -> None:
    with sms.engine.begin() as conn:
        message = outbox.queue(conn, channel="sms", to=DANA, body="x", at=NOON)
        conn.execute(messages.update().values(status="unknown"))
    status(sms, message, "delivered")
    (row,) = sms.rows(messages)
    assert (row.status, row.reference) == ("delivered", sid(1001))
