"""The media loop: every 5 ms it sends the frames of a quarter of the streams and takes in what has arrived.

Deadlines are absolute, so that no error adds up. Sockets are looked at once per turn rather than at every packet:
one `epoll_wait` then serves many packets, and a digit still waits less than 5 ms. Between turns the
process serves commands and sleeps until the next deadline (`engine.py`), exact to microseconds, which epoll's
timeouts are not.
"""

from __future__ import annotations

import select
import time

from ivr.channels.leg import FRAME_BYTES
from ivr.channels.sip.media import rtp
from ivr.channels.sip.media.stream import RtpStream

SLOTS = 4
SLOT_SECONDS = 0.02 / SLOTS
CATCH_UP = 0.1
"""Seconds that the loop may be behind and still send everything; what is older is skipped."""
_ROUNDS = 3
"""Packets taken from one socket per turn: a flood costs its own call its packets, and nobody else any time."""
_EVENTS = 4096
HISTOGRAM = 200
"""Classes of lateness, of half a millisecond."""


class MediaLoop:
    """Sends and receives; knows nothing of commands. `turn()` does one slot's work."""

    def __init__(self) -> None:
        self.slots: list[list[RtpStream]] = [[] for _ in range(SLOTS)]
        self.rtp: dict[int, RtpStream] = {}
        self.rtcp: dict[int, RtpStream] = {}
        self.tapped: set[RtpStream] = set()
        """Streams that record or listen: they get a tick every 20 ms."""
        self.packets_in = self.packets_out = self.refused = 0
        self.late = [0] * HISTOGRAM
        self.worst = 0.0
        self._epoll = select.epoll()
        self._buffer = bytearray(4096)
        self._number = self._turns = 0
        self._origin = time.monotonic()

    @property
    def clock(self) -> int:
        """RTP clock of the current round, before each stream's random offset."""
        return self._number // SLOTS * FRAME_BYTES

    @property
    def deadline(self) -> float:
        """When the next turn is due."""
        return self._origin + self._number * SLOT_SECONDS

    @property
    def lived(self) -> float:
        """Seconds for which the loop has run. Time in which it didn't get the processor is none: what is read after it
        came during it."""
        return self._turns * SLOT_SECONDS

    def rest(self) -> None:
        """There was nothing to do for a while: the clock moved on without us."""
        self._skip(time.monotonic())

    def add(self, stream: RtpStream) -> None:
        self.rtp[stream.rtp.fileno()] = stream
        self.rtcp[stream.rtcp.fileno()] = stream
        self._epoll.register(stream.rtp.fileno(), select.EPOLLIN)
        self._epoll.register(stream.rtcp.fileno(), select.EPOLLIN)

    def watch_again(self, stream: RtpStream) -> None:
        """A stream's RTP socket was renewed; epoll forgot the old one when it was closed."""
        self._epoll.register(stream.rtp.fileno(), select.EPOLLIN)

    def schedule(self, stream: RtpStream) -> None:
        """Begin to send, in the slot that has the fewest streams."""
        if stream.slot < 0:
            stream.slot = min(range(SLOTS), key=lambda slot: len(self.slots[slot]))
            self.slots[stream.slot].append(stream)

    def remove(self, stream: RtpStream) -> None:
        if stream.slot >= 0:
            self.slots[stream.slot].remove(stream)
            stream.slot = -1
        self.tapped.discard(stream)
        for table, sock in ((self.rtp, stream.rtp), (self.rtcp, stream.rtcp)):
            self._epoll.unregister(sock.fileno())
            del table[sock.fileno()]
            sock.close()

    def turn(self) -> None:
        """Do what is due at `deadline`."""
        now = time.monotonic()
        if now - self.deadline > CATCH_UP:
            self._skip(now)
        deadline = self.deadline
        streams = self.slots[self._number % SLOTS]
        if streams:
            self._send(streams)
            late = time.monotonic() - deadline
            self.late[min(int(late * 2000), HISTOGRAM - 1)] += 1
            self.worst = max(self.worst, late)
        self._receive()
        if self.tapped and self._number % SLOTS == 0:
            now = time.monotonic()
            for stream in list(self.tapped):
                stream.ear.tick(now)
        self._number += 1
        self._turns += 1

    def _skip(self, now: float) -> None:
        behind = int((now - self.deadline) / SLOT_SECONDS)
        self._number += max(0, behind)

    def _send(self, streams: list[RtpStream]) -> None:
        clock = self.clock
        pack = rtp.FRAME.pack
        sent = 0
        for stream in streams:
            if stream.detour:
                sent += stream.send_slowly(clock)
                continue
            player = stream.player
            start = player.position
            if start < player.end:
                player.position = start + 160
                frame = player.audio[start : start + 160]
                if stream.translate is not None:
                    frame = frame.translate(stream.translate)
                if start + 160 >= player.end:
                    stream.clip_ended()
            else:
                frame = stream.silence
            stream.sequence = sequence = stream.sequence + 1
            try:
                stream.send(
                    pack(
                        0x80,
                        stream.payload_type,
                        sequence & 0xFFFF,
                        (clock + stream.timestamp_offset) & 0xFFFFFFFF,
                        stream.ssrc,
                        frame,
                    )
                )
            except OSError:
                continue  # nobody listens there (ICMP), or the buffer is full: this frame is lost
            sent += 1
        self.packets_out += sent

    def _receive(self) -> None:
        buffer = self._buffer
        unpack = rtp.HEADER.unpack_from
        streams = self.rtp.get
        for _ in range(_ROUNDS):
            events = self._epoll.poll(0, _EVENTS)
            if not events:
                return
            now = time.monotonic()
            arrival = int(now * 8000)
            for fd, _mask in events:
                stream = streams(fd)
                if stream is None:
                    self._receive_rtcp(fd)
                    continue
                if not stream.locked:
                    self._seek_source(stream, now)
                    continue
                try:
                    size = stream.recv_into(buffer)
                except OSError:
                    continue  # the ICMP error of a packet that we sent
                reception = stream.reception
                if size >= 13 and reception is not None:
                    flags, kind, sequence, timestamp, ssrc = unpack(buffer)
                    if flags == 0x80 and kind == stream.payload_type and ssrc == reception.ssrc and size <= 1612:
                        self.packets_in += 1
                        transit = (arrival - timestamp) & 0xFFFFFFFF
                        ahead = (sequence - reception.highest) & 0xFFFF
                        if 0 < ahead <= reception.step:
                            # what Reception.count() does, for the usual case
                            reception.received += ahead
                            reception.highest += ahead
                            change = transit - reception.transit
                            reception.transit = transit
                            if -80000 < change < 80000:
                                reception.jitter += (abs(change) - reception.jitter) / 16
                        else:
                            reception.count(sequence, transit)
                        if stream.tapped:
                            stream.tap(sequence, timestamp, bytes(buffer[12:size]), now)
                        continue
                self._receive_other(stream, size, now)

    def _receive_other(self, stream: RtpStream, size: int, now: float) -> None:
        """Anything from the source but the next packet of plain audio."""
        if rtp.is_rtcp(self._buffer, size):
            stream.reports.receive(self._buffer, size, None)
            return
        packet = rtp.parse(self._buffer, size)
        if packet is None:
            self.refused += 1
            return
        self.packets_in += 1
        stream.packet(packet, self._buffer, now, self.lived)

    def _seek_source(self, stream: RtpStream, now: float) -> None:
        """Take one packet of a stream that has no source yet."""
        try:
            size, address = stream.receive_from(self._buffer)
        except OSError:
            return
        packet = None if rtp.is_rtcp(self._buffer, size) else rtp.parse(self._buffer, size)
        if packet is None or not stream.learn(packet, address[:2]):
            self.refused += 1
            return
        self.packets_in += 1
        stream.packet(packet, self._buffer, now, self.lived)
        # what others sent before the kernel knew the source is still in the queue
        for _ in range(256):
            try:
                size, sender = stream.receive_from(self._buffer)
            except OSError:
                return
            if sender == address:
                self._receive_other(stream, size, now)
            else:
                self.refused += 1

    def _receive_rtcp(self, fd: int) -> None:
        stream = self.rtcp.get(fd)
        if stream is None:
            return
        try:
            size, address = stream.receive_report(self._buffer)
        except OSError:
            return
        stream.reports.receive(self._buffer, size, address)


def percentile(histogram: list[int], share: float) -> float:
    """Lateness in milliseconds below which this share of the turns lies (the upper bound of its class)."""
    wanted = sum(histogram) * share
    for index, count in enumerate(histogram):
        wanted -= count
        if wanted <= 0:
            return (index + 1) / 2
    return len(histogram) / 2
