"""RTCP (RFC 3550 section 6): the compound packets that we send, and a tolerant reader of what arrives."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

SENDER_REPORT, RECEIVER_REPORT, DESCRIPTION, BYE = 200, 201, 202, 203
INTERVAL = 5.0
"""Seconds between reports of one stream, varied by half either way so that calls don't report in step (6.3.1)."""

_NTP_EPOCH = 2208988800
_HEAD = Struct("!BBHI")
_SENDER = Struct("!IIIII")
_BLOCK = Struct("!IIIIII")


class Block(NamedTuple):
    """A reception report block; `delay` and `last_report` (the middle 32 bits of an NTP time) as on the wire."""

    ssrc: int
    fraction_lost: int
    lost: int
    highest: int
    jitter: int
    last_report: int
    delay: int


class Report(NamedTuple):
    """What one received compound packet told: who sent it, its NTP time (middle 32 bits), its blocks, a BYE."""

    ssrc: int
    ntp: int
    blocks: tuple[Block, ...]
    bye: bool


def ntp(seconds: float) -> int:
    """64-bit NTP time of seconds since 1970."""
    return int((seconds + _NTP_EPOCH) * 4294967296) & 0xFFFFFFFFFFFFFFFF


def report(
    ssrc: int, name: str, *, wall: float, timestamp: int, packets: int, octets: int, block: Block | None, bye: bool
) -> bytes:
    """A compound packet: sender report (receiver report if we sent nothing), the canonical name, maybe a BYE."""
    blocks = b"" if block is None else _pack_block(block)
    count = 0x80 | (block is not None)
    if packets:
        now = ntp(wall)
        body = _SENDER.pack(now >> 32, now & 0xFFFFFFFF, timestamp, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
        first = _HEAD.pack(count, SENDER_REPORT, 6 + len(blocks) // 4, ssrc) + body + blocks
    else:
        first = _HEAD.pack(count, RECEIVER_REPORT, 1 + len(blocks) // 4, ssrc) + blocks
    text = name.encode()[:255]
    item = bytes((1, len(text))) + text
    item += b"\0" * (4 - len(item) % 4)
    packet = first + _HEAD.pack(0x81, DESCRIPTION, 1 + len(item) // 4, ssrc) + item
    if bye:
        packet += _HEAD.pack(0x81, BYE, 1, ssrc)
    return packet


def _pack_block(block: Block) -> bytes:
    lost = max(-0x800000, min(block.lost, 0x7FFFFF)) & 0xFFFFFF
    return _BLOCK.pack(
        block.ssrc,
        block.fraction_lost << 24 | lost,
        block.highest & 0xFFFFFFFF,
        block.jitter & 0xFFFFFFFF,
        block.last_report,
        block.delay & 0xFFFFFFFF,
    )


def parse(data: bytes | bytearray, size: int) -> Report | None:
    """Read a compound packet, or None where the datagram is not one (appendix A.2's checks)."""
    if size < 8 or data[0] & 0xC0 != 0x80 or data[1] not in (SENDER_REPORT, RECEIVER_REPORT):
        return None
    offset, ssrc, middle, bye = 0, int.from_bytes(data[4:8], "big"), 0, False
    blocks: list[Block] = []
    while offset + 4 <= size:
        flags, kind = data[offset], data[offset + 1]
        end = offset + 4 + 4 * int.from_bytes(data[offset + 2 : offset + 4], "big")
        if flags & 0xC0 != 0x80 or end > size:
            return None
        if kind in (SENDER_REPORT, RECEIVER_REPORT):
            start = offset + 8
            if kind == SENDER_REPORT:
                if end - start < 20:
                    return None
                middle = int.from_bytes(data[start + 2 : start + 6], "big")
                start += 20
            for _ in range(flags & 0x1F):
                if start + _BLOCK.size > end:
                    return None
                blocks.append(_unpack_block(data, start))
                start += _BLOCK.size
        elif kind == BYE:
            bye = True
        offset = end
    return Report(ssrc, middle, tuple(blocks), bye) if offset == size else None


def _unpack_block(data: bytes | bytearray, start: int) -> Block:
    ssrc, loss, highest, jitter, last_report, delay = _BLOCK.unpack_from(data, start)
    lost = loss & 0xFFFFFF
    return Block(ssrc, loss >> 24, lost - 0x1000000 if lost & 0x800000 else lost, highest, jitter, last_report, delay)
