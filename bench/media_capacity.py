"""Cost and punctuality of the media process: `python -m bench.media_capacity 100 400 1000 --seconds 10`.

N streams play a looped clip while 50 packets a second come in for each (`--inband` looks for tones in them,
`--record` records all; `--srtp SUITE` encrypts both ways). The media process has core 0, this load generator core 1.
Gaps are taken from the kernel's receive timestamps of 40 of the streams; the others' packets end in sockets that nobody
reads.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import struct
import tempfile
import time

import numpy as np
from pylibsrtp import Policy, Session

from bench.measuring import cpu_seconds
from ivr.channels.leg import Clip
from ivr.channels.sip.crypto import SUITES, Keys
from ivr.channels.sip.media.client import Media, Stream
from ivr.channels.sip.media.srtp import _session

MEASURED = 40
SO_TIMESTAMPNS = 35


def udp(timestamps: bool) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    if timestamps:
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return sock


class Callers:
    """What the callers send, encrypted where there is a suite. Sequence numbers go on from one run to the next."""

    def __init__(self, count: int, suite: str) -> None:
        self.keys: list[Keys | None] = [None] * count
        self._contexts: list[Session] = []
        self._noise = bytes(np.random.default_rng(1).integers(0x70, 0x7F, 160, dtype=np.uint8))
        self._sent = [0] * count
        for index in range(count if suite else 0):
            ours, theirs = (os.urandom(SUITES[suite]) for _ in range(2))
            self.keys[index] = Keys(suite, ours, theirs)
            self._contexts.append(_session(suite, theirs, Policy.SSRC_ANY_OUTBOUND))

    def packet(self, index: int) -> bytes:
        self._sent[index] += 1
        number = self._sent[index]
        packet = struct.pack("!BBHII160s", 0x80, 0, number & 0xFFFF, number * 160, index + 1, self._noise)
        return self._contexts[index].protect(packet) if self._contexts else packet


def generate(
    callers: Callers, sockets: list[socket.socket], streams: list[Stream], seconds: float, gaps: list[float]
) -> None:
    """Send to every stream each 20 ms, a quarter of them per 5 ms, and note when the measured ones' packets came."""
    last: dict[int, float] = {}
    begin = time.monotonic()
    for turn in range(int(seconds * 200)):
        time.sleep(max(0.0, begin + turn * 0.005 - time.monotonic()))
        for index in range(turn % 4, len(streams), 4):
            sockets[index].sendto(callers.packet(index), ("127.0.0.1", streams[index].port))
        for index in range(min(MEASURED, len(streams))):
            while True:
                try:
                    _, control, _, _ = sockets[index].recvmsg(200, 64)
                except BlockingIOError:
                    break
                whole, nanoseconds = struct.unpack("qq", control[0][2])
                at = whole + nanoseconds / 1e9
                if index in last:
                    gaps.append(at - last[index])
                last[index] = at


async def measure(count: int, seconds: float, inband: bool, record: bool, realtime: bool, suite: str) -> None:
    os.sched_setaffinity(0, {1})
    media = await Media.start(cpu=0)
    if realtime:
        os.sched_setscheduler(media.pid, os.SCHED_FIFO, os.sched_param(10))
    clip = Clip("noise", np.random.default_rng(2).bytes(8000 * 7))
    streams = [await media.open(lambda event: None) for _ in range(count)]
    shared = udp(False)
    callers = Callers(count, suite)
    sockets = [udp(True) if index < MEASURED else shared for index in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        for index, (stream, sock) in enumerate(zip(streams, sockets, strict=True)):
            event_type = None if inband else 101
            stream.connect(sock.getsockname(), codec="PCMU", event_type=event_type, keys=callers.keys[index])
            stream.play([clip], loop=True)
            if record:
                stream.record(f"{folder}/{index}.wav", max_seconds=3600)
        await asyncio.to_thread(generate, callers, sockets, streams, 1.0, [])
        before, began = cpu_seconds(media.pid), time.monotonic()
        start = await media.stats()
        gaps: list[float] = []
        await asyncio.to_thread(generate, callers, sockets, streams, seconds, gaps)
        stats = await media.stats()
        elapsed = time.monotonic() - began
        cpu = cpu_seconds(media.pid) - before
        for stream in streams:
            stream.close()
        await media.close()
    for sock in {*sockets}:
        sock.close()
    ms = np.array(gaps) * 1000
    received, sent = (int(stats[name] - start[name]) for name in ("packets_in", "packets_out"))
    print(
        f"{count:5} streams: {cpu / elapsed:6.1%} of a core, {cpu / elapsed / count * 1000:.2f} ms/call-second; "
        f"out {sent / elapsed / count:.1f}/s in {received / elapsed / count:.1f}/s a stream; "
        f"late p50 {stats['late_p50_ms']:.1f} p99 {stats['late_p99_ms']:.1f} max {stats['late_max_ms']:.1f} ms; "
        f"gap p50 {np.percentile(ms, 50):.2f} p99 {np.percentile(ms, 99):.2f} max {ms.max():.1f} ms; "
        f"{stats['rss_bytes'] / 1e6:.0f} MB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[100, 400, 1000])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--inband", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--realtime", action="store_true", help="on a busy machine: nothing else on the core (root)")
    parser.add_argument("--srtp", default="", choices=["", *SUITES], metavar="SUITE", help=", ".join(SUITES))
    options = parser.parse_args()
    for count in options.counts:
        asyncio.run(measure(count, options.seconds, options.inband, options.record, options.realtime, options.srtp))


if __name__ == "__main__":
    main()
