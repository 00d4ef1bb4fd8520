"""A whole paid call on a real server, and a payment with the agent on the line: what the caller keyed as secrets is
nowhere afterwards."""

from __future__ import annotations

import io
import json
from pathlib import Path

from callcenter.db import reading
from callcenter.tables import payments
from ivr.rehearsal.twilio_double import HttpTransport, Twilio
from tests.bridge.paying import everything_in
from tests.secrecy import assert_lands_nowhere
from tests.twilio.office import Open
from tests.twilio.paying import counter
from tests.twilio.server import web_server
from tests.twilio.support import ACCOUNT, ACCOUNT_SID, BASE_URL, CARD, CODE, EXPIRY, TOKEN, prepare, settings
from tests.valkey import Valkey

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


def test_the_agent_and_the_recording_hear_no_card(
    open_recording_office: Open, valkey: Valkey, logged: io.StringIO
) -> None:
    office = open_recording_office("ana", "ben")
    office.queues.set_presence("ben", "unavailable", "lunch")
    here = counter(office)
    dana, ana = here.caller, here.ana
    assert office.ordered(dana, "listen", by="ben") == ""
    ben = office.rung().start()
    office.step()
    dana.press("7")
    [tape] = dana.tapes
    room = ana.conference
    assert room is not None
    present = dict(room.participants)
    heard = {sid: one.keys for sid, one in present.items()}
    assert (tape.keys, heard) == ("7", {dana.sid: "", ana.sid: "7", ben.sid: "7"}), "otherwise keys are heard"
    here.asked()
    dana.finish_speaking()
    dana.press("4242424242424241#")  # its check digit is wrong
    dana.finish_speaking()
    dana.press(CARD + "#")
    dana.press(EXPIRY)
    shown = [repr(here.shown)]
    in_the_middle = [*everything_in(valkey), *shown, logged.getvalue()]
    assert_lands_nowhere(written(office.line.chosen.data_dir), SECRETS, texts=in_the_middle)
    assert office.ordered(dana, "record_resume") == "", "the recording is paused all the same"
    dana.press(CODE + "#")
    office.step()
    assert (here.shown["result"], here.shown["card"]) == ("paid", CARD[-4:])
    assert here.talks
    dana.press("8")
    assert tape.keys == "78"
    assert [one.keys for sid, one in present.items() if sid != dana.sid] == ["78", "78"]
    ana.hang_up()
    office.step()
    ours = [exchange.answer.body for exchange in office.twilio.exchanges if exchange.answer is not None]
    asked = [exchange.url for exchange in office.twilio.exchanges]
    texts: list[str | bytes] = [
        *everything_in(valkey),
        logged.getvalue(),
        *ours,
        *asked,
        repr(here.shown),
        repr(here.ended),
    ]
    assert_lands_nowhere(written(office.line.chosen.data_dir), SECRETS, texts=texts)
