"""Threads of messages that wait for an agent, on a real Valkey."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from callcenter import contacts, tables
from callcenter.queues import closing
from callcenter.queues.store import Queues
from callcenter.redis_client import connect
from ivr.conversations import Conversations
from ivr.queue_config import PublishedQueues
from ivr.queueing import Queueing
from tests.conversations.support import DANA, Desk
from tests.valkey import Valkey


@pytest.fixture
def queues(desk: Desk, valkey: Valkey) -> Iterator[Queues]:
    """The desk's conversations with queues behind them."""
    client = connect(valkey.url)
    published = PublishedQueues(desk.runner.published, client)
    before = desk.conversations
    queueing = Queueing(published, desk.engine, lambda: "America/New_York")
    desk.conversations = Conversations(
        desk.runner, desk.chosen, submit=before._submit, queueing=lambda: queueing
    )  # fmt: skip
    yield published.queues
    client.close()


def last(desk: Desk, contact_id: str) -> str:
    return desk.thread(contact_id)[-1][1]


def test_nobody_there_takes_a_message(desk: Desk, queues: Queues) -> None:
    received = desk.text("agent")
    assert "Nobody is available" in last(desk, received.contact_id)
    assert queues.place(received.contact_id) is None
    assert desk.contact(received.contact_id).served_by == "flow"


def test_a_thread_waits_and_is_served_and_comes_back(desk: Desk, queues: Queues) -> None:
    agent = next(name for name in queues.config.agents if queues.config.serves(name, "general"))
    queues.sign_in(agent)
    thread = desk.text("agent").contact_id
    place = queues.place(thread)
    assert place is not None
    assert (place.queue, place.position) == ("general", 1)
    assert desk.contact(thread).served_by == "queue"
    assert "leave a message" in last(desk, thread)
    assert "be called back" not in last(desk, thread).casefold()  # not before the demo company's rule holds

    said = len(desk.thread(thread))
    desk.text("It is about my meter.")
    assert len(desk.thread(thread)) == said + 1  # nothing is answered; the agent will read it
    assert queues.place(thread) is not None

    [proposal] = [one for one in _proposals(queues) if one.contact_id == thread]
    [offer] = queues.claim(proposal)
    assert queues.accept(offer)
    assert queues.connected(offer)
    with desk.engine.begin() as conn:
        contacts.set_served_by(conn, thread, f"agent:{agent}", desk.clock[0])
    desk.text("Hello?")
    assert last(desk, thread) == "Hello?"

    queues.complete(offer)
    desk.conversations.served(thread, agent)
    assert "How satisfied" in last(desk, thread)
    desk.text("5")
    assert "Thank you for telling us" in last(desk, thread)
    assert desk.contact(thread).ended_at is not None
    assert "survey" in desk.kinds(thread)


def test_a_choice_books_a_callback_that_keeps_the_place(desk: Desk, queues: Queues) -> None:
    queues.sign_in(next(name for name in queues.config.agents if queues.config.serves(name, "general")))
    thread = desk.text("agent").contact_id
    desk.text("call me back")
    assert "Is that right?" in last(desk, thread)
    joined = queues.entry(thread)["joined_at"]
    assert queues.entry(thread)["paused"] == "1"  # stepped out: nobody is offered it meanwhile
    desk.text("yes")
    assert "as soon as it is your turn" in last(desk, thread).casefold()
    desk.text("1")
    [wanted] = queues.callbacks_of(DANA)
    assert (wanted.contact_id, wanted.queue) == (thread, "general")
    assert queues.entry(thread)["joined_at"] == joined
    assert desk.contact(thread).ended_at is not None


def test_a_store_that_is_away_is_no_silence(desk: Desk, queues: Queues, valkey: Valkey) -> None:
    queues.client.connection_pool.connection_kwargs["path"] = "/nowhere"
    queues.client.connection_pool.disconnect()
    thread = desk.text("agent").contact_id
    assert "leave a message" in last(desk, thread)


def _proposals(queues: Queues) -> list:  # type: ignore[type-arg]
    from callcenter.acd.match import match

    return match(queues.snapshot(), queues.clock())


