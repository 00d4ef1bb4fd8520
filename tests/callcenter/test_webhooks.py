"""Webhooks: queued with the cause, signed, retried, parked, replayed; over a real HTTP server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter import contacts, customers, webhooks
from callcenter.db import reading
from callcenter.tables import webhook_deliveries
from tests.servers import Handler, serving

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


class Receiver:
    """Stands for a receiver; answers what `answers` says, then 200."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.got: list[tuple[Mapping[str, str], bytes]] = []

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        self.got.append((headers, body))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer


def status(engine: Engine) -> list[tuple[str, int, str]]:
    with reading(engine) as conn:
        rows = conn.execute(sa.select(webhook_deliveries).order_by(webhook_deliveries.c.id)).all()
    return [(row.status, row.attempts, row.error) for row in rows]


@pytest.fixture
def subscribed(engine: Engine) -> str:
    with engine.begin() as conn:
        _, secret = webhooks.subscribe(conn, "https://example.com/", ["customer.created"], NOW)
        customers.create(conn, at=NOW)
        webhooks.emit(conn, "note.added", {}, NOW)  # nobody asked for it
    return secret


def test_a_delivery_is_signed(engine: Engine, subscribed: str) -> None:
    receiver = Receiver()
    assert webhooks.sweep(engine, NOW, post=receiver) == 1
    ((headers, body),) = receiver.got
    key = base64.b64decode(subscribed.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert int(headers["webhook-timestamp"]) == int(NOW.timestamp())
    assert json.loads(body)["type"] == "customer.created"
    assert status(engine) == [("delivered", 1, "")]
    assert webhooks.sweep(engine, NOW, post=receiver) == 0


def test_the_signature_is_that_of_the_specification() -> None:
    """The example that the reference libraries of Standard Webhooks test with."""
    body = b'{"test": 2432232314}'
    signature = webhooks.sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_failed_is_tried_again_and_then_parked(engine: Engine, subscribed: str) -> None:
    answers: list[int | Exception] = [500, OSError("refused"), 302]
    receiver = Receiver(*(answers * 4)[: len(webhooks.BACK_OFF) + 1])
    now = NOW
    for wait in webhooks.BACK_OFF:
        assert webhooks.sweep(engine, now, post=receiver) == 0
        assert status(engine)[0][0] == "queued"
        assert webhooks.sweep(engine, now + wait - timedelta(seconds=1), post=receiver) == 0  # not yet due
        now += wait
    webhooks.sweep(engine, now, post=receiver)
    assert len(receiver.got) == len(webhooks.BACK_OFF) + 1
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    ((parked, attempts, error),) = status(engine)
    assert (parked, attempts) == ("parked", len(webhooks.BACK_OFF) + 1)
    assert error
    with engine.begin() as conn:
        (row,) = conn.execute(sa.select(webhook_deliveries)).all()
        assert webhooks.replay(conn, row.id, now)
        assert not webhooks.replay(conn, row.id, now)
    assert webhooks.sweep(engine, now, post=receiver) == 1
    with engine.begin() as conn:  # also what was delivered can be sent again
        assert webhooks.replay(conn, row.id, now)
    assert webhooks.sweep(engine, now, post=receiver) == 1
    assert receiver.got[0][0]["webhook-id"] == receiver.got[-1][0]["webhook-id"]


def test_a_receiver_that_is_gone_is_asked_once(engine: Engine, subscribed: str) -> None:
    webhooks.sweep(engine, NOW, post=Receiver(410))
    assert status(engine) == [("parked", 1, "answered 410")]


def test_a_post_whose_process_died_is_made_again(engine: Engine, subscribed: str) -> None:
    class Died(BaseException):
        pass

    def dies(url: str, headers: Mapping[str, str], body: bytes) -> int:
        raise Died

    with pytest.raises(Died):
        webhooks.sweep(engine, NOW, post=dies)
    assert status(engine)[0][0] == "sending"
    assert webhooks.sweep(engine, NOW + timedelta(seconds=1), post=Receiver()) == 0
    assert webhooks.sweep(engine, NOW + webhooks.LEASE, post=Receiver()) == 1


def test_several_sweeps_post_each_event_once(engine: Engine, subscribed: str) -> None:
    with engine.begin() as conn:
        for _ in range(9):
            customers.create(conn, at=NOW)
    receiver = Receiver()
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: webhooks.sweep(engine, NOW, post=receiver), range(4)))
    assert sum(done) == len({headers["webhook-id"] for headers, _ in receiver.got}) == len(receiver.got) == 10


