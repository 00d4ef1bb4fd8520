"""Emergency announcements in threads of messages: newcomers, who is in the middle of a flow, who waits for an agent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from callcenter import emergency
from callcenter.messages.inbound import Inbound
from callcenter.queues import closing
from callcenter.queues.store import Queues
from callcenter.redis_client import connect
from ivr import emergency as announcements
from ivr.conversations import Conversations
from ivr.queue_config import PublishedQueues
from ivr.queueing import Queueing
from tests.conversations.support import Desk
from tests.valkey import Valkey

WORDS = {"en": "The river is rising.", "es": "El río crece."}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests don't wait for what is a second old."""
    monkeypatch.setattr(announcements, "LATELY", 0.0)


@pytest.fixture
def queues(desk: Desk, valkey: Valkey) -> Iterator[Queues]:
    client = connect(valkey.url)
    published = PublishedQueues(desk.runner.published, client)
    queueing = Queueing(published, desk.engine, lambda: "America/New_York")
    desk.conversations = Conversations(
        desk.runner, desk.chosen, submit=desk.conversations._submit, queueing=lambda: queueing
    )
    yield published.queues
    client.close()


def announce(desk: Desk, scope: str = emergency.ALL, then: emergency.Then = "continue") -> None:
    with desk.engine.begin() as conn:
        emergency.begin(conn, scope, WORDS, then=then, by="agent:sam", at=desk.clock[0])


def end(desk: Desk, scope: str = emergency.ALL) -> None:
    with desk.engine.begin() as conn:
        assert emergency.end(conn, scope)


def said(desk: Desk, contact: str) -> list[str]:
    return [body for author, body in desk.thread(contact) if author == "flow"]


def heard(desk: Desk, contact: str) -> int:
    """How often the customer was told, in English."""
    return sum(body.count(WORDS["en"]) for body in said(desk, contact))


def test_the_next_message_is_told_first_on_every_channel(desk: Desk) -> None:
    announce(desk)
    for channel, sender in (("sms", "+12025550144"), ("email", "ann@example.com"), ("chat", "visitor-1")):
        to = {"sms": "+12025550100", "email": "help@example.com", "chat": "https://example.com"}[channel]
        given = Inbound(channel, sender, to, "hello", f"{channel}-1", subject="Hi" if channel == "email" else "")
        text = "\n".join(said(desk, desk.conversations.take(given).contact_id))
        assert text.index(WORDS["en"]) < text.index(WORDS["es"]) < text.index("How can we help")
    end(desk)
    received = desk.text("hello", sender="+12025550145")
    assert heard(desk, received.contact_id) == 0


def test_what_was_asked_first_is_answered_after_it(desk: Desk) -> None:
    announce(desk)
    thread = desk.text("What are your hours?").contact_id
    assert heard(desk, thread) == 1
    assert "open" in said(desk, thread)[-1]


def test_a_thread_in_the_middle_is_told_once_and_goes_on(desk: Desk) -> None:
    thread = desk.text("hello").contact_id
    announce(desk)
    desk.text("pay a bill")
    assert heard(desk, thread) == 1
    assert "account" in said(desk, thread)[-1]  # the answer was taken
    desk.text("10203040")
    assert heard(desk, thread) == 1


def test_a_thread_in_the_middle_may_end_by_it(desk: Desk) -> None:
    thread = desk.text("hello").contact_id
    announce(desk, then="hang_up")
    desk.text("pay a bill")
    assert said(desk, thread)[-1] == WORDS["en"]
    assert desk.contact(thread).ended_at is not None
    again = desk.text("are you there?")  # a conversation of its own, which is told too, and nothing is lost
    assert (again.contact_id != thread, heard(desk, again.contact_id)) == (True, 1)


def test_it_may_lead_to_a_message(desk: Desk) -> None:
    thread = desk.text("hello").contact_id
    announce(desk, then="voicemail")
    desk.text("pay a bill")
    assert "leave a message" in said(desk, thread)[-1]
    desk.text("yes")
    desk.text("My cellar is full of water.")
    assert "We will get back to you" in said(desk, thread)[-1]


def test_who_waits_is_told_without_asking_and_waits_on(desk: Desk, queues: Queues) -> None:
    queues.sign_in(next(name for name in queues.config.agents if queues.config.serves(name, "general")))
    thread = desk.text("agent").contact_id
    before = queues.entry(thread)
    announce(desk, then="hang_up")
    for _ in range(3):
        desk.conversations.tell_waiting()
    assert heard(desk, thread) == 1
    assert desk.contact(thread).ended_at is None
    assert (queues.entry(thread)["state"], queues.entry(thread)["joined_at"]) == ("waiting", before["joined_at"])


def test_a_queues_is_told_to_who_is_there_and_who_comes(desk: Desk, queues: Queues) -> None:
    queues.sign_in(next(name for name in queues.config.agents if queues.config.serves(name, "general")))
    waits = desk.text("agent").contact_id
    other = desk.text("hello", sender="+12025550144").contact_id
    announce(desk, "general")
    desk.conversations.tell_waiting()
    assert (heard(desk, waits), heard(desk, other)) == (1, 0)
    desk.text("agent", sender="+12025550144")
    assert heard(desk, other) == 1
    assert desk.contact(other).served_by == "queue"
    with desk.engine.begin() as conn:
        closing.close(conn, "general", by="agent:sam", at=desk.clock[0])
    late = desk.text("agent", sender="+12025550146").contact_id
    assert heard(desk, late) == 1
    assert "leave a message" in said(desk, late)[-1]
    assert queues.place(late) is None


def test_it_holds_while_the_store_is_away(desk: Desk) -> None:
    client = connect("redis://127.0.0.1:1/0")
    published = PublishedQueues(desk.runner.published, client)
    queueing = Queueing(published, desk.engine, lambda: "America/New_York")
    desk.conversations = Conversations(
        desk.runner, desk.chosen, submit=desk.conversations._submit, queueing=lambda: queueing
    )
    thread = desk.text("hello").contact_id
    announce(desk)
    desk.text("pay a bill")
    assert heard(desk, thread) == 1
    new = desk.text("hello", sender="+12025550144").contact_id
    assert heard(desk, new) == 1
    client.close()
