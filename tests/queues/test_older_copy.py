"""A store that comes back without its last seconds: a replica took over, or the power failed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import redis
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from callcenter.acd.model import Proposal
from callcenter.queues import journal
from callcenter.queues.auditing import audit
from callcenter.queues.base import Base
from callcenter.queues.restore import restore
from callcenter.queues.router import Router
from callcenter.queues.store import Queues
from tests.queues.conftest import Clock
from tests.queues.test_journal import NUMBER, drain, kinds_stored, row
from tests.valkey import Copy


def connected(queues: Queues, contact: str, agent: str) -> str:
    (offer,) = queues.claim(Proposal(contact, "billing", "voice", (agent,)))
    assert queues.connected(offer)
    return offer


@pytest.fixture
def copy(engine: Engine, queues: Queues, client: redis.Redis, clock: Clock) -> Copy:
    """From before some seconds, which the log of events has. Then: `served` is in conversation with ana, `gone` has
    left, `late` has joined, `back` has asked to be called back, and ben takes a break."""
    for contact in ("served", "gone", "back", "same"):
        queues.join(contact, "billing", channel="sip", holder="sip1")
        clock.sleep(1)
    queues.sign_in("ana")
    queues.sign_in("ben")
    drain(engine, queues)
    copy = Copy(client)
    clock.sleep(1)
    connected(queues, "served", "ana")
    queues.leave("gone", "abandoned")
    queues.join("late", "billing", channel="chat")
    queues.request_callback("back", NUMBER)
    queues.set_presence("ben", "unavailable", "lunch")
    drain(engine, queues)
    return copy


EVERYBODY = ("served", "gone", "back", "same", "late")


def there(queues: Queues, *contacts: str) -> dict[str, str]:
    states = {contact: queues.place(contact) for contact in contacts or EVERYBODY}
    return {contact: place.state for contact, place in states.items() if place is not None}


def test_it_is_brought_up_to_what_has_happened(engine: Engine, queues: Queues, copy: Copy) -> None:
    was = queues.epoch()
    copy.takes_over()
    assert there(queues)["served"] == "waiting", "the copy is older"
    drain(engine, queues)
    assert queues.epoch() != was
    assert kinds_stored(engine).count("queue.store_lost") == 1
    restore(engine, queues)
    assert there(queues) == {"served": "connected", "back": "waiting", "same": "waiting", "late": "waiting"}
    assert [one.contact_id for one in queues.callbacks_of(NUMBER)] == ["back"]
    assert queues.agents()["ana"].load == {"voice": 1}
    assert queues.presence_of("ben")[:2] == ("unavailable", "lunch")
    drain(engine, queues)
    assert kinds_stored(engine).count("queue.store_lost") == 1
    assert audit(engine).findings(queues.clock(), 60) == []


def test_what_came_after_it_took_over_counts_too(engine: Engine, queues: Queues, copy: Copy) -> None:
    copy.takes_over()
    queues.join("new", "billing", channel="chat")
    queues.leave("same", "abandoned")
    drain(engine, queues)
    restore(engine, queues)
    new = queues.place("new")
    assert new is not None
    assert new.state == "waiting"
    assert "same" not in there(queues)
    drain(engine, queues)
    assert audit(engine).findings(queues.clock(), 60) == []


def test_a_process_that_dies_before_it_has_dropped_the_copy_leaves_that_to_the_next(
    engine: Engine, queues: Queues, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy.takes_over()
    with monkeypatch.context() as patch:
        patch.setattr(Base, "forget", lambda *_: (_ for _ in ()).throw(redis.ConnectionError))
        with pytest.raises(redis.ConnectionError):
            drain(engine, queues)
    drain(engine, queues)
    restore(engine, queues)
    assert there(queues)["served"] == "connected"
    assert kinds_stored(engine).count("queue.store_lost") == 1


def test_several_notice_it_at_once(engine: Engine, queues: Queues, copy: Copy) -> None:
    copy.takes_over()

    def drained() -> None:
        while True:
            with suppress(OperationalError):  # the lock was another's for too long
                journal.drain(engine, queues)
                return

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(drained) for _ in range(3)]:
            done.result()
    restore(engine, queues)
    drain(engine, queues)
    kinds = kinds_stored(engine)
    assert (kinds.count("queue.store_lost"), kinds.count("offer.restored")) == (1, 1)


def test_it_is_noticed_after_a_quiet_night(engine: Engine, queues: Queues, client: redis.Redis,
                                           monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(journal, "KEPT", 0)
    for number in range(300):
        queues.join(f"c{number}", "billing", channel="chat")
    drain(engine, queues)
    journal.trim(engine, client)
    copy = Copy(client)
    queues.leave("c0", "ended")
    drain(engine, queues)
    copy.takes_over()
    queues.join("new", "billing", channel="chat")
    drain(engine, queues)
    assert "queue.store_lost" in kinds_stored(engine)


def test_a_database_that_is_the_older_one_drops_nothing(engine: Engine, queues: Queues, client: redis.Redis,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """It was put back from yesterday's copy; what came since is trimmed from the journal, and lives in the store."""
    queues.join("c1", "billing", channel="chat")
    drain(engine, queues)
    queues.join("c2", "billing", channel="chat")
    client.xtrim(journal.STREAM, maxlen=0, approximate=False)
    queues.join("c3", "billing", channel="chat")
    drain(engine, queues)
    assert "queue.store_lost" not in kinds_stored(engine)
    assert row(engine, "c3").state == "waiting"
    assert queues.place("c2") is not None


