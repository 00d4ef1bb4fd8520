"""Where our audio arrives: `python -m bench.sip.sink BASE PORTS EVERY OUT`, until SIGTERM; then figures in OUT (JSON).

Every caller's port is bound, so that nothing raises ICMP errors; one in EVERY is read, with the kernel's receive
timestamps. When a key left its caller is seen by a packet socket whose filter passes only first packets of RFC 4733
events. Needs root for that.
"""

from __future__ import annotations

import ctypes
import json
import resource
import select
import signal
import socket
import struct
import sys
import time
from pathlib import Path

from bench.sip.media import EVENT_TYPE

SO_TIMESTAMPNS = 35
_SO_ATTACH_FILTER = 26
_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23
_SILENCE = b"\xff" * 160
_TURN = 0.05
_NEW_CALL = 1.0
"""Seconds without a packet after which a port belongs to another call."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


def key_watch() -> socket.socket:
    """A packet socket on the loopback interface for key presses alone: 4 bytes of RTP payload, marker, event type."""
    watch = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    code = (
        (0x28, 0, 0, 38), (0x15, 0, 3, 24),  # UDP length 24
        (0x30, 0, 0, 43), (0x15, 0, 1, 0x80 | EVENT_TYPE),  # marker and payload type
        (0x06, 0, 0, 128), (0x06, 0, 0, 0),
    )  # fmt: skip
    raw = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
    watch.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, bytes(_Program(len(code), ctypes.addressof(raw))))
    watch.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)  # each packet once, and no copy of what goes out
    watch.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    watch.setblocking(False)
    watch.bind(("lo", 0x0800))
    return watch


class Sink:
    def __init__(self, base: int, ports: int, every: int) -> None:
        self.gaps: list[float] = []
        self.waits: list[float] = []
        self.packets = self.lost = self.doubled = 0
        self.keys: dict[int, float] = {}
        self._last: dict[int, tuple[float, int, int]] = {}
        self._measured: dict[int, tuple[socket.socket, int]] = {}
        self._epoll = select.epoll()
        self._others = []
        self._watch = key_watch()
        for number in range(1, ports):  # SIPp binds the first one itself
            port = base + 4 * number
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind(("127.0.0.1", port))
            if number % every == 0:
                sock.setblocking(False)
                sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
                self._measured[sock.fileno()] = (sock, port)
                self._epoll.register(sock.fileno(), select.EPOLLIN)
            else:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
                self._others.append(sock)

    def turn(self) -> None:
        """Take what has arrived: key presses first, as the audio that answers them comes later."""
        while True:
            try:
                frame, control, _, _ = self._watch.recvmsg(128, 64)
            except BlockingIOError:
                break
            self.keys[struct.unpack_from("!H", frame, 34)[0]] = _time(control)
        for descriptor, _ in self._epoll.poll(0, 4096):
            sock, port = self._measured[descriptor]
            while True:
                try:
                    packet, control, _, _ = sock.recvmsg(2048, 64)
                except BlockingIOError:
                    break
                if len(packet) >= 12 and packet[0] >> 6 == 2 and packet[1] & 0x7F == 0:
                    self._packet(port, packet, _time(control))

    def _packet(self, port: int, packet: bytes, at: float) -> None:
        self.packets += 1
        sequence, stamp = struct.unpack_from("!HI", packet, 2)
        last = self._last.get(port)
        self._last[port] = (at, sequence, stamp)
        if last is not None and at - last[0] < _NEW_CALL:
            skipped = (sequence - last[1]) & 0xFFFF
            if skipped == 0:
                self.doubled += 1
            elif skipped > 1:
                self.lost += skipped - 1
            elif 0 < (stamp - last[2]) & 0xFFFFFFFF <= 1600:
                # a sender that is silent between prompts skips time: that is no lateness
                self.gaps.append(at - last[0] - ((stamp - last[2]) & 0xFFFFFFFF) / 8000 + 0.02)
        pressed = self.keys.get(port)
        if pressed is not None and at > pressed and packet[12:172] != _SILENCE:
            self.waits.append(at - pressed)
            del self.keys[port]

    def figures(self) -> dict[str, object]:
        measured = {port for _, port in self._measured.values()}
        unanswered = sum(1 for port in self.keys if port in measured)
        return {"gaps": self.gaps, "waits": self.waits, "packets": self.packets, "lost": self.lost,
                "doubled": self.doubled, "unanswered": unanswered}  # fmt: skip


def _time(control: list[tuple[int, int, bytes]]) -> float:
    whole, nanoseconds = struct.unpack("qq", control[0][2])
    return float(whole + nanoseconds / 1e9)


def main() -> None:
    base, ports, every, out = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))
    sink = Sink(base, ports, every)
    stopping: dict[str, bool] = {}
    signal.signal(signal.SIGTERM, lambda *_: stopping.update(now=True))
    print("ready", flush=True)
    while not stopping:
        time.sleep(_TURN)
        sink.turn()
    out.write_text(json.dumps(sink.figures()))


if __name__ == "__main__":
    main()
