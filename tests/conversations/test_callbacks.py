"""Callbacks and threads of messages, on a real Valkey: offered by rule, found by any identifier, one for one person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
import redis

from callcenter import customers, identifiers, recognition
from callcenter.queues.store import Queues
from callcenter.redis_client import connect
from ivr.callbacks import Callbacks, Person, clock_time, moment
from ivr.conversations import Conversations
from ivr.flow.effects import RequestCallback
from ivr.queue_config import PublishedQueues
from ivr.queueing import Queueing
from tests.conversations.support import DANA, Desk
from tests.queues.support import placed
from tests.valkey import Valkey

OTHER = "+12025550177"
HOME = "+12025550155"
ZONE = "America/New_York"


@pytest.fixture
def queues(desk: Desk, valkey: Valkey) -> Iterator[Queues]:
    """The desk's conversations with queues behind them, all by the desk's clock; an agent is there."""
    client = connect(valkey.url)
    published = PublishedQueues(desk.runner.published, client)
    published.queues.clock = lambda: desk.clock[0].timestamp()
    before = desk.conversations
    queueing = Queueing(published, desk.engine, lambda: ZONE)
    desk.conversations = Conversations(desk.runner, desk.chosen, submit=before._submit, queueing=lambda: queueing)
    found = published.queues
    found.sign_in(next(name for name in found.config.agents if found.config.serves(name, "general")))
    yield found
    client.close()


@pytest.fixture
def dana(desk: Desk) -> str:
    """A customer with two telephones."""
    with desk.engine.begin() as conn:
        customer = customers.create(conn, at=desk.clock[0], name="Dana")
        for number in (DANA, OTHER):
            identifiers.add(conn, customer, "phone", number, at=desk.clock[0], proof="agent")
    return customer


def last(desk: Desk, contact_id: str) -> str:
    return desk.thread(contact_id)[-1][1]


def passes(desk: Desk, **time: float) -> None:
    desk.clock[0] += dt.timedelta(**time)


def booked(desk: Desk, queues: Queues, number: str = HOME) -> str:
    """Dana has asked for a callback, by a call that is over."""
    queues.join("earlier", "general", channel="sip", caller=DANA, holder="sip1")
    queues.request_callback("earlier", number)
    return "earlier"


def test_a_callback_is_offered_once_when_the_rule_says_so(desk: Desk, queues: Queues) -> None:
    thread = desk.text("agent").contact_id
    assert "called back" not in last(desk, thread)
    passes(desk, seconds=100)
    assert desk.conversations.tell_waiting() == 0
    passes(desk, seconds=30)
    assert desk.conversations.tell_waiting() == 1
    assert "1. be called back" in last(desk, thread).casefold()
    written = len(desk.thread(thread))
    passes(desk, seconds=300)
    assert desk.conversations.tell_waiting() == 0
    assert len(desk.thread(thread)) == written
    desk.text("It is about my meter.")
    assert desk.conversations.tell_waiting() == 0  # offered is offered, whatever was written since
    desk.text("1")
    assert "Is that right?" in last(desk, thread)


def test_whoever_has_asked_already_is_offered_nothing(desk: Desk, queues: Queues) -> None:
    thread = desk.text("agent").contact_id
    for words in ("call me back", "yes", "1"):
        desk.text(words)
    passes(desk, seconds=300)
    assert desk.conversations.tell_waiting() == 0
    assert [one.contact_id for one in queues.callbacks_of(DANA)] == [thread]


def test_the_person_is_known_by_another_telephone(desk: Desk, queues: Queues, dana: str) -> None:
    """The callback was asked for to a third number, by the customer; a text comes from the second telephone."""
    queues.join("earlier", "general", channel="sip", caller="anonymous", customer_id=dana)
    queues.request_callback("earlier", HOME)
    thread = desk.text("agent", sender=OTHER).contact_id
    assert desk.contact(thread).customer_id == dana
    assert "your turn comes" in last(desk, thread)
    assert queues.place(thread) is None


@pytest.mark.parametrize("channel", ["email", "chat"])
def test_the_person_is_known_by_another_channel(desk: Desk, queues: Queues, dana: str, channel: str) -> None:
    """By the address that a mail comes from; in a chat from the moment on that it is known who the visitor is."""
    queues.join("earlier", "general", channel="sip", caller="anonymous", customer_id=dana)
    queues.request_callback("earlier", HOME)
    sender = "dana@example.com" if channel == "email" else "5" * 32
    more = {"channel": channel, "sender": sender, "to": "help@example.com" if channel == "email" else "site"}
    with desk.engine.begin() as conn:
        if channel == "email":
            identifiers.add(conn, dana, "email", sender, at=desk.clock[0], proof="agent")
    thread = desk.text("hello", **more).contact_id
    if channel == "chat":
        assert desk.contact(thread).customer_id is None
        with desk.engine.begin() as conn:
            recognition.settle(conn, thread, dana, proof="login", at=desk.clock[0])
    desk.text("agent", **more)
    assert "your turn comes" in last(desk, thread)
    assert queues.place(thread) is None
    desk.text("3", **more)
    assert queues.callbacks_of(dana) == []


def test_whoever_has_a_place_keeps_it_when_the_store_goes_away(
    desk: Desk, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies between the joining and what is told of the place."""

    def gone(contact_id: str) -> bool:
        raise redis.ConnectionError("gone")

    monkeypatch.setattr(queues, "offers_callback", gone)
    thread = desk.text("agent").contact_id
    assert "Thank you" in last(desk, thread)
    assert queues.place(thread) is not None
    assert desk.contact(thread).served_by == "queue"


