"""Whole calls over TwiML."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

from callcenter.tables import contacts, events, messages, payments, recordings, sessions
from ivr.channels.twilio import recordings as fetching
from ivr.channels.twilio.twiml import Fold
from ivr.rehearsal.twilio_double import Call, Media
from tests.twilio.support import ACCOUNT, ACCOUNT_SID, BASE_URL, CARD, CODE, EXPIRY, TOKEN, Line, other_process, words


def pay(call: Call) -> None:
    call.press("1")
    call.press(ACCOUNT)
    call.press("1")
    call.press(CARD + "#")
    call.press(EXPIRY)
    call.press(CODE + "#")


def test_a_bill_is_paid(phone_line: Line) -> None:
    call = phone_line.call(caller="+15550123456")
    pay(call)
    assert [(row.amount, row.status) for row in phone_line.rows(payments)] == [(8450, "approved")]
    (receipt,) = phone_line.rows(messages)
    assert receipt.to == "+15550123456"
    call.press("2")
    assert call.over
    assert phone_line.contact(call).outcome == "completed"
    assert phone_line.contact(call).ended_at is not None
    assert call.failures == []


def test_a_forged_number_makes_nobody_a_customer(phone_line: Line) -> None:
    forged = phone_line.call(caller="+15550123456", verstat="TN-Validation-Failed-A")
    assert phone_line.contact(forged).customer_id is None
    vouched = phone_line.call(caller="+15550123456", verstat="TN-Validation-Passed-A")
    assert phone_line.contact(vouched).customer_id
    told = [row.data["attestation"] for row in phone_line.rows(events) if row.kind == "attested"]
    assert told == ["failed", "A"]


def test_every_request_sent_twice_changes_nothing(phone_line: Line) -> None:
    phone_line.twilio.duplicate = 2
    call = phone_line.call(caller="+15550123456")
    pay(call)
    call.press("2")
    assert [(row.amount, row.status) for row in phone_line.rows(payments)] == [(8450, "approved")]
    assert len(phone_line.rows(contacts)) == len(phone_line.rows(messages)) == 1
    for exchange in phone_line.twilio.exchanges:
        assert exchange.answer is not None
        assert [again.body for again in exchange.repeats if again is not None] == [exchange.answer.body]


def test_a_late_request_gets_the_stored_reply(phone_line: Line) -> None:
    call = phone_line.call()
    first = len(phone_line.twilio.exchanges)
    call.press("1")
    call.press(ACCOUNT)
    before = phone_line.session(call)
    late = phone_line.twilio.resend(phone_line.twilio.exchanges[first])
    assert late.body.decode() == before.reply
    assert phone_line.session(call) == before


def test_hanging_up_ends_the_session(phone_line: Line) -> None:
    call = phone_line.call()
    call.press("1")
    call.hang_up()
    assert phone_line.contact(call).outcome == "hung_up"
    assert phone_line.session(call).ended


def test_nothing_keyed_leads_to_the_recorder_and_the_message_is_fetched(phone_line: Line) -> None:
    with Media(ACCOUNT_SID, TOKEN) as media:
        phone_line.twilio.media = media
        phone_line.chosen.twilio_api_base = media.base_url
        call = phone_line.call(caller="+15550123456")
        for _ in range(3):
            call.wait(7)
        call.press("1")
        assert call.asks == "record"
        call.say("Please call me back about my meter.")
        call.press("#")
        assert call.over
        assert phone_line.contact(call).outcome == "message_left"
        phone_line.runner._pool.shutdown(wait=True)
        (kept,) = phone_line.rows(recordings)
    assert (kept.contact_id, kept.number, kept.kind) == (phone_line.contact(call).id, "+15550123456", "voicemail")
    assert kept.sha256
    assert phone_line.chosen.recordings_dir.joinpath(f"{kept.id}.wav").stat().st_size > 8000


def test_a_recording_that_cannot_be_fetched_yet_is_fetched_later(phone_line: Line) -> None:
    with Media(ACCOUNT_SID, TOKEN) as media:
        media.status = 503
        phone_line.twilio.media = media
        phone_line.chosen.twilio_api_base = media.base_url
        call = phone_line.call()
        call.press("0")
        call.press("1")
        call.say("It is me again.")
        call.hang_up()
        phone_line.runner._pool.shutdown(wait=True)
        assert [row.sha256 for row in phone_line.rows(recordings)] == [""]
        now = datetime.now(UTC)
        assert fetching.fetch_all(phone_line.engine, phone_line.chosen, now) == 0
        media.status = 200
        assert fetching.fetch_all(phone_line.engine, phone_line.chosen, now + timedelta(days=8)) == 0
        assert fetching.fetch_all(phone_line.engine, phone_line.chosen, now) == 1
        assert fetching.fetch_all(phone_line.engine, phone_line.chosen, now) == 0
    (kept,) = phone_line.rows(recordings)
    assert kept.path.endswith(f"{kept.id}.wav")


def test_silence_at_the_recorder_is_an_empty_message(phone_line: Line) -> None:
    call = phone_line.call()
    call.press("0")
    call.press("1")
    call.wait(30)
    assert call.over
    assert phone_line.rows(recordings) == []


def test_a_slow_action_gets_a_filler_and_goes_on(phone_line: Line) -> None:
    phone_line.runner.slow = frozenset({"find_bill"})
    let_go = phone_line.runner.hold("find_bill")
    phone_line.twilio.before = lambda url: let_go.set() if "/wait/" in url else None
    call = phone_line.call()
    call.press("1")
    call.press(ACCOUNT)
    said = words(call)
    assert "One moment, please." in said
    assert any("Your balance is" in text for text in said[said.index("One moment, please.") :])
    assert phone_line.runner.began == [("find_bill", phone_line.runner.began[0][1])]


def test_an_action_whose_server_died_is_run_again_with_the_same_key(phone_line: Line) -> None:
    phone_line.runner.slow = frozenset({"find_bill"})
    let_go = phone_line.runner.hold("find_bill")
    phone_line.twilio.before = lambda url: (_ for _ in ()).throw(KeyboardInterrupt) if "/wait/" in url else None
    call = phone_line.call()
    call.press("1")
    with contextlib.suppress(KeyboardInterrupt):
        call.press(ACCOUNT)
    row = phone_line.session(call)
    survivor = other_process(phone_line.runner, Fold(BASE_URL, boot="another"))
    reply = survivor.wait(row.id, row.seq, "the dead one")
    let_go.set()
    assert "Your balance is" in reply
    keys = [key for name, key in phone_line.runner.began if name == "find_bill"]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_keys_pressed_ahead_reach_the_next_questions(phone_line: Line) -> None:
    call = phone_line.call(caller="+15550123456")
    call.press(f"1{ACCOUNT}#1{CARD}#{EXPIRY}#{CODE}#")
    assert [row.status for row in phone_line.rows(payments)] == ["approved"]


def test_keys_lost_between_questions_are_asked_for_again(phone_line: Line) -> None:
    phone_line.twilio.type_ahead = False
    call = phone_line.call()
    call.press(f"1{ACCOUNT}")
    assert words(call)[-1].startswith("Please enter your eight digit account number")
    call.press(ACCOUNT)
    assert any("Your balance is" in text for text in words(call))


def test_the_finishing_key_alone_goes_back_or_is_no_input(phone_line: Line) -> None:
    for ends in (True, False):
        phone_line.twilio.lone_finish_key = ends
        call = phone_line.call()
        call.press("1")
        call.press("#")
        call.wait(0 if ends else 7)
        expected = "How can we help you?" if ends else "I didn't hear anything."
        assert expected in words(call)[5:]
        call.hang_up()


def test_the_caller_s_language_reaches_say(phone_line: Line) -> None:
    call = phone_line.call()
    call.press("9")
    assert call.heard[-1].language == "es-ES"


def test_sessions_of_two_calls_are_apart(phone_line: Line) -> None:
    one, two = phone_line.call(), phone_line.call()
    one.press("1")
    two.press("2")
    assert len(phone_line.rows(sessions)) == 2
    assert "account number" in words(one)[-1]
    assert "anything else" in words(two)[-1]
