"""Lists into queues: agents first, inbound callers before anybody, nobody who may not be called."""

from __future__ import annotations

import pytest

from callcenter import consent, contacts, customers, identifiers, recognition
from callcenter.campaigns import people
from tests.campaigns.conftest import ANA, JO, LEE, Desk
from tests.campaigns.support import audited, serve, talk


def test_only_as_many_join_as_agents_are_idle(desk: Desk) -> None:
    desk.put(ANA, LEE, JO)
    assert desk.fed() == 0
    desk.queues.sign_in("ana")
    assert desk.fed() == 1
    assert desk.fed() == 0
    desk.queues.sign_in("ben")
    assert desk.fed() == 1
    assert sorted(row.state for row in desk.rows().values()) == ["queued", "queued", "waiting"]
    assert audited(desk) == []


def test_inbound_callers_go_first_even_if_they_come_later(desk: Desk) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")
    assert desk.fed() == 1
    desk.clock.sleep(5)
    desk.queues.join("inbound", "billing", channel="sip", holder="sip1")
    (first,) = desk.due()
    assert first.contact_id == "inbound"


def test_nobody_joins_while_inbound_callers_wait_for_the_agent_who_is_free(desk: Desk) -> None:
    desk.put(ANA)
    desk.queues.join("inbound", "billing", channel="sip", holder="sip1")
    desk.queues.sign_in("ana")
    assert desk.fed() == 0


def test_do_not_contact_counts_until_the_last_moment(desk: Desk) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.fed()
    with desk.engine.begin() as conn:
        consent.put(conn, desk.row().customer_id, "phone", source="user:1", at=desk.now, do_not_contact=True)
    desk.fed()
    assert desk.state() == ("done", "do_not_contact", 0)
    assert desk.due() == []
    assert audited(desk) == []


def test_paused_in_the_middle_nobody_waits_and_resumed_they_are_called(desk: Desk) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.fed()
    with desk.engine.begin() as conn:
        assert people.pause(conn, "plan", by="user:1", at=desk.now)
        assert not people.pause(conn, "plan", by="user:1", at=desk.now)
    desk.fed()
    assert desk.due() == []
    assert desk.state() == ("waiting", "", 0)
    assert desk.fed() == 0
    with desk.engine.begin() as conn:
        assert people.resume(conn, "plan", by="user:1", at=desk.now)
    assert desk.fed() == 1
    assert audited(desk) == []


def test_whoever_talked_with_an_agent_of_the_queue_is_taken_off(desk: Desk) -> None:
    desk.put(ANA)
    desk.clock.sleep(10)
    serve(desk, "billing")
    desk.queues.sign_in("ana")
    assert desk.fed() == 0
    assert desk.state() == ("done", "served", 0)


@pytest.mark.parametrize(("queue", "change"), [("general", {}), ("billing", {"served": "keep"})])
def test_whoever_talked_elsewhere_or_is_to_be_kept_is_called(desk: Desk, queue: str, change: dict[str, str]) -> None:
    desk.file["plan"] |= change
    desk.put(ANA)
    desk.clock.sleep(10)
    serve(desk, queue)
    desk.queues.sign_in("ana")
    assert desk.fed() == 1


def test_whoever_is_served_while_in_the_queue_is_called_no_more(desk: Desk) -> None:
    """The conversation takes the callback back; what that means is the campaign's."""
    desk.put(ANA)
    desk.queues.sign_in("cleo")
    desk.queues.sign_in("ana")
    desk.fed()
    desk.clock.sleep(1)
    serve(desk, "billing", agent="ana")
    assert desk.state() == ("waiting", "", 0)
    assert desk.fed() == 0
    assert desk.state() == ("done", "served", 0)
    assert audited(desk) == []


def test_whoever_waits_for_us_isnt_called_at_the_same_time(desk: Desk) -> None:
    desk.put(ANA)
    with desk.engine.begin() as conn:
        contact = contacts.start(conn, channel="chat", caller="", called="", at=desk.now)
        recognition.assume(conn, contact, desk.row().customer_id, proof="login", at=desk.now)
    desk.queues.join(contact, "general", channel="chat", customer_id=desk.row().customer_id)
    desk.queues.sign_in("ana")
    assert desk.fed() == 0
    assert desk.row().next_at > desk.now
    desk.queues.leave(contact, "abandoned")
    desk.clock.sleep(200)
    assert desk.fed() == 1


def test_whoever_has_asked_to_be_called_back_is_called_once(desk: Desk) -> None:
    desk.put(ANA)
    desk.queues.request_callback("own", ANA, at=desk.clock() + 7200, queue="general")
    desk.queues.sign_in("ana")
    assert desk.fed() == 0
    assert desk.state()[0] == "waiting"


def test_whoever_shares_a_number_is_taken_off_by_the_number(desk: Desk) -> None:
    """Nobody knows which of them has called, and talked with an agent of the queue."""
    with desk.engine.begin() as conn:
        for _ in range(2):
            customer = customers.create(conn, at=desk.now)
            identifiers.add(conn, customer, "phone", ANA, at=desk.now)
    desk.put(ANA)
    assert desk.row().customer_id == ""
    desk.clock.sleep(10)
    with desk.engine.begin() as conn:
        contact = contacts.start(conn, channel="sip", caller=ANA, called="", at=desk.now)
    talk(desk, contact, "billing", "ben", "")
    desk.queues.sign_in("ana")
    assert desk.fed() == 0
    assert desk.state() == ("done", "served", 0)


def test_whoever_waits_in_vain_goes_back_to_the_list(desk: Desk) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.fed()
    desk.queues.set_presence("ana", "unavailable", "lunch")
    desk.clock.sleep(61)
    desk.fed()
    assert desk.state() == ("waiting", "", 0)
    assert desk.queues.entry(desk.row().contact_id)["why"] == "no_agent"
