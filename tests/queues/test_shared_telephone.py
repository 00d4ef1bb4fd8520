"""Several customers share a telephone: that one of them has been served doesn't cost another the callback."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import redis
from sqlalchemy.engine import Engine

from callcenter import customers, identifiers
from callcenter.acd.model import Proposal
from callcenter.db import reading
from callcenter.queues.callbacks import known_as
from callcenter.queues.restore import restore
from callcenter.queues.store import Queues
from tests.queues.conftest import NOW, Clock
from tests.queues.support import placed
from tests.queues.test_callbacks import NUMBER
from tests.queues.test_journal import drain

AT = datetime.fromtimestamp(NOW, UTC)


def somebody(engine: Engine, name: str) -> str:
    """A customer with that telephone; without a name one of whom nothing else is known."""
    with engine.begin() as conn:
        customer = customers.create(conn, at=AT, name=name, provisional=not name)
        identifiers.add(conn, customer, "phone", NUMBER, at=AT, proof="caller_id")
    return customer


def asks(engine: Engine, queues: Queues, customer: str) -> None:
    with reading(engine) as conn:
        keys = known_as(conn, customer, [NUMBER])
    queues.request_callback("callback", NUMBER, queue="billing", customer_id=customer, caller=NUMBER, known_as=keys)


def talks(engine: Engine, queues: Queues, customer: str) -> None:
    with reading(engine) as conn:
        keys = known_as(conn, customer, [NUMBER])
    queues.join("call", "billing", channel="sip", customer_id=customer, caller=NUMBER, known_as=keys)
    queues.sign_in("ana")
    (offer,) = queues.claim(Proposal("call", "billing", "voice", ("ana",)))
    assert queues.connected(offer)


@pytest.mark.parametrize(("asked", "served", "kept"), [
    ("Dana", "Lee", True),
    ("Dana", "", False),  # it may be Dana
    ("", "Lee", False),  # it may have been Lee
])  # fmt: skip
def test_only_who_is_known_to_be_another_is_called_all_the_same(
    engine: Engine, queues: Queues, asked: str, served: str, kept: bool
) -> None:
    asks(engine, queues, somebody(engine, asked))
    talks(engine, queues, somebody(engine, served))
    assert placed(queues, "callback").state == ("waiting" if kept else "left")


@pytest.mark.parametrize("same", [False, True])
def test_it_is_so_when_the_store_has_lost_it(
    engine: Engine, queues: Queues, client: redis.Redis, clock: Clock, same: bool
) -> None:
    dana = somebody(engine, "Dana")
    asks(engine, queues, dana)
    drain(engine, queues)
    clock.sleep(1)
    talks(engine, queues, dana if same else somebody(engine, "Lee"))
    drain(engine, queues)
    with engine.begin() as conn:  # the store died before it could cancel it
        conn.exec_driver_sql("UPDATE queue_entries SET state = 'waiting', callback = 'requested', why = ''"
                             " WHERE contact_id = 'callback'")  # fmt: skip
    client.flushall()
    drain(engine, queues)
    restore(engine, queues)
    assert placed(queues, "callback").state == ("left" if same else "waiting")
