"""A whole paid call on a real server: what the caller keyed as secrets is nowhere afterwards."""

from __future__ import annotations

import json
from pathlib import Path

from callcenter.db import reading
from callcenter.tables import payments
from ivr.rehearsal.twilio_double import HttpTransport, Twilio
from tests.secrecy import assert_lands_nowhere
from tests.twilio.server import web_server
from tests.twilio.support import ACCOUNT, ACCOUNT_SID, BASE_URL, CARD, CODE, EXPIRY, TOKEN, prepare, settings

SECRETS = (CARD, "4242424242424241", "4000000000000002", CODE, EXPIRY)


def written(folder: Path) -> list[Path]:
    """All that the server wrote: the unpacked flow files, with the test cards of their scripts, are the admin's."""
    return [path for path in folder.iterdir() if path.name != "versions"]


def test_a_paid_call_leaves_no_card(tmp_path: Path) -> None:
    engine = prepare(settings(tmp_path))
    with web_server(tmp_path, WEB_WORKERS="2") as server:
        twilio = Twilio(HttpTransport(server.url), TOKEN, BASE_URL, ACCOUNT_SID, duplicate=2)
        call = twilio.call(caller="+15550123456").start()
        call.press("1")
        call.press(ACCOUNT)
        call.press("1")
        call.press("4000000000000002#")  # declined: asked for again
        call.press(EXPIRY)
        call.press(CODE + "#")
        call.press("1")
        call.press("4242424242424241#")  # its check digit is wrong
        call.press(CARD)
        call.press("#")
        # In the middle of the call: number, expiry and code are sealed in the database, waiting for their action.
        call.press(EXPIRY)
        assert_lands_nowhere(written(tmp_path), SECRETS)
        call.press(CODE + "#")
        call.press("2")
        assert call.over
        assert call.failures == []
        log = server.log.read_text()
    with reading(engine) as connection:
        assert [row.status for row in connection.execute(payments.select().order_by(payments.c.created_at))] == [
            "declined",
            "approved",
        ]
    engine.dispose()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert any(line.get("event") == "action" and line.get("call") == call.sid for line in lines)
    assert_lands_nowhere(written(tmp_path), SECRETS)
