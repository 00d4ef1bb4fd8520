"""Texts from a provider that posts to us, and to one that we post to."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from callcenter import webhooks
from callcenter.messages import open_sender
from callcenter.messages.sms_http import HttpSms
from callcenter.tables import contacts, files, messages
from ivr.channels.messaging.http import blueprint
from ivr.settings import Settings
from tests.carriers import Carrier
from tests.conversations.support import DANA, US, Desk, _desk
from tests.servers import Handler, serving
from tests.twilio.support import NOON, prepare, settings

SECRET = "whsec_" + base64.b64encode(b"a key for tests").decode()
CLOCK = 1_800_000_000.0


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Desk, Any]]:
    chosen = settings(tmp_path, sms_http_secret=SECRET, sms_http_from=US)
    desk = _desk(chosen, prepare(chosen), [NOON])
    app = Flask("test")
    app.register_blueprint(blueprint(chosen, desk.conversations, clock=lambda: CLOCK))
    yield desk, app.test_client()
    desk.runner.close()
    desk.runner.engine.dispose()
    desk.engine.dispose()


def post(client: Any, path: str, data: Any, *, at: float = CLOCK, secret: str = SECRET, **headers: str) -> Any:
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    signed = {"webhook-id": "m1", "webhook-timestamp": str(int(at)),
              "webhook-signature": webhooks.sign(secret, "m1", int(at), body)}  # fmt: skip
    return client.post(path, data=body, headers={**signed, **headers})


def test_a_text_comes_in_once_and_is_answered(served: tuple[Desk, Any], carrier: Carrier) -> None:
    desk, client = served
    text = {"id": "p1", "from": DANA, "to": US, "text": "what are your hours today?",
            "files": [{"name": "a.png", "type": "image/png", "data": base64.b64encode(b"x").decode()}]}  # fmt: skip
    first, again = post(client, "/sms/inbound", text), post(client, "/sms/inbound", text)
    assert (first.status_code, first.json["duplicate"], again.json["duplicate"]) == (200, False, True)
    assert first.json["message"] == again.json["message"]
    assert "Our hours today" in carrier.sent[0].body
    assert len(carrier.sent) == len(desk.rows(contacts)) == len(desk.rows(files)) == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"secret": "whsec_" + base64.b64encode(b"another").decode()}, 403),
        ({"at": CLOCK - 301}, 403),
        ({"at": CLOCK + 301}, 403),
        ({"webhook-timestamp": "soon"}, 403),
        ({"webhook-timestamp": "9" * 30}, 403),
        ({"webhook-timestamp": str(int(CLOCK) - 10)}, 403),  # not what was signed
        ({"webhook-signature": ""}, 403),
        ({"webhook-signature": "v1,é"}, 403),
        ({"webhook-id": "another"}, 403),
    ],
)
def test_only_the_provider_is_believed(served: tuple[Desk, Any], change: dict[str, Any], why: int) -> None:
    desk, client = served
    assert post(client, "/sms/inbound", {"id": "p", "from": DANA, "text": "hi"}, **change).status_code == why
    assert desk.rows(messages) == []


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{", {"id": "p"}, {"from": DANA}, {"id": "", "from": DANA}, {"id": 1, "from": DANA},
     {"id": "p", "from": DANA, "files": [{"name": "x", "type": "image/png", "data": "not base64!"}]},
     {"id": "p", "from": "\n"}, {"id": "p", "from": DANA, "text": "x" * 20_001}],
)  # fmt: skip
def test_bad_requests_are_told_why(served: tuple[Desk, Any], data: Any) -> None:
    desk, client = served
    answer = post(client, "/sms/inbound", data)
    assert answer.status_code == 400
    assert answer.json["error"]
    assert desk.rows(messages) == []


def test_statuses(served: tuple[Desk, Any], carrier: Carrier) -> None:
    desk, client = served
    desk.text("hours")
    row = next(row for row in desk.rows(messages) if row.direction == "out")
    assert (
        post(client, "/sms/status", {"reference": row.reference, "to": DANA, "status": "delivered"}).status_code == 200
    )
    assert post(client, "/sms/status", {"id": row.id, "status": "read"}).status_code == 200
    assert post(client, "/sms/status", {"id": "unknown", "status": "sent"}).status_code == 200
    assert post(client, "/sms/status", {"id": row.id, "status": "eaten"}).status_code == 400
    assert next(found for found in desk.rows(messages) if found.id == row.id).status == "read"
    assert desk.published[-1][1:] == ("delivery", {"id": row.id, "status": "read", "at": NOON.isoformat()})


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, "sent"), (202, "sent"), (409, "sent"), (400, "parked"), (302, "parked"), (429, "queued"), (401, "queued"),
     (503, "queued")],
)  # fmt: skip
def test_texts_go_out_signed_and_under_one_key(tmp_path: Path, status: int, expected: str) -> None:
    from callcenter import outbox

    chosen = settings(tmp_path)
    engine = prepare(chosen)
    seen: list[Any] = []

    def provider(handler: Handler) -> None:
        seen.append((dict(handler.headers), handler.body))
        handler.reply(status, b'{"id": "theirs"}')

    with serving(provider) as base:
        own = Settings.defaults(sms_http_url=base, sms_http_secret=SECRET, sms_http_token="token", sms_http_from=US)
        with engine.begin() as conn:
            message = outbox.queue(conn, channel="sms", to=DANA, body="hello", at=NOON)
        assert outbox.deliver(engine, own, message, NOON) == expected
    headers, body = seen[0]
    assert json.loads(body) == {"id": message, "from": US, "to": DANA, "text": "hello"}
    assert (headers["Authorization"], headers["Idempotency-Key"]) == ("Bearer token", message)
    right = webhooks.sign(SECRET, headers["webhook-id"], int(headers["webhook-timestamp"]), body)
    assert headers["webhook-signature"] == right
    engine.dispose()


def test_which_provider_is_used() -> None:
    assert isinstance(
        open_sender("sms", Settings.defaults(sms_http_url="https://x.example", sms_http_secret=SECRET)), HttpSms
    )
    with pytest.raises(Exception, match="SMS_HTTP_SECRET"):
        open_sender("sms", Settings.defaults(sms_http_url="https://x.example"))
    with pytest.raises(Exception, match="SMS_HTTP_URL is no"):
        open_sender("sms", Settings.defaults(sms_http_url="ftp://x.example", sms_http_secret=SECRET))
