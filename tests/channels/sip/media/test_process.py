"""The media process on real sockets: playing, keys, sources, hold, bridge, its birth and death."""

import asyncio
import itertools
import os
import select
import signal
import socket
import subprocess
import sys

import pytest

from ivr import ports
from ivr.channels.leg import Clip, Digit, PlayEnded
from ivr.channels.sip.media.client import MediaDied, Stream
from ivr.channels.sip.media.g711 import ULAW_TO_ALAW
from ivr.channels.sip.media.inband import tone_frames
from ivr.channels.sip.media.ports import NoPortFree
from tests.channels.sip.media.phone import Events, Phone, Rtp, media_process

SILENCE = b"\xff" * 160
UDP = (socket.SOCK_DGRAM,)


def clip(key: str, *values: int) -> Clip:
    return Clip(key, b"".join(bytes([value]) * 160 for value in values))


def heard(packets: list[Rtp]) -> list[int]:
    """First byte of each audio packet that is not silence."""
    return [packet.payload[0] for packet in packets if packet.payload not in (SILENCE, b"\xd5" * 160)]


async def test_clips_play_back_to_back_on_one_even_clock() -> None:
    async with media_process() as media:
        events = Events()
        stream = await media.open(events)
        assert stream.port % 2 == 0
        with Phone() as phone:
            stream.connect(phone.address, codec="PCMU", event_type=101)
            await media.stats()  # it has been done
            await phone.hear(lambda packets: len(packets) >= 2)  # silence keeps the path open
            play = stream.play([clip("a", 1, 2), Clip("b", b"\3" * 200), clip("a", 1, 2)])
            packets = await phone.hear(lambda packets: heard(packets)[-1:] == [2] and len(heard(packets)) == 6)
            assert heard(packets) == [1, 2, 3, 3, 1, 2]
            assert next(p for p in packets if p.payload[:1] == b"\3" and p.payload[-1] == 0xFF).payload[:41][-1] == 0xFF
            assert await events.next(PlayEnded) == PlayEnded(play, "done", events.seen[0].at)  # type: ignore[union-attr]
            await phone.hear(lambda packets: packets[-1].payload == SILENCE)
        assert [packet.kind for packet in packets] == [0x80] + [0] * (len(packets) - 1)
        for before, after in itertools.pairwise(packets):
            assert (after.sequence - before.sequence) & 0xFFFF == 1
            assert (after.timestamp - before.timestamp) & 0xFFFFFFFF == 160
            assert after.ssrc == before.ssrc


async def test_a_play_ends_the_one_before_and_a_loop_goes_on_until_stopped() -> None:
    async with media_process() as media:
        events = Events()
        stream = await media.open(events)
        with Phone(kind=8) as phone:
            stream.connect(phone.address, codec="PCMA", event_type=101)
            await media.stats()  # it has been done
            first = stream.play([clip("a", 1)], loop=True)
            translated = ULAW_TO_ALAW[1]
            await phone.hear(lambda packets: heard(packets).count(translated) >= 3)
            second = stream.play([clip("b", 2, 3)], loop=True)
            await phone.hear(lambda packets: heard(packets).count(ULAW_TO_ALAW[3]) >= 2)
            stream.stop()
            stream.stop()
            third = stream.play([])
            await events.next(PlayEnded, 3)
            ended = [(event.play, event.reason) for event in events.of(PlayEnded)]
            assert ended == [(first, "stopped"), (second, "stopped"), (third, "done")]
            assert {packet.kind & 0x7F for packet in phone.packets} == {8}


async def test_keys_with_the_negotiated_payload_type_as_the_first_packets_of_a_call() -> None:
    async with media_process() as media:
        events = Events()
        stream = await media.open(events)
        with Phone() as phone:
            stream.connect(phone.address, codec="PCMU", event_type=97)
            await media.stats()  # it has been done
            phone.press(stream, 1, kind=101)
            for event in (4, 4, 11, 0, 15, 16):
                phone.press(stream, event, kind=97)
                await asyncio.sleep(0.02)
            await events.until(lambda: len(events.digits()) >= 5)
            assert events.digits() == "44#0D"
            at = [event.at for event in events.of(Digit)]
            assert at == sorted(at)