def test_nothing_is_queued_for_what_did_not_happen(engine: Engine, subscribed: str) -> None:
    with engine.connect() as conn:
        transaction = conn.begin()
        customers.create(conn, at=NOW)
        transaction.rollback()
    assert len(status(engine)) == 1


def test_the_end_of_a_contact_is_told_once(engine: Engine) -> None:
    with engine.begin() as conn:
        webhooks.subscribe(conn, "https://example.com/", ["contact.ended"], NOW)
        contact = contacts.start(conn, channel="sip", caller="", called="1", at=NOW)
        assert contacts.end(conn, contact, outcome="completed", at=NOW)
        assert not contacts.end(conn, contact, outcome="hung_up", at=NOW)
    receiver = Receiver()
    assert webhooks.sweep(engine, NOW, post=receiver) == 1
    assert json.loads(receiver.got[0][1])["data"] == {"contact_id": contact, "outcome": "completed"}


def test_a_stopped_webhook_gets_nothing_more(engine: Engine, subscribed: str) -> None:
    with engine.begin() as conn:
        (hook,) = webhooks.listed(conn)
        assert webhooks.stop(conn, hook.id)
        assert not webhooks.stop(conn, hook.id)
        customers.create(conn, at=NOW)
        (row,) = conn.execute(sa.select(webhook_deliveries)).all()
        assert not webhooks.replay(conn, row.id, NOW)
    assert webhooks.sweep(engine, NOW, post=Receiver()) == 0


@pytest.mark.parametrize(
    ("url", "events"),
    [
        ("ftp://example.com", ["*"]),
        ("https://", ["*"]),
        ("https://me:secret@example.com/", ["*"]),
        ("https://example.com:port/", ["*"]),
        ("https://example.com/", []),
        ("https://example.com/", ["customer.sneezed"]),
    ],
)
def test_what_cannot_be_a_webhook_is_refused(sqlite_engine: Engine, url: str, events: list[str]) -> None:
    with sqlite_engine.begin() as conn, pytest.raises(ValueError, match=r"webhook|types|[Pp]ort"):
        webhooks.subscribe(conn, url, events, NOW)


def test_over_http_and_without_following_redirects(sqlite_engine: Engine) -> None:
    seen: list[tuple[str, str, bytes]] = []

    def answer(request: Handler) -> None:
        seen.append((request.path, request.headers["webhook-signature"], request.body))
        if request.path == "/moved":
            request.send_response(302)
            request.send_header("Location", "/elsewhere")
            request.send_header("Content-Length", "0")
            request.end_headers()
        else:
            request.reply(204, b"")

    with serving(answer) as url:
        with sqlite_engine.begin() as conn:
            webhooks.subscribe(conn, f"{url}/hook", ["*"], NOW)
            webhooks.subscribe(conn, f"{url}/moved", ["*"], NOW)
            customers.create(conn, at=NOW, name="Ana")
        assert webhooks.sweep(sqlite_engine, NOW) == 1
    assert sorted(path for path, _, _ in seen) == ["/hook", "/moved"]
    assert all(signature.startswith("v1,") and b"Ana" not in body for _, signature, body in seen)
    assert sorted(status(sqlite_engine)) == [("delivered", 1, ""), ("queued", 1, "answered 302")]
    assert webhooks.sweep(sqlite_engine, NOW + webhooks.BACK_OFF[0]) == 0  # nobody listens any more
    assert ("queued", 2, "no answer: ConnectionError") in status(sqlite_engine)
