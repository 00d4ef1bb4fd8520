"""What a stranger or a broken peer sends changes nothing."""

import asyncio
import os
import random
from collections.abc import Callable

from ivr.channels.leg import Digit
from ivr.channels.sip.media import rtcp
from tests.channels.sip.media.phone import Events, Phone, media_process


def heard(events: Events, key: str) -> Callable[[], bool]:
    return lambda: key in events.digits()


async def test_datagrams_of_every_length_on_both_ports_miss_no_key_and_leave_memory_flat() -> None:
    source = random.Random(4475)
    async with media_process() as media:
        events = Events()
        stream = await media.open(events)
        with Phone() as phone, Phone() as stranger:
            stream.connect(phone.address, codec="PCMU", event_type=101)
            await media.stats()  # it has been done
            before = 0.0
            for turn in range(3):
                for length in range(2001):
                    data = bytearray(source.randbytes(length))
                    if length > 1 and length % 3:
                        data[0] = data[0] & 0x3F | 0x80  # the right version, so that the rest is looked at
                    sender = phone if length % 2 else stranger
                    sender.raw(stream, bytes(data))
                    phone.rtcp.sendto(data, ("127.0.0.1", stream.port + 1))
                    if length % 20 == 0:
                        await asyncio.sleep(0.005)
                await asyncio.sleep(0.05)
                stats = await media.stats()
                before = before or stats["rss_bytes"]
                phone.press(stream, turn + 1)
                await events.until(heard(events, str(turn + 1)))
            assert stats["rss_bytes"] < before + 4_000_000
            assert not media.died.is_set()


async def test_a_peer_that_is_gone_costs_nothing_and_may_come_back() -> None:
    async with media_process() as media:
        events = Events()
        stream = await media.open(events)
        with Phone() as phone:
            stream.connect(phone.address, codec="PCMU", event_type=101)
            await media.stats()  # it has been done
            phone.press(stream, 1)
            await events.next(Digit)
        start = (await media.stats())["packets_out"]
        while (await media.stats())["packets_out"] < start + 5:  # ICMP says each time that nobody is there # noqa: ASYNC110
            await asyncio.sleep(0.01)
        with Phone() as another:
            stream.connect(another.address, codec="PCMU", event_type=101)
            await media.stats()  # it has been done
            another.press(stream, 2)
            await events.next(Digit, 2)
            assert events.digits() == "12"


async def test_commands_that_make_no_sense_harm_no_other_call() -> None:
    async with media_process() as media:
        events = Events()
        stream, wrong = await media.open(events), await media.open(lambda event: None)
        wrong.connect(("no address", 70000), codec="PCMU", event_type=101)
        wrong.play([])
        wrong.stop_recording()
        wrong.pause_recording(True)
        wrong.send_digits("x" * 100)
        wrong.hear([wrong])
        wrong.close()
        stream.hear([wrong])
        await wrong.ended.wait()
        with Phone() as phone:
            stream.connect(phone.address, codec="PCMU", event_type=101)
            await media.stats()  # it has been done
            phone.press(stream, 1)
            await events.next(Digit)


async def test_a_thousand_opened_and_closed_streams_leave_nothing() -> None:
    async with media_process() as media:
        descriptors = len(os.listdir(f"/proc/{media.pid}/fd"))
        for _ in range(10):
            streams = [await media.open(lambda event: None) for _ in range(100)]
            for stream in streams:
                stream.connect(("127.0.0.1", 9), codec="PCMU", event_type=None)
                stream.close()
            for stream in streams:
                await stream.ended.wait()
        assert (await media.stats())["streams"] == 0
        assert len(os.listdir(f"/proc/{media.pid}/fd")) == descriptors


async def test_reports_come_and_the_last_one_says_goodbye() -> None:
    async with media_process() as media:
        events = Events()
        stream = await media.open(events)
        with Phone() as phone:
            stream.connect(phone.address, codec="PCMU", event_type=101)
            await media.stats()  # it has been done
            phone.press(stream, 1)
            await events.next(Digit)
            sent = (await phone.hear(lambda packets: len(packets) >= 3))[0]
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(20):
                data = await loop.sock_recv(phone.rtcp, 2000)
                report = rtcp.parse(data, len(data))
                assert report is not None
                assert (report.ssrc, report.bye) == (sent.ssrc, False)
                assert [(block.ssrc, block.lost) for block in report.blocks] == [(phone.ssrc, 0)]
                stream.close()
                while not report.bye:
                    data = await loop.sock_recv(phone.rtcp, 2000)
                    report = rtcp.parse(data, len(data))
                    assert report is not None
