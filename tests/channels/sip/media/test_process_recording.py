"""Recording on real sockets."""

import asyncio
import wave
from pathlib import Path

import numpy as np

from ivr.channels.leg import Digit, RecordingEnded
from ivr.channels.sip.media.client import Media, Stream
from ivr.channels.sip.media.g711 import ULAW_LINEAR
from ivr.channels.sip.media.inband import tone_frames
from tests.channels.sip.media.phone import Events, Phone, media_process

VOICE = bytes(np.random.default_rng(5).integers(0, 256, 160 * 30, dtype=np.uint8))


def samples(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


async def connected(media: Media, phone: Phone, events: Events, event_type: int | None = 101) -> Stream:
    """A stream that has the phone as its source."""
    stream = await media.open(events)
    stream.connect(phone.address, codec="PCMU", event_type=event_type)
    before = (await media.stats())["packets_in"]
    phone.send(stream, b"\xff" * 160)
    while (await media.stats())["packets_in"] == before:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return stream


async def test_what_was_said_stands_in_the_file_until_the_key(tmp_path: Path) -> None:
    async with media_process() as media:
        events = Events()
        with Phone() as phone:
            stream = await connected(media, phone, events)
            stream.record(tmp_path / "a.wav", max_seconds=60, finish_on="#")
            await media.stats()
            await phone.talk(stream, VOICE)
            phone.press(stream, 5)
            await events.next(Digit)
            phone.press(stream, 11)
            ended = await events.next(RecordingEnded)
            assert (ended.path, ended.reason) == (tmp_path / "a.wav", "key")
            assert events.digits() == "5#"
            heard = samples(tmp_path / "a.wav")
            assert len(heard) == round(ended.seconds * 8000)
            assert (heard[: len(VOICE)] == ULAW_LINEAR[np.frombuffer(VOICE, np.uint8)]).all()


async def test_ends_by_info_key_command_maximum_silence_and_hangup(tmp_path: Path) -> None:
    async with media_process() as media:
        events = Events()
        with Phone() as phone:
            stream = await connected(media, phone, events)
            stream.record(tmp_path / "1.wav", max_seconds=60, finish_on="*")
            stream.digit("1")
            stream.digit("*")
            stream.record(tmp_path / "2.wav", max_seconds=60)
            stream.stop_recording()
            stream.record(tmp_path / "3.wav", max_seconds=0.5)
            await events.next(RecordingEnded, 3)  # nothing comes from the phone: time goes on all the same
            stream.record(tmp_path / "4.wav", max_seconds=60, silence_seconds=0.3)
            await events.next(RecordingEnded, 4)
            stream.record(tmp_path / "5.wav", max_seconds=60)
            stream.record(tmp_path / "6.wav", max_seconds=60)
            stream.close()
            await stream.ended.wait()
            reasons = [(e.path.name[0], e.reason) for e in events.seen if isinstance(e, RecordingEnded)]
            assert reasons == [
                ("1", "key"), ("2", "stopped"), ("3", "max"), ("4", "silence"), ("5", "stopped"), ("6", "hangup"),
            ]  # fmt: skip
            assert len(samples(tmp_path / "3.wav")) == 4000
            assert (await media.stats())["recordings"] == 0


async def test_a_disk_that_fails_is_told_and_the_call_goes_on(tmp_path: Path) -> None:
    async with media_process() as media:
        events = Events()
        with Phone() as phone:
            stream = await connected(media, phone, events)
            for path in ("/dev/full", tmp_path / "missing" / "a.wav"):
                count = len(events.of(RecordingEnded))
                stream.record(path, max_seconds=60)
                ended = await events.next(RecordingEnded, count + 1)
                assert (ended.path, ended.reason, ended.seconds) == (Path(path), "error", 0.0)
            phone.press(stream, 5)
            await events.next(Digit)
            stream.record(tmp_path / "good.wav", max_seconds=0.1)
            await events.next(RecordingEnded, 3)
            assert len(samples(tmp_path / "good.wav")) == 800


async def test_keys_of_a_secret_never_stand_in_a_recording(tmp_path: Path) -> None:
    async with media_process() as media:
        events = Events()
        with Phone() as phone:
            stream = await connected(media, phone, events, event_type=None)
            stream.record(tmp_path / "a.wav", max_seconds=60)
            stream.pause_recording(True)
            await media.stats()
            for digit in "424":
                await phone.talk(stream, b"".join([*tone_frames(digit, 5), b"\xff" * 800]))
            await phone.talk(stream, b"".join(tone_frames("2", 5)))
            await events.next(Digit, 4)
            stream.pause_recording(False)
            await media.stats()
            await phone.talk(stream, b"".join(tone_frames("2", 10)))  # the last key still sounds
            stream.stop_recording()
            await events.next(RecordingEnded)
            heard = samples(tmp_path / "a.wav")
            assert len(heard) >= 4 * 1600
            assert not heard.any()


async def test_closing_the_process_completes_its_recordings(tmp_path: Path) -> None:
    events = Events()
    async with media_process() as media:
        with Phone() as phone:
            stream = await connected(media, phone, events)
            stream.record(tmp_path / "a.wav", max_seconds=60)
            await phone.talk(stream, VOICE)
    assert len(samples(tmp_path / "a.wav")) > 0