def test_keeping_it(desk: Desk, queues: Queues) -> None:
    contact = booked(desk, queues, DANA)
    thread = desk.text("agent").contact_id
    assert "You have asked us to call you back" in last(desk, thread)
    desk.text("1")
    assert "as you asked" in last(desk, thread)
    assert [one.contact_id for one in queues.callbacks_of(DANA)] == [contact]
    assert queues.place(thread) is None


def test_cancelling_it(desk: Desk, queues: Queues) -> None:
    contact = booked(desk, queues, DANA)
    desk.text("agent")
    thread = desk.text("3").contact_id
    assert "won't call" in last(desk, thread)
    assert queues.callbacks_of(DANA) == []
    assert queues.entry(contact)["why"] == "cancelled"


def test_moving_it_keeps_the_number_and_the_place(desk: Desk, queues: Queues) -> None:
    contact = booked(desk, queues, DANA)
    joined = queues.entry(contact)["joined_at"]
    passes(desk, minutes=5)
    for words in ("agent", "2", "2", "tomorrow", "4 pm"):
        thread = desk.text(words).contact_id
    assert "4:00" in last(desk, thread)
    [one] = queues.callbacks_of(DANA)
    tomorrow = desk.clock[0].date() + dt.timedelta(days=1)
    assert (one.contact_id, one.number, clock_time(one.at, ZONE)) == (contact, DANA, f"{tomorrow}T16:00")
    assert queues.entry(contact)["joined_at"] == joined


def test_a_time_outside_the_hours_is_refused_with_the_next_one(desk: Desk, queues: Queues) -> None:
    thread = desk.text("agent").contact_id
    for words in ("call me back", "yes", "another time", "tomorrow", "11 pm"):
        desk.text(words)
    assert "8:00" in last(desk, thread)
    assert queues.callbacks_of(DANA) == []
    desk.text("yes")
    [one] = queues.callbacks_of(DANA)
    day_after = desk.clock[0].date() + dt.timedelta(days=2)
    assert clock_time(one.at, ZONE) == f"{day_after}T08:00"


def test_a_day_too_far_ahead_is_refused_with_the_last_one(desk: Desk, queues: Queues) -> None:
    thread = desk.text("agent").contact_id
    last_day = desk.clock[0].date() + dt.timedelta(days=14)
    late = last_day + dt.timedelta(days=1)
    for words in ("call me back", "yes", "another time", f"{late:%B} {late.day}", "4 pm"):
        desk.text(words)
    assert f"The last day on which we can call you is {last_day:%A, %B} {last_day.day}" in last(desk, thread)
    assert queues.callbacks_of(DANA) == []


def test_waiting_here_takes_the_place(desk: Desk, queues: Queues) -> None:
    contact = booked(desk, queues, DANA)
    joined = queues.entry(contact)["joined_at"]
    passes(desk, minutes=5)
    queues.join("later", "general", channel="sip")
    desk.text("agent")
    thread = desk.text("4").contact_id
    place = queues.place(thread)
    assert place is not None
    assert (place.position, f"{place.joined_at:.6f}") == (1, joined)
    assert queues.callbacks_of(DANA) == []
    assert placed(queues, contact).state == "left"
    assert queues.entry(thread)["medium"] == "sms"


def test_nobody_there_leaves_the_callback_as_it_was(desk: Desk, queues: Queues) -> None:
    contact = booked(desk, queues, DANA)
    for agent in queues.agents():
        queues.sign_out(agent)
    desk.text("agent")
    thread = desk.text("4").contact_id
    assert "as you asked" in last(desk, thread)
    assert [one.contact_id for one in queues.callbacks_of(DANA)] == [contact]


def test_asking_again_elsewhere_is_no_second_callback(desk: Desk, queues: Queues) -> None:
    """A full queue leads to a callback past the question; the person's one is moved."""
    contact = booked(desk, queues, DANA)
    session = desk.runner.store.find("sms", desk.text("hours").contact_id).session
    queueing = desk.conversations._queueing
    assert queueing is not None
    told = queueing.book(session, RequestCallback("general", HOME))
    assert told.booked
    [one] = queues.callbacks_of(DANA, HOME)
    assert (one.contact_id, one.number) == (contact, HOME)


