"""Payments on Twilio with something away: requests that Twilio did not take or could not make, a database, a Redis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
from sqlalchemy.exc import OperationalError

from callcenter import control
from ivr.rehearsal.twilio_double.rest import Refused
from tests.twilio.office import DANA, Office, Open
from tests.twilio.paying import AMOUNT, counter, paid
from tests.twilio.support import ACCOUNT, CARD

GONE = Refused(400, 21220, "the call is not in progress")
NO = Refused(400, 20001, "no")
AWAY = Refused(503, 20503, "away")


@contextmanager
def refusing(office: Office, what: str, refused: Refused) -> Iterator[None]:
    """The API answers so to requests whose path or form has `what`."""
    serve = office.rest.serve

    def refuses(method: str, path: str, who: tuple[str | None, str | None] | None, body: bytes) -> object:
        if what in f"{path} {body.decode()}":
            office.rest.refuses = refused
        return serve(method, path, who, body)

    office.rest.serve = refuses  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        office.rest.serve = serve  # type: ignore[method-assign]


def test_every_request_twice(open_recording_office: Open) -> None:
    office = open_recording_office("ana", duplicate=2)
    here = counter(office)
    here.asked()
    paid(here)
    assert [one["result"] for one in here.ended] == ["paid"]
    assert len(here.sessions) == 1
    here.asked()
    assert office.ordered(here.caller, "pay_stop") == ""
    assert here.talks
    assert here.caller.failures == here.ana.failures == []


def test_requests_that_come_again_late_change_nothing(open_office: Open) -> None:
    office = open_office("ana")
    here = counter(office)
    first = len(office.twilio.exchanges)
    here.asked()
    paid(here)
    late = [one for one in office.twilio.exchanges[first:] if "/conference" not in one.url]
    assert any("/pay/" in one.url for one in late)
    assert any("/paid/" in one.url for one in late)
    for exchange in late:
        assert office.twilio.resend(exchange).status in (200, 204)
    office.step()
    assert (here.charged, len(here.receipts), len(here.ended), len(here.sessions)) == (1, 1, 1, 1)
    assert here.talks


# What Twilio refuses


@pytest.mark.parametrize("what", ["Url=https%3A%2F%2Fvoice.example.com%2Ftwilio%2Fpay", "Status=paused", "EndConf"])
def test_without_what_has_to_be_so_first_no_card_is_asked_for(open_recording_office: Open, what: str) -> None:
    office = open_recording_office("ana")
    here = counter(office)
    with refusing(office, what, NO):
        assert here.pay() == ""
    office.step()
    assert (here.shown["state"], here.shown["result"]) == ("ended", "failed")
    assert [one["result"] for one in here.ended] == ["failed"]
    assert (here.sessions, here.payments) == ([], [])
    assert here.talks
    assert here.caller.tapes[0].went[-1] == "in-progress"
    here.asked()
    paid(here)


@pytest.mark.parametrize("what", ["Url=https%3A%2F%2Fvoice.example.com%2Ftwilio%2Fpay", "Status=paused", "Hold=true"])
def test_twilio_that_is_away_is_asked_again(open_recording_office: Open, what: str) -> None:
    office = open_recording_office("ana")
    here = counter(office)
    with refusing(office, what, AWAY):
        control.order(office.queues.client, here.contact, "pay", by="ana", args={"account": ACCOUNT, "amount": AMOUNT})
        office.orders.once()
        office.step()
        assert here.sessions == []
    office.orders.look()
    office.step()
    here.caller.finish_speaking()
    here.caller.press("1")
    paid(here)
    assert here.caller.tapes[0].keys == ""


def test_a_caller_who_is_gone_before_anything_is_asked(open_office: Open) -> None:
    office = open_office("ana")
    here = counter(office)
    with refusing(office, "Url=https%3A%2F%2Fvoice.example.com%2Ftwilio%2Fpay", GONE):
        assert here.pay() == ""
    office.step()
    assert here.ana.over
    assert here.shown["state"] == "ended"


def test_a_stop_that_twilio_refuses_ends_with_the_next_question(open_office: Open) -> None:
    office = open_office("ana")
    here = counter(office)
    here.asked()
    with refusing(office, "stop", NO):
        assert office.ordered(here.caller, "pay_stop") == ""
    here.caller.press(CARD + "#")
    office.step()
    assert (here.shown["result"], here.payments) == ("stopped", [])
    assert here.talks


# What is away


def test_without_redis_the_payment_goes_on_and_the_dots_stand_still(
    open_office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = open_office("ana")
    here = counter(office)
    here.asked()
    talks = office.line.app.blueprints["twilio_agents"]
    assert talks is not None

    def away(*arguments: object) -> None:
        raise redis.ConnectionError("away")

    here.caller.finish_speaking()
    with monkeypatch.context() as patch:
        patch.setattr("ivr.channels.twilio.links.Links.talking_to", away)
        here.caller.press(CARD + "#")
        assert here.shown["keyed"] == {"card": 0}
    here.keys_rest()
    office.step()
    assert (here.shown["result"], here.charged) == ("paid", 1)
    assert here.talks


def test_without_the_database_the_caller_goes_back_to_the_agent(
    open_office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = open_office("ana")
    here = counter(office)
    here.asked()
    here.caller.finish_speaking()

    def away(*arguments: object, **options: object) -> None:
        raise OperationalError("", {}, Exception("away"))

    with monkeypatch.context() as patch:
        for name in ("load", "commit", "find"):
            patch.setattr(f"ivr.store.SessionStore.{name}", away)
        here.caller.press(CARD + "#")
        assert here.talks or office.hears(here.caller)
    office.step()
    office.orders.look()
    office.step()
    assert (here.shown["result"], here.payments) == ("failed", [])
    assert here.talks
    assert [row.ended for row in here.sessions] == [True]
    assert DANA in office.up