def test_a_router_at_work_goes_on_with_what_was_put_back(
    engine: Engine, queues: Queues, copy: Copy, clock: Clock
) -> None:
    router = Router(queues, engine)
    router.once()
    copy.takes_over()
    journal.drain(engine, queues)  # the thread that drains has noticed it
    clock.sleep(61)  # nobody's skills are required any longer
    queues.keep("sip1", ["served", "same"])
    queues.sign_in("cleo")
    router.once()
    router.once()
    offer = queues.agents()["cleo"].offer
    assert offer
    assert queues.offer(offer).contact_id in ("back", "same")


def test_a_conversation_that_no_log_knows_of_is_offered_to_nobody_else(
    engine: Engine, queues: Queues, client: redis.Redis, clock: Clock
) -> None:
    """The store died with it; only the process that has both legs is left to tell."""
    queues.join("c1", "billing", channel="sip", holder="sip1", joined_at=clock.now)
    queues.sign_in("ana")
    queues.sign_in("ben")
    drain(engine, queues)
    copy = Copy(client)
    offer = connected(queues, "c1", "ana")
    began = clock.now
    copy.takes_over()
    (second,) = queues.claim(Proposal("c1", "billing", "voice", ("ben",)))
    assert queues.keep("sip1", ["c1"], {"c1": offer}) == ["c1"]
    given: Any = {"channel": "sip", "connected_at": began, "joined_at": began - 5, "holder": "sip1"}
    assert not queues.reconnect(offer, "c1", "ana", "billing", **given), "only for whoever has the legs"
    assert queues.reconnect(offer, "c1", "ana", "billing", waits=True, **given)
    assert queues.offer(second).state == "withdrawn"
    assert not queues.connected(second)
    assert there(queues, "c1") == {"c1": "connected"}
    assert queues.snapshot().waiting.get("c1") is None
    assert queues.agents()["ana"].load == {"voice": 1}
    assert queues.keep("sip1", ["c1"], {"c1": offer}) == []
    assert queues.complete(offer)
    drain(engine, queues)
    assert (row(engine, "c1").state, row(engine, "c1").agent) == ("done", "ana")
    assert audit(engine).findings(queues.clock(), 60) == []


def test_nor_is_a_callback_that_was_connected(
    engine: Engine, queues: Queues, client: redis.Redis, clock: Clock
) -> None:
    queues.join("c1", "billing", channel="sip")
    queues.request_callback("c1", NUMBER)
    queues.sign_in("ana")
    drain(engine, queues)
    copy = Copy(client)
    (offer,) = queues.claim(Proposal("c1", "billing", "voice", ("ana",), absent=True))
    assert queues.connected(offer)
    copy.takes_over()
    assert queues.keep("sip1", ["c1"], {"c1": offer}) == ["c1"]
    assert queues.reconnect(
        offer, "c1", "ana", "billing", channel="sip", connected_at=clock.now, holder="sip1", waits=True
    )
    assert queues.callbacks_of(NUMBER) == []
    drain(engine, queues)
    assert (row(engine, "c1").state, row(engine, "c1").callback) == ("connected", "done")


def test_a_contact_that_its_agent_gave_back_waits(queues: Queues, clock: Clock) -> None:
    """Its process may say once more that it is in conversation."""
    queues.join("c1", "billing", channel="sip", holder="sip1")
    queues.sign_in("ana")
    offer = connected(queues, "c1", "ana")
    assert queues.transfer(offer, "general")
    assert queues.keep("sip1", ["c1"], {"c1": offer}) == []
    assert there(queues, "c1") == {"c1": "waiting"}


def test_other_keys_stay(queues: Queues, client: redis.Redis, copy: Copy) -> None:
    client.set("cw:twilio:talk:o1", "a conversation")
    client.set("rq:queue:default", "somebody else's")
    queues.forget("another epoch")
    assert there(queues)["same"] == "waiting"
    queues.forget(queues.epoch())
    assert sorted(client.scan_iter()) == [b"cw:twilio:talk:o1", b"rq:queue:default"]
