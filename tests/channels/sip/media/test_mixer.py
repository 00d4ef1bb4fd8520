"""Who hears whom, by tones through real sockets: each phone says one frequency, and is asked which it hears."""

from __future__ import annotations

import hashlib
import wave
from pathlib import Path

import numpy as np
import pytest

from ivr.channels.leg import Clip, Digit, RecordingEnded
from ivr.channels.sip.media.g711 import ALAW_LINEAR, PCMA, PCMU, ULAW_LINEAR, Codec, encode_ulaw
from ivr.channels.sip.media.mixer import mix
from tests.channels.sip.media.phone import media_process
from tests.channels.sip.media.talker import AMPLITUDE, room, strength, tone_frame, tones_in


def clip(hertz: int, seconds: float = 1.0) -> Clip:
    return Clip(f"tone {hertz}", b"".join(tone_frame(hertz, index) for index in range(round(seconds * 50))))


async def test_two_hear_each_other_in_both_laws_and_nobody_himself() -> None:
    async with media_process() as media, room(media) as here:
        one, two = await here.enter(300), await here.enter(700, "PCMA")
        await here.hears((), ())
        one.stream.hear([two.stream])
        two.stream.hear([one.stream])
        await here.hears({700}, {300})
        one.stream.hear([one.stream])
        await here.hears((), {300})


async def test_three_in_conference_and_each_hears_the_others_at_full_strength() -> None:
    async with media_process() as media, room(media) as here:
        one, two, three = await here.enter(300), await here.enter(700, "PCMA"), await here.enter(1200)
        streams = [one.stream, two.stream, three.stream]
        for stream in streams:
            stream.hear(streams)
        await here.hears({700, 1200}, {300, 1200}, {300, 700})
        await here.run(lambda: abs(strength(three.last(), 300) - AMPLITUDE) < AMPLITUDE * 0.1)
        # one is muted: the others go on without a gap in who they hear
        two.stream.hear([three.stream])
        three.stream.hear([two.stream])
        await here.hears({700, 1200}, {1200}, {700})


async def test_a_supervisor_listens_then_whispers_and_the_customer_never_hears_him() -> None:
    async with media_process() as media, room(media) as here:
        customer, agent, supervisor = await here.enter(300), await here.enter(700), await here.enter(1200, "PCMA")
        customer.stream.hear([agent.stream])
        agent.stream.hear([customer.stream])
        supervisor.stream.hear([customer.stream, agent.stream])
        await here.hears({700}, {300}, {300, 700})
        agent.stream.hear([customer.stream, supervisor.stream])
        await here.hears({700}, {300, 1200}, {300, 700})
        everything = [packet.payload for packet in customer.packets]
        heard = ULAW_LINEAR[np.frombuffer(b"".join(everything), np.uint8)]
        assert strength(heard, 1200) < AMPLITUDE / 100


async def test_what_is_played_to_one_goes_before_what_others_say_to_him_alone() -> None:
    async with media_process() as media, room(media) as here:
        one, two = await here.enter(300), await here.enter(700)
        one.stream.hear([two.stream])
        two.stream.hear([one.stream])
        one.stream.play([clip(1450)], loop=True)
        await here.hears({1450}, {300})
        one.stream.stop()
        await here.hears({700}, {300})


async def test_when_one_of_three_goes_the_others_still_hear_each_other() -> None:
    async with media_process() as media, room(media) as here:
        one, two, three = await here.enter(300), await here.enter(700), await here.enter(1200)
        streams = [one.stream, two.stream, three.stream]
        for stream in streams:
            stream.hear(streams)
        await here.hears({700, 1200}, {300, 1200}, {300, 700})
        three.stream.close()
        await three.stream.ended.wait()
        here.phones.remove(three)
        three.close()
        await here.hears({700}, {300})
        assert (await media.stats())["streams"] == 2


async def test_the_codec_may_change_in_the_middle() -> None:
    async with media_process() as media, room(media) as here:
        one, two = await here.enter(300), await here.enter(700)
        one.stream.hear([two.stream])
        two.stream.hear([one.stream])
        await here.hears({700}, {300})
        two.codec, two.kind = PCMA, PCMA.payload_type
        two.stream.connect(two.address, codec="PCMA", event_type=101)
        await here.hears({700}, {300})


async def test_keys_are_passed_on_or_swallowed_by_choice() -> None:
    async with media_process() as media, room(media) as here:
        one, two = await here.enter(300), await here.enter(700)
        one.stream.hear([two.stream], digits=False)
        two.stream.hear([one.stream])
        await here.hears({700}, {300})
        one.press(one.stream, 5)
        one.stream.digit("#")  # by SIP INFO
        await here.run(lambda: two.pressed() == [5, 11])
        two.press(two.stream, 7)
        await here.run(lambda: bool(two.events.of(Digit)))
        await here.seconds(0.4)
        assert one.pressed() == []
        assert [event.digit for event in two.events.of(Digit)] == ["7"]


