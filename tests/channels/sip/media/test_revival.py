"""A media process that dies is replaced on the same ports, and goes on with what stood."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from ivr.channels.leg import Clip, Digit, PlayEnded, RecordingEnded
from ivr.channels.sip.media.client import Media, MediaDied
from ivr.channels.sip.media.ports import PortPairs
from tests.channels.sip.media.phone import PATIENCE, Events, Phone, media_process

HEARD = bytes([0x31]) * 160
SPOKEN = bytes([0x52]) * 160


def loop_of(frame: bytes) -> Clip:
    return Clip(f"loop of {frame[:1].hex()}", frame * 10)


async def killed(media: Media) -> int:
    """Kill it and wait until another one is there; gives the dead one's id."""
    died = media.pid
    os.kill(died, signal.SIGKILL)
    async with asyncio.timeout(PATIENCE):
        while media.pid == died or media._reviving is not None:  # noqa: ASYNC110 - so that the code needs no hooks
            await asyncio.sleep(0.01)
    return died


async def test_what_was_played_goes_on_and_keys_are_heard() -> None:
    async with media_process(least_life=0) as media:
        events = Events()
        stream = await media.open(events)
        with Phone() as phone:
            stream.connect(phone.address, codec="PCMU", event_type=101)
            play = stream.play([loop_of(HEARD)], loop=True)
            await phone.hear(lambda packets: packets[-1:] != [] and packets[-1].payload == HEARD)
            before = phone.packets[-1].ssrc
            await killed(media)
            await phone.hear(lambda packets: packets[-1].ssrc != before and packets[-1].payload == HEARD)
            phone.press(stream, 5)
            assert (await events.next(Digit)).digit == "5"
            stream.stop()
            assert (await events.next(PlayEnded)).play == play
            assert not media.died.is_set()


async def test_two_who_talk_hear_each_other_again() -> None:
    async with media_process(least_life=0) as media:
        one, two = await media.open(Events()), await media.open(Events())
        frames: list[bytes] = []
        with Phone() as ann, Phone(ssrc=99) as bob:
            for stream, phone in ((one, ann), (two, bob)):
                stream.connect(phone.address, codec="PCMU", event_type=101)
            one.hear([two])
            two.hear([one])
            one.listen(frames.append)
            await killed(media)
            frames.clear()
            talking = asyncio.create_task(ann.talk(one, SPOKEN * 2000))
            await bob.hear(lambda packets: packets[-1:] != [] and packets[-1].payload == SPOKEN)
            talking.cancel()
            assert SPOKEN in b"".join(frames)


async def test_commands_in_between_are_carried_out() -> None:
    async with media_process(least_life=0) as media:
        stream, other = await media.open(Events()), await media.open(Events())
        with Phone() as phone:
            os.kill(media.pid, signal.SIGKILL)
            async with asyncio.timeout(PATIENCE):
                while media._reviving is None:  # noqa: ASYNC110
                    await asyncio.sleep(0)
            stream.connect(phone.address, codec="PCMU", event_type=101)
            stream.play([loop_of(HEARD)], loop=True)
            other.close()
            third = await media.open(Events())
            await phone.hear(lambda packets: packets[-1:] != [] and packets[-1].payload == HEARD)
            await other.ended.wait()
            assert (await media.stats())["streams"] == 2
            assert len({stream.port, third.port}) == 2


async def test_a_conversations_recording_ends_as_lost_with_what_was_written(tmp_path: Path) -> None:
    async with media_process(least_life=0) as media:
        events = Events()
        stream = await media.open(events)
        path = tmp_path / "both.wav"
        with Phone() as phone:
            stream.connect(phone.address, codec="PCMU", event_type=101)
            stream.record_both(path, max_seconds=600)
            talking = asyncio.create_task(phone.talk(stream, SPOKEN * 5000))
            async with asyncio.timeout(PATIENCE):
                while not path.exists() or path.stat().st_size < 20_000:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            await killed(media)
            ended = await events.next(RecordingEnded)
            talking.cancel()
            assert (ended.path, ended.reason) == (path, "lost")
            assert ended.seconds >= 0.5
            # another one may be begun
            again = tmp_path / "again.wav"
            stream.record_both(again, max_seconds=600)
            stream.stop_recording()
            assert (await events.next(RecordingEnded, 2)).reason == "stopped"


async def test_a_process_that_dies_young_is_not_replaced() -> None:
    """What killed it would kill the next one."""
    async with media_process(least_life=3600) as media:
        os.kill(media.pid, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            await media.died.wait()
        with pytest.raises(MediaDied):
            await media.open(Events())


async def test_a_port_that_somebody_else_has_taken_ends_it_all() -> None:
    async with media_process(least_life=0) as media:
        stream = await media.open(Events())
        rtp, rtcp = PortPairs("127.0.0.1", None).take()
        stream.port = rtp.getsockname()[1]
        with rtp, rtcp:
            os.kill(media.pid, signal.SIGKILL)
            async with asyncio.timeout(PATIENCE):
                await media.died.wait()
                await stream.ended.wait()


async def test_it_is_closed_while_it_comes_back() -> None:
    async with media_process(least_life=0) as media:
        stream = await media.open(Events())
        os.kill(media.pid, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            while media._reviving is None:  # noqa: ASYNC110
                await asyncio.sleep(0)
            await media.close()
            await stream.ended.wait()
        assert media.died.is_set()