@pytest.mark.parametrize(
    "number", ["+19002345678", "+18095551234", "+4420 7946 0123", "sip:+19002345678@trunk.example"]
)
def test_nobody_has_us_call_a_costly_number(desk: Desk, queues: Queues, number: str) -> None:
    """Neither as a new callback nor by moving one, nor by being written as the address of a SIP trunk."""
    session = desk.runner.store.find("sms", desk.text("agent").contact_id).session
    queueing = desk.conversations._queueing
    assert queueing is not None
    for _ in range(2):
        told = queueing.book(session, RequestCallback("general", number))
        assert (told.booked, told.why) == (False, "bad_number")
        assert queueing.book(session, RequestCallback("general", DANA)).booked
    assert [one.number for one in queues.callbacks_of(DANA)] == [DANA]
    queues.dial_countries = frozenset({"US", "GB"})
    assert queueing.book(session, RequestCallback("general", number)).booked is number.startswith("+44")


def test_of_a_shared_telephone_each_has_their_own(desk: Desk, queues: Queues, dana: str) -> None:
    """A callback that another customer asked for on the same telephone isn't told to Dana, or moved."""
    with desk.engine.begin() as conn:
        ben = customers.create(conn, at=desk.clock[0], name="Ben")
        stranger = customers.create(conn, at=desk.clock[0], provisional=True)
    queues.join("theirs", "general", channel="sip", customer_id=ben)
    queues.request_callback("theirs", DANA)
    found = Callbacks(queues, desk.engine, lambda: ZONE)
    keys = (f"customer:{dana}", f"number:{DANA}")
    assert found.waiting(Person(dana, keys)) == []
    for somebody in (Person("", (f"number:{DANA}",)), Person(stranger, (f"customer:{stranger}", f"number:{DANA}"))):
        assert [one.contact_id for one in found.waiting(somebody)] == ["theirs"]  # it may be Ben
    for contact, customer in (("nobodys", ""), ("strangers", stranger)):
        queues.join(contact, "general", channel="sip", customer_id=customer)
        queues.request_callback(contact, DANA)
        passes(desk, seconds=1)
    assert [one.contact_id for one in found.waiting(Person(dana, keys))] == ["nobodys", "strangers"]


def test_times_are_the_companys() -> None:
    at = moment("2026-03-08T03:30", ZONE)
    assert at is not None
    assert clock_time(at, ZONE) == "2026-03-08T03:30"
    assert moment("2026-03-08T03:30+00:00", ZONE) == at - 4 * 3600
    assert moment("", ZONE) is None
    with pytest.raises(ValueError, match="isoformat"):
        moment("tomorrow", ZONE)


def test_times_on_the_days_when_the_clocks_change() -> None:
    """What the wall clock says is meant: 24 hours later it is another hour."""
    day = 24 * 3600.0
    before, after = moment("2026-03-07T10:00", ZONE), moment("2026-03-08T10:00", ZONE)
    assert before is not None
    assert after is not None
    assert after - before == day - 3600
    before, after = moment("2026-10-31T10:00", ZONE), moment("2026-11-01T10:00", ZONE)
    assert before is not None
    assert after is not None
    assert after - before == day + 3600
    # An hour that isn't there is the one after it; of one that is there twice, the first is meant.
    missing, twice = moment("2026-03-08T02:30", ZONE), moment("2026-11-01T01:30", ZONE)
    assert missing is not None
    assert twice is not None
    assert clock_time(missing, ZONE) == "2026-03-08T03:30"
    assert dt.datetime.fromtimestamp(twice, dt.UTC).isoformat() == "2026-11-01T05:30:00+00:00"


@pytest.mark.parametrize(("friday", "monday", "due"), [
    ("2026-03-06", "2026-03-09", "2026-03-09T12:00:00+00:00"),  # the clocks go forward on Sunday
    ("2026-10-30", "2026-11-02", "2026-11-02T13:00:00+00:00"),  # and back
])  # fmt: skip
def test_a_callback_for_after_the_clocks_change(
    desk: Desk, queues: Queues, dana: str, friday: str, monday: str, due: str
) -> None:
    """It is due when the doors open on the wall clock of that day, and a quarter of an hour before is refused."""
    desk.clock[0] = dt.datetime.fromisoformat(f"{friday}T20:00+00:00")
    session = desk.runner.store.find("sms", desk.text("hours").contact_id).session
    queueing = desk.conversations._queueing
    assert queueing is not None
    told = queueing.book(session, RequestCallback("general", HOME, at=f"{monday}T07:45"))
    assert (told.booked, told.at) == (False, f"{monday}T08:00")
    told = queueing.book(session, RequestCallback("general", HOME, at=f"{monday}T08:00"))
    assert (told.booked, told.at) == (True, f"{monday}T08:00")
    [one] = queues.callbacks_of(HOME)
    assert dt.datetime.fromtimestamp(one.at, dt.UTC).isoformat() == due
