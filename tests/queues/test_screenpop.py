"""Screen pops: what is in them, that they are sent once and at once, and that nobody waits for the company's fields."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import jsonschema
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter import attestation, cases, contacts, customers, events, identifiers, recognition, webhooks
from callcenter.acd.config import Config
from callcenter.acd.model import Estimate, Proposal
from callcenter.db import reading
from callcenter.queues import journal, popping, screenpop
from callcenter.queues.popping import ScreenPops
from callcenter.queues.router import Router
from callcenter.queues.store import Queues
from callcenter.tables import accounts, bills, webhook_deliveries
from tests.queues.conftest import FILES, Clock
from tests.secrecy import assert_lands_nowhere
from tests.servers import Handler, serving

NUMBER = "+12025550143"


class Pages:
    """What the agents' pages hear."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, Mapping[str, Any]]] = []
        self.more = threading.Event()

    def publish(self, topic: str, kind: str, data: Mapping[str, Any]) -> str | None:
        self.heard.append((topic, kind, data))
        self.more.set()
        return "1-0"

    def wait(self, count: int) -> None:
        deadline = time.monotonic() + 20
        while len(self.heard) < count:
            assert time.monotonic() < deadline
            self.more.wait(0.05)
            self.more.clear()


def offered(queues: Queues, contact: str = "c1", **more: Any) -> str:
    queues.join(contact, "billing", channel="sip", caller=NUMBER, holder="sip1", **more)
    queues.sign_in("ana")
    (offer,) = queues.claim(Proposal(contact, "billing", "voice", ("ana",)))
    return offer


def known(engine: Engine, clock: Clock, proof: str = "caller_id") -> str:
    """Ana Ruiz with an account, a bill, a case and a call behind her, in contact c1."""
    at = datetime.fromtimestamp(clock.now, UTC)
    with engine.begin() as conn:
        ana = customers.create(conn, at=at, given_name="Ana", family_name="Ruiz", language="es")
        identifiers.add(conn, ana, "phone", NUMBER, at=at, proof="agent")
        identifiers.add(conn, ana, "account", "4471", at=at, proof="agent")
        conn.execute(sa.insert(accounts).values(number="4471", name="Ruiz", currency="USD"))
        for number, balance in enumerate((1250, 300)):
            conn.execute(
                sa.insert(bills).values(id=f"b{number}", account_number="4471", amount=2000, balance=balance,
                                        due_on=date(2026, 12, 1), status="open", updated_at=at)
            )  # fmt: skip
        cases.open_case(conn, ana, "Meter is wrong", by="agent:ben", at=at)
        contacts.start(conn, channel="sms", caller=NUMBER, called="100", at=at - timedelta(days=1), contact_id="c0")
        recognition.recognise(conn, "c0", channel="sms", address=NUMBER, at=at)
        contacts.end(conn, "c0", outcome="done", at=at)
        contacts.start(conn, channel="sip", caller=NUMBER, called="100", at=at, contact_id="c1")
        recognition.recognise(conn, "c1", channel="sip", address=NUMBER, at=at)
        if proof != "caller_id":
            recognition.settle(conn, "c1", ana, proof=proof, at=at)  # type: ignore[arg-type]
        for words in ("pay my bill", "my card is 4242 4242 4242 4242"):
            events.record(conn, "c1", None, "heard", {"words": words}, at)
        events.record(conn, "c1", None, "slot_filled", {"slot": "account", "value": "4471"}, at)
    return ana


def test_it_says_all_that_is_known(engine: Engine, queues: Queues, clock: Clock) -> None:
    ana = known(engine, clock)
    data = {"path": ["main.choose", "pay_bill.find"], "slots": {"account": "4471", "card": "•••"}}
    queues.join("c1", "billing", channel="sip", caller=NUMBER, customer_id=ana, data=data, priority=7)
    queues.announce("c1", 2, Estimate(180.0, 60.0, 300.0))
    queues.request_callback("c1", NUMBER)
    journal.drain(engine, queues)
    clock.sleep(90)
    queues.sign_in("ana")
    (offer,) = queues.claim(Proposal("c1", "billing", "voice", ("ana",), absent=True))
    pop = popping.build(engine, queues, offer)
    assert pop.customer is not None
    assert (pop.customer.id, pop.customer.greeting, pop.customer.language) == (ana, "Ana", "es")
    assert (pop.customer.verified, pop.customer.proof) == (False, "caller_id")
    assert [(one.number, one.balance, one.currency) for one in pop.accounts] == [("4471", 1550, "USD")]
    assert [one.subject for one in pop.cases] == ["Meter is wrong"]
    assert [(one.id, one.outcome) for one in pop.last_contacts] == [("c0", "done")]
    assert pop.path == ["main.choose", "pay_bill.find"]
    assert pop.words == ["pay my bill", "my card is •••"]
    assert pop.slots == {"account": "4471", "card": "•••"}
    assert (pop.queue.waited, pop.queue.promised, pop.queue.priority) == (90.0, 180.0, 7)
    assert pop.callback is not None
    assert (pop.callback.number, pop.callback.attempts) == (NUMBER, 0)
    assert pop.next_step == "Ask about the open case: Meter is wrong"
    jsonschema.validate(pop.model_dump(mode="json"), screenpop.schema())
    # an id may have those four in a row
    assert_lands_nowhere([], ["4242424242424242", "4242"], texts=[pop.model_dump_json()])


def test_whoever_has_proven_who_they_are_is_verified(engine: Engine, queues: Queues, clock: Clock) -> None:
    known(engine, clock, proof="pin")
    pop = popping.build(engine, queues, offered(queues))
    assert pop.customer is not None
    assert pop.customer.verified


