"""Cost of conversations: `python -m bench.bridge 50 200 --seconds 10`, CPU milliseconds of the media process per second
of each.

Each of N pairs is two streams that hear each other while 50 packets a second come in for both: 100 packets a second in
and 100 out. `--laws` puts mu-law on one side and A-law on the other; `--third` adds a supervisor who hears both and
whispers to one, so that two of three mixes are sums; `--record` records each pair in two channels. `--played` gives the
same streams a clip instead, for comparison. The media process has core 0, this load generator core 1.
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

from bench.measuring import cpu_seconds
from ivr.channels.leg import Clip
from ivr.channels.sip.media.client import Media, Stream
from ivr.channels.sip.sdp import Codec

KINDS: dict[Codec, int] = {"PCMU": 0, "PCMA": 8}


def talk(sock: socket.socket, phones: list[tuple[int, int]], first: int, seconds: float) -> None:
    """Send for every phone (its stream's port, its payload type) each 20 ms, a quarter of them per 5 ms."""
    sound = bytes(np.random.default_rng(1).integers(0x20, 0x7F, 160, dtype=np.uint8))
    begin = time.monotonic()
    for turn in range(int(seconds * 200)):
        time.sleep(max(0.0, begin + turn * 0.005 - time.monotonic()))
        number = first + turn // 4
        for index in range(turn % 4, len(phones), 4):
            port, kind = phones[index]
            packet = struct.pack("!BBHII160s", 0x80, kind, number & 0xFFFF, number * 160, index + 1, sound)
            sock.sendto(packet, ("127.0.0.1", port))


async def measure(pairs: int, options: argparse.Namespace) -> None:
    os.sched_setaffinity(0, {1})
    media = await Media.start(cpu=0)
    # one socket for all phones: what comes back ends in a buffer that nobody reads
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    streams: list[Stream] = []
    phones: list[tuple[int, int]] = []
    with tempfile.TemporaryDirectory() as folder, sock:
        for pair in range(pairs):
            group = [await media.open(lambda event: None) for _ in range(3 if options.third else 2)]
            codecs: tuple[Codec, ...] = ("PCMU", "PCMA" if options.laws else "PCMU", "PCMU")
            for codec, stream in zip(codecs, group, strict=False):
                stream.connect(sock.getsockname(), codec=codec, event_type=101)
                phones.append((stream.port, KINDS[codec]))
            streams += group
            one, two, *supervisors = group
            if options.played:
                for stream in group:
                    stream.play([Clip("noise", np.random.default_rng(2).bytes(8000 * 7))], loop=True)
                continue
            one.hear([two])
            two.hear([one, *supervisors])
            for supervisor in supervisors:
                supervisor.hear([one, two])
            if options.record:
                one.record_both(f"{folder}/{pair}.wav", max_seconds=3600)
        await asyncio.to_thread(talk, sock, phones, 0, 1.0)
        before, start = cpu_seconds(media.pid), await media.stats()
        await asyncio.to_thread(talk, sock, phones, 50, options.seconds)
        cpu, stats = cpu_seconds(media.pid) - before, await media.stats()
        for stream in streams:
            stream.close()
        await media.close()
    received, sent = (int(stats[name] - start[name]) for name in ("packets_in", "packets_out"))
    print(
        f"{pairs:5} pairs: {cpu / options.seconds:6.1%} of a core, {cpu / options.seconds / pairs * 1000:.2f} ms per "
        f"call-second; in {received / options.seconds / pairs:.0f}/s out {sent / options.seconds / pairs:.0f}/s; "
        f"late p50 {stats['late_p50_ms']:.1f} p99 {stats['late_p99_ms']:.1f} ms",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", nargs="*", type=int, default=[50, 200])
    parser.add_argument("--seconds", type=float, default=10)
    for name in ("laws", "third", "record", "played"):
        parser.add_argument(f"--{name}", action="store_true")
    options = parser.parse_args()
    for pairs in options.pairs:
        asyncio.run(measure(pairs, options))


if __name__ == "__main__":
    main()