async def test_tones_count_only_where_events_were_not_agreed() -> None:
    async with media_process() as media:
        with_events, without = Events(), Events()
        pair = [await media.open(with_events), await media.open(without)]
        with Phone(kind=8) as one, Phone(kind=8) as other:
            pair[0].connect(one.address, codec="PCMA", event_type=101)
            pair[1].connect(other.address, codec="PCMA", event_type=None)
            await media.stats()  # it has been done
            audio = b"".join(b"".join([*tone_frames(digit, 5), SILENCE * 5]) for digit in "159#")
            await asyncio.gather(
                one.talk(pair[0], audio.translate(ULAW_TO_ALAW)), other.talk(pair[1], audio.translate(ULAW_TO_ALAW))
            )
            await without.until(lambda: len(without.digits()) >= 4)
            assert without.digits() == "159#"
            assert with_events.digits() == ""


async def test_a_stranger_can_neither_press_keys_nor_take_the_audio() -> None:
    async with media_process() as media:
        events = Events()
        stream = await media.open(events)
        with Phone() as phone, Phone(host="127.0.0.9") as stranger, Phone() as neighbour:
            stream.connect(phone.address, codec="PCMU", event_type=101, learn=False)
            await media.stats()  # it has been done
            stranger.press(stream, 9)
            phone.press(stream, 1)
            await events.next(Digit)
            stranger.press(stream, 9)
            neighbour.press(stream, 8)
            phone.press(stream, 2)
            await events.next(Digit, 2)
            count = len(phone.packets)
            await phone.hear(lambda packets: len(packets) > count + 3)
            assert events.digits() == "12"
            for other in (stranger, neighbour):
                with pytest.raises(OSError):  # noqa: PT011 (nothing came, or a port unreachable)
                    other.rtp.recv(2000)


async def test_audio_follows_a_phone_behind_nat_and_a_new_offer_moves_it() -> None:
    async with media_process() as media:
        events = Events()
        stream = await media.open(events)
        with Phone(host="127.0.0.9") as outside, Phone() as moved:
            stream.connect(("192.168.77.77", 4000), codec="PCMU", event_type=101)
            await media.stats()  # it has been done
            await outside.talk(stream, SILENCE * 4)
            await outside.hear(lambda packets: len(packets) >= 2)
            last = outside.packets[-1]
            stream.connect(moved.address, codec="PCMU", event_type=101)
            await media.stats()  # it has been done
            moved.press(stream, 3)
            await events.next(Digit)
            first = (await moved.hear(lambda packets: len(packets) >= 2))[0]
            # one sender for the peer: the same SSRC, a clock that went on
            assert first.ssrc == last.ssrc
            assert 0 < (first.timestamp - last.timestamp) & 0xFFFFFFFF < 8000 * 20
            outside.press(stream, 4)
            moved.press(stream, 5)
            await events.next(Digit, 2)
            assert events.digits() == "35"


async def test_on_hold_nothing_is_sent_and_the_clock_goes_on() -> None:
    async with media_process() as media:
        events = Events()
        stream = await media.open(events)
        with Phone() as phone:
            stream.connect(phone.address, codec="PCMU", event_type=101)
            await media.stats()  # it has been done
            await phone.hear(lambda packets: len(packets) >= 3)
            stream.connect(phone.address, codec="PCMU", event_type=101, send=False, receive=False)
            await media.stats()  # it has been done
            play = stream.play([clip("a", *range(1, 11))])
            assert (await events.next(PlayEnded)).play == play
            before = (await media.stats())["packets_in"]
            phone.press(stream, 7)
            while (await media.stats())["packets_in"] < before + 4:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            stream.connect(phone.address, codec="PCMU", event_type=101)
            await media.stats()  # it has been done
            packets = await phone.hear(
                lambda packets: any(
                    (b.timestamp - a.timestamp) & 0xFFFFFFFF != 160 for a, b in itertools.pairwise(packets)
                )
            )
            gap = (packets[-1].timestamp - packets[-2].timestamp) & 0xFFFFFFFF
            assert gap >= 160 * 10
            assert gap % 160 == 0
            assert (packets[-1].sequence - packets[-2].sequence) & 0xFFFF == 1
            assert heard(packets) == []
            assert events.digits() == ""


