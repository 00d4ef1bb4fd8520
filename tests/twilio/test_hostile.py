"""Requests that Twilio would never send: refused, and no session is harmed."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tuned
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from callcenter.tables import contacts
from ivr.rehearsal.twilio_double import Call, HttpTransport, Twilio
from ivr.rehearsal.twilio_double.transport import FailedWebhook, Params
from tests.secrecy import assert_lands_nowhere
from tests.twilio.server import web_server
from tests.twilio.support import BASE_URL, CARD, TOKEN, Line, line, settings

FORM = "application/x-www-form-urlencoded"
SID = "CA" + "1" * 32
Victim = tuple[Line, Call]


def send(made: Line, path: str, body: bytes | str, **headers: str) -> TestResponse:
    return made.app.test_client().post(path, data=body, content_type=FORM, headers=headers)


def signed(made: Line, path: str, params: Params) -> TestResponse:
    signature = made.twilio.signature(BASE_URL + path, params)
    body = urlencode(params, doseq=True, errors="surrogatepass")
    return send(made, path, body, **{"X-Twilio-Signature": signature})


@pytest.mark.parametrize("signature", ["", "AAAA", "é" * 28, "x" * 10_000])
@pytest.mark.parametrize(
    "path", ["/twilio/voice", "/twilio/status", "/twilio/fallback", f"/twilio/voice/{'0' * 32}/1/menu"]
)
def test_without_twilio_s_signature_nothing_happens(phone_line: Line, path: str, signature: str) -> None:
    answer = send(phone_line, path, urlencode({"CallSid": SID, "From": "+1"}), **{"X-Twilio-Signature": signature})
    assert answer.status_code == 403
    assert phone_line.rows(contacts) == []


def test_the_host_header_is_not_believed(phone_line: Line) -> None:
    params = {"CallSid": SID, "From": "+15550001111", "To": "+1"}
    stolen = phone_line.twilio.signature("https://evil.example.net/twilio/voice", params)
    headers = {"X-Twilio-Signature": stolen, "Host": "evil.example.net", "X-Forwarded-Host": "evil.example.net"}
    assert send(phone_line, "/twilio/voice", urlencode(params), **headers).status_code == 403
    right = phone_line.twilio.signature(f"{BASE_URL}/twilio/voice", params)
    headers = {"X-Twilio-Signature": right, "Host": "evil.example.net"}
    assert send(phone_line, "/twilio/voice", urlencode(params), **headers).status_code == 200


def test_a_changed_parameter_breaks_the_signature(phone_line: Line) -> None:
    params = {"CallSid": SID, "From": "+15550001111", "To": "+1"}
    right = phone_line.twilio.signature(f"{BASE_URL}/twilio/voice", params)
    body = urlencode({**params, "From": "+15550002222"})
    assert send(phone_line, "/twilio/voice", body, **{"X-Twilio-Signature": right}).status_code == 403


def test_a_port_in_the_signed_url_is_allowed_for(phone_line: Line) -> None:
    params = {"CallSid": SID, "From": "+15550001111", "To": "+1"}
    right = phone_line.twilio.signature("https://voice.example.com:443/twilio/voice", params)
    assert send(phone_line, "/twilio/voice", urlencode(params), **{"X-Twilio-Signature": right}).status_code == 200


def test_without_a_token_everything_is_refused(tmp_path: Path, logged: io.StringIO) -> None:
    made = line(settings(tmp_path, twilio_auth_token=""))
    try:
        empty = {"CallSid": SID}
        made.twilio.auth_token = ""
        assert signed(made, "/twilio/voice", empty).status_code == 403
        assert "TWILIO_AUTH_TOKEN" in logged.getvalue()
    finally:
        made.close()


def test_get_is_refused(phone_line: Line) -> None:
    assert phone_line.app.test_client().get("/twilio/voice").status_code == 405


def test_oversized_bodies_are_refused(phone_line: Line) -> None:
    answer = signed(phone_line, "/twilio/voice", {"CallSid": SID, "Digits": "1" * 70_000})
    assert answer.status_code == 413
    assert phone_line.rows(contacts) == []


@pytest.mark.parametrize("params", [{}, {"CallSid": ""}, {"CallSid": "CA1"}, {"CallSid": SID + "\n"}])
def test_a_form_without_a_call_is_refused(phone_line: Line, params: dict[str, str]) -> None:
    assert signed(phone_line, "/twilio/voice", params).status_code == 400


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    made = line(settings(tmp_path_factory.mktemp("victim")))
    call = made.call()
    call.press("1")
    yield made, call
    made.close()


VALUES = st.text(max_size=50) | st.text("0123456789*#", max_size=3000) | st.sampled_from(["", "-1", "1e999", "nan"])
PARAMS = st.dictionaries(
    st.sampled_from([
        "CallSid", "Digits", "FinishedOnKey", "SpeechResult", "Confidence", "From", "To", "CallStatus", "RecordingUrl",
        "RecordingDuration", "RecordingStatus", "DialCallStatus", "ErrorCode", "ErrorUrl",
    ]) | st.text(max_size=10),
    VALUES | st.lists(VALUES, min_size=2, max_size=3),
    max_size=8,
)  # fmt: skip
WHERE = st.tuples(
    st.sampled_from(["menu", "number8", "number8/full", "number999", "number1000", "amount10", "recorded", "dialled",
                     "wait/x", "nonsense", "../../status"]),
    st.integers(min_value=0, max_value=10**40),
)  # fmt: skip


@given(params=PARAMS, where=WHERE, known=st.booleans(), sid=st.booleans())
@tuned(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_is_posted_breaks_a_call(
    victim: Victim, params: Params, where: tuple[str, int], known: bool, sid: bool
) -> None:
    made, call = victim
    row = made.session(call)
    what, seq = where
    seq = seq if seq != row.seq else seq + 1  # what isn't due
    params = {**params, **({"CallSid": call.sid} if sid else {})}
    answer = signed(made, f"/twilio/voice/{row.id if known else '0' * 32}/{seq}/{what}", params)
    assert answer.status_code in (200, 400, 403, 404)
    assert made.session(call) == row


@given(
    params=PARAMS,
    path=st.sampled_from(
        ["voice", "fallback", "fallback/dialled", "status", "again/0", "recording-status/x/voicemail", "voice/x/1/menu"]
    ),
)
@tuned(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_route_answers_500(victim: Victim, params: Params, path: str) -> None:
    made, call = victim
    row = made.session(call)
    answer = signed(made, f"/twilio/{path}", {**params, "CallSid": SID})
    assert answer.status_code in (200, 204, 400, 403, 404)
    assert made.session(call) == row


@given(body=st.binary(max_size=300))
@tuned(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_refused(victim: Victim, body: bytes) -> None:
    made, call = victim
    row = made.session(call)
    assert send(made, "/twilio/voice", body).status_code == 403
    assert made.session(call) == row


@given(keys=st.text("0123456789*#wA", max_size=200), what=st.sampled_from(["menu", "number8", "amount10"]))
@tuned(max_examples=60)
def test_any_keys_leave_a_call_that_can_go_on(victim: Victim, keys: str, what: str) -> None:
    """What is due, however odd, is taken; afterwards the call still asks or has ended in words."""
    made, _ = victim
    call = made.call()
    row = made.session(call)
    answer = signed(made, f"/twilio/voice/{row.id}/{row.seq}/{what}", {"CallSid": call.sid, "Digits": keys})
    assert answer.status_code == 200
    assert b"<Gather" in answer.data or b"<Hangup" in answer.data
    assert made.session(call).seq > row.seq


def test_a_card_number_in_the_wrong_place_is_not_logged(tmp_path: Path) -> None:
    with web_server(tmp_path) as server:
        twilio = Twilio(HttpTransport(server.url), TOKEN, BASE_URL)
        for where in (f"{CARD}", f"voice/{CARD}/1/menu", "fallback"):
            params = {"CallSid": SID, "ErrorCode": "11200", "ErrorUrl": f"https://x.example/{CARD}"}
            with contextlib.suppress(FailedWebhook):
                twilio.post(f"{BASE_URL}/twilio/{where}", params)
    assert "11200" in server.log.read_text()
    assert_lands_nowhere([tmp_path], [CARD])
