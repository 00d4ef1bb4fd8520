"""An agent takes a payment: the caller keys the card on a real SIP call, and its digits are nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from callcenter import timeline
from callcenter.db import reading
from callcenter.live import Live
from callcenter.tables import contacts, messages
from ivr import logs
from tests.bridge.paying import (
    ACCOUNT,
    BALANCE,
    BEN,
    CARD,
    CODE,
    DANA,
    EXPIRY,
    Counter,
    channels,
    counter,
    everything_in,
    heard,
    keys_in,
    patient,
    story,
)
from tests.bridge.phones import TonePhone
from tests.channels.sip.media.talker import tones_in
from tests.secrecy import assert_lands_nowhere
from tests.valkey import Valkey
from tests.voice.line import Ears

pytestmark = [pytest.mark.sip, pytest.mark.timeout(240)]
RECORDED = {"record": {"on": True, "consent": "never"}}


@pytest.fixture(autouse=True)
def logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TEST_PHONE", "secret")
    monkeypatch.setattr("tests.voice.office.Renderer", Ears)  # prompts in a third of the time
    monkeypatch.setattr("tests.voice.office.FLOWS", patient(tmp_path))
    (tmp_path / "logs").mkdir()
    with (tmp_path / "logs" / "log.jsonl").open("w") as stream:
        logs.configure("json", level=10, stream=stream)
        yield
        logs.configure("console")


async def hears_nothing_of(phone: TonePhone, hertz: int) -> None:
    """For half a second at least."""
    phone.heard.clear()
    await phone.until(lambda: len(phone.heard) > 25, "sound")
    assert hertz not in tones_in(phone.everything())


@pytest.mark.parametrize("events", [True, False], ids=["events", "tones"])
@story
async def test_the_caller_keys_a_card_and_the_agent_sees_dots(
    tmp_path: Path, audio: Path, valkey: Valkey, events: bool
) -> None:
    async with counter(tmp_path / "office", audio, valkey, events=events, **RECORDED) as here:
        ana, dana = here.ana, here.dana
        ana.heard.clear()
        await here.order("pay", account=ACCOUNT, amount=5000)
        await here.shown("asking")
        stays = await here.said("pay.agent_stays")
        await ana.until(lambda: stays in heard(ana), "the prompt")
        await dana.until(lambda: stays in heard(dana), "the prompt")
        dana.press("1")
        await here.field("card")
        dana.press(CARD[:5])
        await here.keyed("card", 5)
        await hears_nothing_of(ana, DANA)
        await dana.hears(ana.hertz)  # the agent may say something while the caller looks for the rest
        dana.press(CARD[5:] + "#")
        await here.field("expiry")
        assert here.progress["keyed"] == {"card": 16, "expiry": 0}
        dana.press(EXPIRY)
        await here.field("security_code")
        dana.press(CODE)
        ended = await here.shown("ended")
        assert (ended["result"], ended["amount"], ended["card"]) == ("paid", 5000, CARD[-4:])
        assert ended["confirmation"] == here.payment.confirmation
        await here.talk()
        assert ana.keys == ""
        assert keys_in(ana.everything()) == ""
        assert (here.payment.status, here.payment.contact_id, here.charged) == ("approved", here.contact, 1)
        assert here.balance == BALANCE - 5000
        await on_record(here)
        dana.hang_up()
        await ana.ended()
        await not_recorded(here)
        live = Live(valkey.url)
        told = [event.data for event in live.read({"agent:ana": "0-0"}) if event.kind == "payment"]
        live.close()
        assert [one["state"] for one in told][-1] == "ended"
        assert_lands_nowhere([tmp_path], [CARD, EXPIRY, CODE], texts=[*everything_in(valkey), repr(told)])


async def on_record(here: Counter) -> None:
    """The contact goes on; the payment is on its timeline, and a receipt on its way."""
    events = await here.office.tells("call.pay", "call.payment_ended")
    [ended] = [event.data for event in events if event.kind == "call.payment_ended"]
    assert (ended["result"], ended["confirmation"]) == ("paid", here.payment.confirmation)
    assert [event.kind for event in events].count("ended") == 0
    [contact] = here.rows(contacts)
    assert contact.ended_at is None
    [message] = here.rows(messages)
    assert here.payment.confirmation in message.body
    assert here.session().ended
    assert contact.customer_id
    with reading(here.office.engine) as conn:
        page = timeline.page(conn, contact.customer_id)
    details = [detail for entry in page.entries for detail in entry.details]
    assert [(one.name, one.data["card"]) for one in details if one.kind == "payment"] == [("approved", CARD[-4:])]
    assert "call.payment_ended" in [one.name for one in details]


async def not_recorded(here: Counter) -> None:
    """The conversation was, before and after; of the keys there is nothing."""
    await here.office.tells("call.recorded")
    [path] = (here.office.settings.recordings_dir).glob("*.wav")
    left, right = channels(path)
    assert DANA in tones_in(left[:8000])
    assert keys_in(left) == keys_in(right) == ""


@story
async def test_tones_would_be_found_in_what_is_heard(tmp_path: Path, audio: Path, valkey: Valkey) -> None:
    """The two searches for tones find them where they are: in a call that takes no payment."""
    async with counter(tmp_path / "office", audio, valkey, events=False, **RECORDED) as here:

        def found() -> bool:
            if not here.dana.dialling:
                here.dana.press("471")  # again and again: a busy machine swallows one or the other
            return bool(keys_in(here.ana.last(100)))

        await here.ana.until(found, "the tones")
        here.dana.hang_up()
        await here.office.tells("call.recorded")
        [path] = here.office.settings.recordings_dir.glob("*.wav")
        assert keys_in(channels(path)[0])


@story
async def test_the_agent_stops_it_and_what_is_keyed_late_reaches_nobody(
    tmp_path: Path, audio: Path, valkey: Valkey
) -> None:
    async with counter(tmp_path / "office", audio, valkey) as here:
        await here.pay()
        here.dana.press(CARD[:9])
        await here.keyed("card", 9)
        here.dana.heard.clear()
        refused = await here.order("hold")
        assert "payment" in (await here.answer(refused))["why"]
        await here.order("pay_stop")
        here.dana.press(CARD[9:])
        stopped = await here.said("system.payment_stopped")
        await here.dana.until(lambda: stopped in heard(here.dana), "that it was stopped")
        assert (await here.shown("ended"))["result"] == "stopped"
        await here.talk()
        assert here.ana.keys == ""
        assert (here.charged, here.session().ended) == (0, True)
        again = await here.order("pay_stop")
        assert (await here.answer(again))["why"] == "no payment is being taken"
        # and once more, to its end
        await here.pay()
        await here.key_card()
        assert (await here.shown("ended"))["result"] == "paid"
        assert here.charged == 1


@story
async def test_a_caller_who_hangs_up_while_the_card_is_charged(tmp_path: Path, audio: Path, valkey: Valkey) -> None:
    async with counter(tmp_path / "office", audio, valkey) as here:
        await here.pay()
        await here.key_card("4000000000000077")
        await here.shown("charging")
        late = await here.order("pay_stop")
        assert "being charged" in (await here.answer(late))["why"]
        here.dana.hang_up()
        await here.ana.ended()
        assert (await here.shown("ended"))["result"] == "paid"
        assert (here.payment.status, here.charged, here.balance) == ("approved", 1, BALANCE - 5000)
        [receipt] = here.rows(messages)
        assert here.payment.confirmation in receipt.body


@story
async def test_an_agents_telephone_dies_and_the_caller_waits_for_another(
    tmp_path: Path, audio: Path, valkey: Valkey
) -> None:
    async with counter(tmp_path / "office", audio, valkey, "ben") as here:
        await here.pay()
        here.dana.press(CARD[:7])
        await here.keyed("card", 7)
        here.ana.die()
        ended = await here.shown("ended")
        assert (ended["result"], here.charged) == ("stopped", 0)
        ben = await here.office.agent("ben", BEN)
        await ben.answer()
        await here.dana.hears(BEN)
        await ben.hears(DANA)
        assert ben.keys == ""
        events = await here.office.tells("call.payment_ended")
        assert "interrupted" in [event.data.get("result") for event in events]


@story
async def test_the_caller_asks_for_the_agent_instead(tmp_path: Path, audio: Path, valkey: Valkey) -> None:
    async with counter(tmp_path / "office", audio, valkey) as here:
        await here.pay(amount=0)
        # nothing is agreed on but the account: the caller has chosen to pay all of it
        here.dana.press("0#")
        ended = await here.shown("ended")
        assert (ended["result"], ended["problem"]) == ("to_agent", "person")
        await here.talk()
        assert here.session().ended