async def test_digits_that_we_send_are_read_by_the_other_side() -> None:
    async with media_process() as media:
        events, tones = Events(), Events()
        sender, receiver = await media.open(lambda event: None), await media.open(events)
        toned, hearing = await media.open(lambda event: None), await media.open(tones)
        for a, b, event_type in ((sender, receiver, 99), (toned, hearing, None)):
            a.connect(("127.0.0.1", b.port), codec="PCMA", event_type=event_type)
            b.connect(("127.0.0.1", a.port), codec="PCMA", event_type=event_type)
        sender.send_digits("12")
        sender.send_digits("2#")
        toned.send_digits("907")
        await events.until(lambda: len(events.digits()) >= 4)
        await tones.until(lambda: len(tones.digits()) >= 3)
        assert (events.digits(), tones.digits()) == ("122#", "907")


async def test_a_listener_gets_whole_frames_of_mu_law_in_order() -> None:
    async with media_process() as media:
        events = Events()
        stream = await media.open(events)
        feed, complete = bytearray(), asyncio.Event()

        def take(frames: bytes) -> None:
            assert len(frames) % 160 == 0
            feed.extend(frames)
            if len(feed) >= 160 * 20:
                complete.set()

        with Phone() as phone:
            stream.connect(phone.address, codec="PCMU", event_type=101)
            await media.stats()  # it has been done
            phone.press(stream, 1)
            await events.next(Digit)
            stream.listen(take)
            await media.stats()  # the process knows
            await phone.talk(stream, b"".join(bytes([n]) * 160 for n in range(20)))
            async with asyncio.timeout(20):
                await complete.wait()
            assert [feed[start] for start in range(0, 160 * 20, 160)] == list(range(20))
            stream.listen(None)


async def test_ports_run_out_and_come_back() -> None:
    async with media_process(ports=free_range(4)) as media:
        streams = [await media.open(lambda event: None), await media.open(lambda event: None)]
        with pytest.raises(NoPortFree):
            await media.open(lambda event: None)
        streams[0].close()
        await streams[0].ended.wait()
        assert (await media.open(lambda event: None)).port == streams[0].port
        assert (await media.stats())["streams"] == 2


def free_range(size: int) -> tuple[int, int]:
    """An even port from which on so many ports are free now."""
    while True:
        first = ports.free("127.0.0.1", UDP) // 2 * 2
        if all(ports.is_free("127.0.0.1", port, UDP) for port in range(first, first + size)):
            return first, first + size


async def test_clips_are_dropped_when_there_are_too_many_and_loaded_again() -> None:
    async with media_process(cache_bytes=160 * 10) as media:
        events = Events()
        stream = await media.open(events)
        with Phone() as phone:
            stream.connect(phone.address, codec="PCMU", event_type=101)
            await media.stats()  # it has been done
            for number in range(1, 31):
                stream.play([clip(str(number % 15), number % 15 + 1), clip("other", 100)])
                await events.next(PlayEnded, number)
            packets = await phone.hear(lambda packets: len(heard(packets)) == 60)
            assert heard(packets)[::2] == [number % 15 + 1 for number in range(1, 31)]
            assert (await media.stats())["clips"] <= 10


async def test_when_the_process_is_killed_its_owner_knows_and_can_start_another() -> None:
    async with media_process() as media:
        stream = await media.open(lambda event: None)
        os.kill(media.pid, signal.SIGKILL)
        async with asyncio.timeout(20):
            await media.died.wait()
            await stream.ended.wait()
        stream.play([clip("a", 1)])
        stream.close()
        with pytest.raises(MediaDied):
            await media.open(lambda event: None)
        with pytest.raises(MediaDied):
            await media.stats()
    async with media_process() as another:
        assert isinstance(await another.open(lambda event: None), Stream)


async def test_stop_signals_leave_it_to_its_parent() -> None:
    async with media_process() as media:
        os.kill(media.pid, signal.SIGTERM)
        os.kill(media.pid, signal.SIGINT)
        assert (await media.stats())["streams"] == 0
        assert not media.died.is_set()


def test_it_dies_with_its_parent() -> None:
    script = (
        "import asyncio, os\n"
        "from ivr.channels.sip.media.client import Media\n"
        "async def main():\n"
        "    media = await Media.start()\n"
        "    await media.open(lambda event: None)\n"
        "    print(media.pid, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60)
    pid = int(parent.stdout)
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([watch], [], [], 20)[0]
    finally:
        os.close(watch)