async def test_a_key_becomes_a_tone_for_who_takes_no_events() -> None:
    async with media_process() as media, room(media) as here:
        one, two = await here.enter(0), await here.enter(0, event_type=None)
        two.stream.hear([one.stream])
        await here.hears((), ())
        one.press(one.stream, 5)
        # RFC 4733 table 3: the key 5 is 770 Hz with 1336 Hz
        await here.run(lambda: strength(two.last(6), 770) > 2000 and strength(two.last(6), 1336) > 2000)


def channels(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8000, 2, 2)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        return both[:, 0], both[:, 1]


async def test_a_recording_has_the_party_left_and_what_he_hears_right(tmp_path: Path) -> None:
    async with media_process() as media, room(media) as here:
        customer, agent, third = await here.enter(300, "PCMA"), await here.enter(700), await here.enter(1200)
        customer.stream.hear([agent.stream])
        agent.stream.hear([customer.stream])
        await here.hears({700}, {300}, ())
        customer.stream.record_both(tmp_path / "a.wav", max_seconds=60)
        await here.seconds(1)
        customer.stream.hear([agent.stream, third.stream])
        await here.seconds(1)
        customer.stream.play([clip(1450)], loop=True)  # held, with music; the agent asks the third
        await here.seconds(1)
        customer.stream.stop_recording()
        await here.run(lambda: bool(customer.events.of(RecordingEnded)))
        ended = customer.events.of(RecordingEnded)[0]
        left, right = channels(tmp_path / "a.wav")
        assert ended.reason == "stopped"
        assert ended.seconds == len(left) / 8000 == pytest.approx(3, abs=0.5)
        assert tones_in(left[4000:-1600]) == {300}
        assert [tones_in(right[at : at + 3200]) for at in (3200, 11600, 19600)] == [{700}, {700, 1200}, {1450}]
        assert len(hashlib.sha256((tmp_path / "a.wav").read_bytes()).hexdigest()) == 64


async def test_a_pause_writes_silence_on_both_channels(tmp_path: Path) -> None:
    async with media_process() as media, room(media) as here:
        customer, agent = await here.enter(300), await here.enter(700)
        customer.stream.hear([agent.stream])
        await here.hears({700}, ())
        customer.stream.record_both(tmp_path / "a.wav", max_seconds=60)
        await here.seconds(1)
        customer.stream.pause_recording(True)
        await here.seconds(1)
        customer.stream.pause_recording(False)
        await here.seconds(1.5)
        customer.stream.close()
        await customer.stream.ended.wait()
        ended = customer.events.of(RecordingEnded)[0]
        assert ended.reason == "hangup"
        for channel, hertz in zip(channels(tmp_path / "a.wav"), (300, 700), strict=True):
            assert tones_in(channel[3200:6400]) == tones_in(channel[-3200:]) == {hertz}
            assert not channel[9600:16000].any()


async def test_a_recording_ends_at_its_maximum_to_the_sample(tmp_path: Path) -> None:
    async with media_process() as media, room(media) as here:
        customer = await here.enter(300)
        await here.hears(())
        customer.stream.record_both(tmp_path / "a.wav", max_seconds=0.505)
        await here.run(lambda: bool(customer.events.of(RecordingEnded)))
        ended = customer.events.of(RecordingEnded)[0]
        assert (ended.reason, len(channels(tmp_path / "a.wav")[0])) == ("max", 4040)
        customer.stream.record_both("/nowhere/a.wav", max_seconds=9)
        await here.run(lambda: len(customer.events.of(RecordingEnded)) == 2)
        assert customer.events.of(RecordingEnded)[1].reason == "error"


async def test_a_bridged_peer_that_says_nothing_at_all_is_reported() -> None:
    async with media_process() as media, room(media) as here:
        one, two = await here.enter(300), await here.enter(700)
        quiet: list[str] = []
        one.stream.on_quiet = lambda: quiet.append("one")
        two.stream.on_quiet = lambda: quiet.append("two")
        one.stream.hear([two.stream])
        two.stream.hear([one.stream])
        await here.hears({700}, {300})
        two.talking = False
        await here.run(lambda: bool(quiet))
        assert quiet == ["two"]


@pytest.mark.parametrize(("codec", "linear"), [(PCMU, ULAW_LINEAR), (PCMA, ALAW_LINEAR)])
def test_a_sum_is_exact_to_the_codec_and_clips(codec: Codec, linear: np.ndarray) -> None:
    one, other = np.random.default_rng(5).integers(0, 256, (2, 4000), dtype=np.uint8)
    total = np.clip(linear[one].astype(int) + linear[other], linear.min(), linear.max())
    coded = np.frombuffer(mix([one.tobytes(), other.tobytes()], codec), np.uint8)
    # ITU-T G.711: a code's steps are a sixteenth of its segment
    assert (np.abs(linear[coded] - total) <= np.maximum(np.abs(total) / 16, 32)).all()
    loud = bytes([int(np.argmax(linear))])
    assert linear[mix([loud] * 5, codec)[0]] == linear.max()
    assert linear[mix([bytes([int(np.argmin(linear))])] * 5, codec)[0]] == linear.min()
    quarter = encode_ulaw(np.array([8000], np.int16))
    assert abs(int(ULAW_LINEAR[mix([quarter, quarter], PCMU)[0]]) - 16000) < 600
