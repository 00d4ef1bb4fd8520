"""What the signalling process can ask for: one function a command (the list is in `protocol.py`)."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ivr.channels.sip.media import mixer
from ivr.channels.sip.media.g711 import codec_named
from ivr.channels.sip.media.loop import HISTOGRAM, percentile
from ivr.channels.sip.media.player import whole_frames
from ivr.channels.sip.media.ports import NoPortFree
from ivr.channels.sip.media.recording import Recording
from ivr.channels.sip.media.stream import RtpStream
from ivr.channels.sip.media.tape import Tape

if TYPE_CHECKING:
    from ivr.channels.sip.media.engine import Engine

COMMANDS: dict[str, Callable[..., None]] = {}


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Register a function under its own name. A command for a stream that is gone does nothing."""
    COMMANDS[function.__name__] = function
    return function


def on_stream(function: Callable[..., None]) -> Callable[..., None]:
    """Register a command whose first argument is a stream's number."""

    def find(engine: Engine, number: int, *arguments: object) -> None:
        stream = engine.streams.get(number)
        if stream is not None:
            function(engine, stream, *arguments)
            if number in engine.streams:
                engine.settle(stream)

    COMMANDS[function.__name__] = find
    return function


@command
def open(engine: Engine, number: int, port: int) -> None:
    try:
        rtp, rtcp = engine.pairs.take(port)
    except NoPortFree as error:
        engine.emit("full", number, str(error))
        return
    if not engine.streams:
        engine.loop.rest()
    stream = engine.streams[number] = RtpStream(number, rtp, rtcp, engine.emit, engine.tones)
    engine.loop.add(stream)
    engine.emit("opened", number, stream.port)


@on_stream
def connect(
    engine: Engine,
    stream: RtpStream,
    host: str,
    port: int,
    codec: str,
    event_type: int | None,
    send: bool,
    receive: bool,
    learn: bool | None,
    keys: tuple[str, bytes, bytes] | None,
    mux: bool,
) -> None:
    had_source = stream.locked
    if keys is not None or stream.secure is not None:
        from ivr.channels.sip.media import srtp  # where its library can't be had all else works

        srtp.agree(stream, keys, engine.dropped)
    stream.connect((host, port), codec_named(codec), event_type, send, receive, learn, mux)
    if had_source and not stream.locked:
        engine.loop.watch_again(stream)


@on_stream
def close(engine: Engine, stream: RtpStream) -> None:
    engine.drop(stream)
    # a recording that is still being written tells its end first
    if not engine.is_recording(stream.id):
        engine.emit("closed", stream.id)


@command
def load(engine: Engine, key: str, part: bytes, last: bool) -> None:
    parts = engine.loading.setdefault(key, [])
    parts.append(part)
    if last:
        engine.clips[key] = whole_frames(b"".join(parts))
        del engine.loading[key]


@command
def unload(engine: Engine, key: str) -> None:
    engine.clips.pop(key, None)


@on_stream
def play(engine: Engine, stream: RtpStream, number: int, keys: list[str], loop: bool) -> None:
    stream.start_play(number, [engine.clips[key] for key in keys], loop)


@on_stream
def stop(engine: Engine, stream: RtpStream) -> None:
    stream.end_play("stopped")


@on_stream
def record(
    engine: Engine, stream: RtpStream, path: str, max_seconds: float, finish_on: str, silence_seconds: float | None
) -> None:
    engine.recording_number += 1
    recording = Recording(
        engine.recording_number,
        stream.id,
        path,
        engine.writer,
        stream.codec,
        max_seconds=max_seconds,
        finish_on=finish_on,
        silence_seconds=silence_seconds,
    )
    engine.recordings[recording.number] = recording
    stream.ear.record(recording)
    stream.refresh()


@on_stream
def record_both(engine: Engine, stream: RtpStream, path: str, max_seconds: float) -> None:
    engine.recording_number += 1
    stream.end_tape("stopped")
    stream.tape = Tape(engine.recording_number, stream, path, engine.writer, max_seconds)
    engine.recordings[engine.recording_number] = stream.tape
    stream.refresh_sending()


@on_stream
def stop_recording(engine: Engine, stream: RtpStream) -> None:
    stream.ear.end_recording("stopped")
    stream.end_tape("stopped")
    stream.refresh()


@on_stream
def pause_recording(engine: Engine, stream: RtpStream, paused: bool) -> None:
    for recording in (stream.ear.recording, stream.tape):
        if recording is not None:
            recording.pause(paused, time.monotonic())


@on_stream
def digit(engine: Engine, stream: RtpStream, key: str) -> None:
    stream.relay(key)
    stream.finish_on(key)


@on_stream
def send_digits(engine: Engine, stream: RtpStream, digits: str) -> None:
    stream.send_digits(digits)


@on_stream
def listen(engine: Engine, stream: RtpStream, on: bool) -> None:
    stream.ear.listen(on)
    stream.refresh()


@on_stream
def hear(engine: Engine, stream: RtpStream, talkers: list[int], digits: bool) -> None:
    known = [engine.streams[number] for number in talkers if number in engine.streams]
    mixer.hear(stream, known, digits=digits)
    stream.watched = True


@command
def stats(engine: Engine, request: int) -> None:
    loop = engine.loop
    late, loop.late = loop.late, [0] * HISTOGRAM
    worst, loop.worst = loop.worst, 0.0
    with os.fdopen(os.open("/proc/self/statm", os.O_RDONLY)) as statm:
        pages = int(statm.read().split()[1])
    usage = resource.getrusage(resource.RUSAGE_SELF)
    engine.emit(
        "stats",
        request,
        {
            "streams": len(engine.streams),
            "recordings": len(engine.recordings),
            "clips": len(engine.clips),
            "packets_in": loop.packets_in,
            "packets_out": loop.packets_out,
            "packets_refused": loop.refused,
            "turns": sum(late),
            "late_turns": sum(late[4:]),
            "late_p50_ms": percentile(late, 0.50),
            "late_p99_ms": percentile(late, 0.99),
            "late_max_ms": worst * 1000,
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "rss_bytes": pages * resource.getpagesize(),
        },
    )


@command
def quit(engine: Engine) -> None:
    engine.running = False