@pytest.mark.parametrize("name", ["general", closing.ALL])
def test_a_queue_closed_by_hand_takes_nobody_until_it_is_open_again(desk: Desk, queues: Queues, name: str) -> None:
    queues.sign_in(next(agent for agent in queues.config.agents if queues.config.serves(agent, "general")))
    with desk.engine.begin() as conn:
        assert closing.close(conn, name, by="agent:sam", at=desk.clock[0])
        assert not closing.close(conn, name, by="agent:sam", at=desk.clock[0])
    thread = desk.text("agent").contact_id
    assert queues.place(thread) is None
    with desk.engine.begin() as conn:
        assert closing.reopen(conn, name)
        assert not closing.reopen(conn, name)
    another = desk.text("agent", sender="+12125550177").contact_id
    assert queues.place(another) is not None


def test_an_agent_who_is_quicker_than_the_flow_keeps_the_thread(
    desk: Desk, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The contact is offered, accepted and the agent's before the process that put it into the queue gets on."""
    agent = next(name for name in queues.config.agents if queues.config.serves(name, "general"))
    queues.sign_in(agent)
    join = queues.join

    def joined_and_taken(contact_id: str, *given: Any, **more: Any) -> Any:
        place = join(contact_id, *given, **more)
        [offer] = queues.claim(_proposals(queues)[0])
        assert queues.accept(offer)
        assert queues.connected(offer)
        with desk.engine.begin() as conn:
            contacts.set_served_by(conn, contact_id, f"agent:{agent}", desk.clock[0])
        return place

    monkeypatch.setattr(queues, "join", joined_and_taken)
    thread = desk.text("agent").contact_id
    assert desk.contact(thread).served_by == f"agent:{agent}"


class Killed(BaseException):
    """A process ends here."""


def test_who_was_to_wait_when_the_process_died_waits_all_the_same(
    desk: Desk, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    queues.sign_in(next(name for name in queues.config.agents if queues.config.serves(name, "general")))

    def dies(*_: Any, **__: Any) -> Any:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(queues, "join", dies)
        with pytest.raises(Killed):
            desk.text("agent")
    [contact] = desk.rows(tables.contacts)
    assert queues.place(contact.id) is None
    assert desk.conversations.go_on_left() == 0  # another process may still be at it
    desk.clock[0] += dt.timedelta(seconds=10)
    assert desk.conversations.go_on_left() == 1
    assert queues.place(contact.id) is not None
    assert desk.contact(contact.id).served_by == "queue"
    assert "leave a message" in last(desk, contact.id)
    desk.clock[0] += dt.timedelta(seconds=10)
    assert desk.conversations.go_on_left() == 0  # it has been told, and waits


def test_who_was_to_be_called_back_when_the_process_died_is_told(
    desk: Desk, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    queues.sign_in(next(name for name in queues.config.agents if queues.config.serves(name, "general")))
    thread = desk.text("agent").contact_id
    for words in ("call me back", "yes"):
        desk.text(words)

    def dies(*_: Any, **__: Any) -> Any:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(queues, "request_callback", dies)
        with pytest.raises(Killed):
            desk.text("1")
    said = len(desk.thread(thread))
    desk.clock[0] += dt.timedelta(seconds=10)
    assert desk.conversations.go_on_left() == 1
    assert len(desk.thread(thread)) == said + 1  # that it didn't work, and what else can be done


def test_whose_agent_was_done_when_the_process_died_goes_on_with_the_flow(
    desk: Desk, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = next(name for name in queues.config.agents if queues.config.serves(name, "general"))
    queues.sign_in(agent)
    thread = desk.text("agent").contact_id
    [offer] = queues.claim(_proposals(queues)[0])
    assert queues.accept(offer)
    assert queues.connected(offer)
    with desk.engine.begin() as conn:
        contacts.set_served_by(conn, thread, f"agent:{agent}", desk.clock[0])
    desk.clock[0] += dt.timedelta(seconds=10)
    assert desk.conversations.go_on_left() == 0
    queues.complete(offer)

    def dies(*_: Any, **__: Any) -> Any:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(desk.runner, "feed", dies)
        with pytest.raises(Killed):
            desk.conversations.served(thread, agent)
    assert desk.conversations.go_on_left() == 1
    assert "How satisfied" in last(desk, thread)
    assert desk.conversations.go_on_left() == 0