def test_several_whom_a_shared_phone_may_mean_are_candidates(engine: Engine, queues: Queues, clock: Clock) -> None:
    at = datetime.fromtimestamp(clock.now, UTC)
    with engine.begin() as conn:
        for name in ("Ana", "Ben"):
            identifiers.add(conn, customers.create(conn, at=at, name=name), "phone", NUMBER, at=at)
        contacts.start(conn, channel="sip", caller=NUMBER, called="100", at=at, contact_id="c1")
        recognition.recognise(conn, "c1", channel="sip", address=NUMBER, at=at)
    pop = popping.build(engine, queues, offered(queues))
    assert pop.customer is None
    assert sorted(one.name for one in pop.candidates) == ["Ana", "Ben"]


def test_how_far_the_network_vouches_for_the_number(sqlite_engine: Engine, queues: Queues, clock: Clock) -> None:
    at = datetime.fromtimestamp(clock.now, UTC)
    with sqlite_engine.begin() as conn:
        contacts.start(conn, channel="sip", caller=NUMBER, called="100", at=at, contact_id="c1")
        events.record_all(conn, [attestation.event("c1", "s1", "failed", at)])
    pop = popping.build(sqlite_engine, queues, offered(queues))
    assert pop.attestation == "failed"
    jsonschema.validate(pop.model_dump(mode="json"), screenpop.schema())


def test_a_contact_that_the_database_doesnt_know_has_one_too(sqlite_engine: Engine, queues: Queues) -> None:
    pop = popping.build(sqlite_engine, queues, offered(queues))
    assert (pop.caller, pop.customer, pop.path) == (NUMBER, None, [])


def test_two_routers_send_it_once(sqlite_engine: Engine, queues: Queues, clock: Clock) -> None:
    known(sqlite_engine, clock)
    pages = Pages()
    senders = [ScreenPops(sqlite_engine, queues, pages) for _ in range(2)]
    routers = [Router(queues, on_facts=sender.take, on_start=sender.catch_up) for sender in senders]
    for router in routers:
        router.once()
    queues.join("c1", "billing", channel="sip")
    queues.sign_in("ana")
    for _ in range(3):
        for router in routers:
            router.once()
    pages.wait(1)
    for sender in senders:
        sender.close()
    ((topic, kind, data),) = pages.heard
    assert (topic, kind, data["customer"]["greeting"]) == ("agent:ana", "screen_pop", "Ana")
    assert popping.kept(queues, data["offer"]) == data


def test_what_a_router_died_before_sending_another_sends(sqlite_engine: Engine, queues: Queues) -> None:
    offer = offered(queues)
    pages = Pages()
    sender = ScreenPops(sqlite_engine, queues, pages)
    Router(queues, on_facts=sender.take, on_start=sender.catch_up).once()
    pages.wait(1)
    sender.close()
    assert [data["offer"] for _, _, data in pages.heard] == [offer]


def test_the_companys_fields_come_when_they_come(sqlite_engine: Engine, queues: Queues) -> None:
    asked, answer = threading.Event(), threading.Event()

    def crm(request: Handler) -> None:
        pop = json.loads(request.body)
        asked.set()
        answer.wait(20)
        request.reply(200, json.dumps({"tier": "gold", "for": pop["contact_id"]}).encode())

    with serving(crm) as url:
        files = {**FILES, "queues": {"queues": {"billing": {"screen_pop": {"url": url, "seconds": 20}}}}}
        queues.config = Config.from_files(files)
        pages = Pages()
        sender = ScreenPops(sqlite_engine, queues, pages)
        offer = offered(queues)
        sender.catch_up()
        pages.wait(1)  # sent while the company's system still thinks
        assert asked.wait(20)
        assert pages.heard[0][2]["extra"] == {}
        answer.set()
        pages.wait(2)
        sender.close()
    assert pages.heard[1][2]["extra"] == {"tier": "gold", "for": "c1"}
    kept = popping.kept(queues, offer)
    assert kept is not None
    assert kept["extra"]["tier"] == "gold"


@pytest.mark.parametrize("answer", [b"[]", b"no", b"{}" + b" " * 70_000], ids=["a list", "no JSON", "too much"])
def test_a_company_that_answers_nonsense_adds_nothing(answer: bytes) -> None:
    with serving(lambda request: request.reply(200, answer)) as url, pytest.raises(ValueError):  # noqa: PT011
        popping.ask(url, {}, 5)
    with serving(lambda request: request.reply(500, b"{}")) as url, pytest.raises(ValueError, match="answered 500"):
        popping.ask(url, {}, 5)
    with pytest.raises(OSError):  # noqa: PT011
        popping.ask(url, {}, 5)


def test_it_goes_to_who_subscribed_signed(sqlite_engine: Engine, queues: Queues) -> None:
    heard: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()

    def crm(request: Handler) -> None:
        heard.put(({name.lower(): value for name, value in request.headers.items()}, request.body))
        request.reply(200, b"")

    with serving(crm) as url:
        with sqlite_engine.begin() as conn:
            _, secret = webhooks.subscribe(conn, url, ["offer.screen_pop"], datetime(2026, 1, 1, tzinfo=UTC))
        sender = ScreenPops(sqlite_engine, queues, Pages())
        offer = offered(queues)
        sender.catch_up()
        headers, body = heard.get(timeout=60)
        sender.close()
    assert json.loads(body)["data"]["offer"] == offer
    signed = webhooks.sign(secret, headers["webhook-id"], int(headers["webhook-timestamp"]), body)
    assert headers["webhook-signature"] == signed
    with reading(sqlite_engine) as conn:
        assert conn.execute(sa.select(webhook_deliveries.c.type)).scalars().all() == ["offer.screen_pop"]
