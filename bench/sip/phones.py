"""The callers' ears and mouths: `python -m bench.sip.phones BASE PORTS EVERY OUT`. On SIGTERM it writes figures to OUT.

SIPp does the signalling; this process has the callers' RTP ports. A call begins with our first packet: from then on
the caller sends audio, a digit at its time, and audio again. One port in EVERY is read all the time, with the
kernel's receive timestamps; of the others the kernel drops what comes.

SIPp could send the audio itself, from pcap files. It opens a raw socket per call for that, and Linux offers every
UDP packet that arrives to every raw socket: each packet that the server sends gets dearer with every call, on the
server's own core.
"""

from __future__ import annotations

import json
import resource
import select
import signal
import socket
import struct
import sys
import time
from pathlib import Path

from bench.sip.media import caller_packets

SO_TIMESTAMPNS = 35
_SILENCE = b"\xff" * 160
_SLOTS = 4
_TURN = 0.02 / _SLOTS
_BEHIND = 0.1
_STRANGE = 1000
"""Packets missing at once: more is no loss but another stream."""


class Phone:
    """One caller's RTP port."""

    __slots__ = ("began", "last", "measured", "next", "pressed", "sock")

    def __init__(self, port: int, measured: bool) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20 if measured else 1)
        if measured:
            self.sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.sock.bind(("127.0.0.1", port))
        self.measured = measured
        self.began = False
        self.next = 0
        self.pressed = 0.0
        self.last: tuple[float, int, int] | None = None


class Phones:
    def __init__(self, base: int, ports: int, every: int) -> None:
        self.gaps: list[float] = []
        self.waits: list[float] = []
        self.late: list[float] = []
        self.lost = self.doubled = self.calls = 0
        self._packets, self._key = caller_packets()
        self._epoll = select.epoll()
        self._phones: dict[int, Phone] = {}
        self._talking: list[list[Phone]] = [[] for _ in range(_SLOTS)]
        for number in range(ports):
            phone = Phone(base + 2 * number, number % every == 0)
            self._phones[phone.sock.fileno()] = phone
            self._epoll.register(phone.sock.fileno(), select.EPOLLIN)

    def run(self, stopping: dict[str, bool]) -> None:
        due = time.monotonic()
        turn = 0
        while not stopping:
            due += _TURN
            now = time.monotonic()
            self.late.append(now - due)
            if now - due > _BEHIND:
                due = now
            time.sleep(max(0.0, due - now))
            turn += 1
            self._talk(turn % _SLOTS)
            if turn % 2 == 0:
                self._listen()

    def _talk(self, slot: int) -> None:
        packets, key, over = self._packets, self._key, []
        for phone in self._talking[slot]:
            number = phone.next
            if number >= len(packets):
                over.append(phone)
                continue
            phone.next = number + 1
            if number == key:
                phone.pressed = time.time()
            try:
                phone.sock.send(packets[number])
            except OSError:  # the server has closed its port: the call is over
                over.append(phone)
        for phone in over:
            self._talking[slot].remove(phone)

    def _listen(self) -> None:
        for descriptor, _ in self._epoll.poll(0, 4096):
            phone = self._phones[descriptor]
            while True:
                try:
                    packet, control, _, sender = phone.sock.recvmsg(2048, 64)
                except BlockingIOError:
                    break
                except OSError:
                    continue  # an ICMP error of what was sent
                if len(packet) < 12 or packet[0] >> 6 != 2 or packet[1] & 0x7F:
                    continue
                if not phone.began:
                    self._begin(phone, sender)
                if not phone.measured:
                    break
                whole, nanoseconds = struct.unpack("qq", control[0][2])
                self._heard(phone, packet, whole + nanoseconds / 1e9)

    def _begin(self, phone: Phone, server: tuple[str, int]) -> None:
        phone.began = True
        phone.sock.connect(server)
        if not phone.measured:
            self._epoll.unregister(phone.sock.fileno())
        self.calls += 1
        min(self._talking, key=len).append(phone)

    def _heard(self, phone: Phone, packet: bytes, at: float) -> None:
        sequence, stamp = struct.unpack_from("!HI", packet, 2)
        last, phone.last = phone.last, (at, sequence, stamp)
        if last is not None:
            skipped = (sequence - last[1]) & 0xFFFF
            if skipped == 0:
                self.doubled += 1
            elif 1 < skipped < _STRANGE:
                self.lost += skipped - 1
            elif 0 < (stamp - last[2]) & 0xFFFFFFFF <= 1600:
                # a sender that is silent between prompts skips time: that is no lateness
                self.gaps.append(at - last[0] - ((stamp - last[2]) & 0xFFFFFFFF) / 8000 + 0.02)
        if phone.pressed and at > phone.pressed and packet[12:172] != _SILENCE:
            self.waits.append(at - phone.pressed)
            phone.pressed = 0.0

    def figures(self) -> dict[str, object]:
        """Times in seconds; `late` is this process's own lateness."""
        return {"gaps": self.gaps, "waits": self.waits, "late": self.late, "lost": self.lost, "doubled": self.doubled,
                "calls": self.calls}  # fmt: skip


def main() -> None:
    base, ports, every, out = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))
    phones = Phones(base, ports, every)
    stopping: dict[str, bool] = {}
    signal.signal(signal.SIGTERM, lambda *_: stopping.update(now=True))
    print("ready", flush=True)
    phones.run(stopping)
    out.write_text(json.dumps(phones.figures()))


if __name__ == "__main__":
    main()
