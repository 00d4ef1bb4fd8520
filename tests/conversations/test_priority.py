"""A customer's own priority: the attribute `priority`, wherever they come in."""

from __future__ import annotations

from typing import Any

import pytest

from callcenter import customers, identifiers
from callcenter.queues.store import Queues
from ivr.flow.effects import RequestCallback
from tests.conversations.support import DANA, Desk
from tests.conversations.test_callbacks import HOME, passes, queues
from tests.queues.support import placed

__all__ = ["queues"]
STRANGER = "+12025550111"


def with_priority(desk: Desk, value: Any) -> None:
    with desk.engine.begin() as conn:
        customer = customers.create(conn, at=desk.clock[0], name="Dana", attributes={"priority": value})
        identifiers.add(conn, customer, "phone", DANA, at=desk.clock[0], proof="agent")


@pytest.mark.parametrize(("value", "position"), [(7, 1), (0, 2), (101, 2), (-1, 2), ("high", 2), (True, 2)])
def test_whoever_has_one_is_served_before_who_came_earlier(
    desk: Desk, queues: Queues, value: Any, position: int
) -> None:
    with_priority(desk, value)
    desk.text("agent", sender=STRANGER)
    passes(desk, seconds=1)
    assert placed(queues, desk.text("agent").contact_id).position == position


@pytest.mark.parametrize(("own", "wanted", "got"), [(7, None, 7), (7, 3, 7), (7, 9, 9), (0, None, 4)])
def test_the_highest_counts(desk: Desk, queues: Queues, own: int, wanted: int | None, got: int) -> None:
    """Of the customer's and the flow's, or the queue's where the flow wants none."""
    with_priority(desk, own)
    general = queues.queue("general").model_copy(update={"priority": 4})
    queues.config = type(queues.config)({**queues.config.queues, "general": general}, queues.config.people)
    queueing = desk.conversations._queueing
    assert queueing is not None
    person = queueing._callbacks.person(desk.runner.store.find("sms", desk.text("hours").contact_id).session)
    assert queueing._callbacks.priority(person, "general", wanted) == got


def test_a_callback_has_it_too(desk: Desk, queues: Queues) -> None:
    with_priority(desk, 7)
    session = desk.runner.store.find("sms", desk.text("hours").contact_id).session
    queueing = desk.conversations._queueing
    assert queueing is not None
    assert queueing.book(session, RequestCallback("general", HOME)).booked
    assert queues.entry(session.contact_id)["priority"] == "7"
