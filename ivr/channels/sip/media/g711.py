"""G.711: tables between mu-law, A-law and linear samples (ITU-T G.711), and the two codecs as RTP knows them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ivr.channels.leg import FRAME_BYTES


def _ulaw_value(byte: int) -> int:
    byte = ~byte & 0xFF
    magnitude = ((((byte & 0x0F) << 3) + 0x84) << ((byte & 0x70) >> 4)) - 0x84
    return -magnitude if byte & 0x80 else magnitude


def _alaw_value(byte: int) -> int:
    byte ^= 0x55
    segment = (byte & 0x70) >> 4
    magnitude = ((byte & 0x0F) << 4) + (8 if segment == 0 else 0x108)
    magnitude <<= max(segment - 1, 0)
    return magnitude if byte & 0x80 else -magnitude


def _nearest(source: NDArray[np.int16], target: NDArray[np.int16], source_sign: int, target_sign: int) -> bytes:
    """For each byte of one law the byte of the other law that is nearest and has the same sign."""
    table = bytearray(256)
    for byte in range(256):
        positive = bool(byte & source_sign)
        same_sign = [other for other in range(256) if bool(other & target_sign) == positive]
        table[byte] = min(same_sign, key=lambda other: abs(int(target[other]) - int(source[byte])))
    return bytes(table)


ULAW_LINEAR: NDArray[np.int16] = np.array([_ulaw_value(byte) for byte in range(256)], dtype=np.int16)
"""16-bit sample of each mu-law byte."""
ALAW_LINEAR: NDArray[np.int16] = np.array([_alaw_value(byte) for byte in range(256)], dtype=np.int16)
"""16-bit sample of each A-law byte."""
ULAW_TO_ALAW = _nearest(ULAW_LINEAR, ALAW_LINEAR, 0x80, 0x80)
ALAW_TO_ULAW = _nearest(ALAW_LINEAR, ULAW_LINEAR, 0x80, 0x80)


@dataclass(frozen=True, slots=True)
class Codec:
    """One of the laws. `payload_type` is RFC 3551's static number; a table of None means nothing to translate."""

    name: str
    payload_type: int
    linear: NDArray[np.int16] = field(repr=False)
    from_ulaw: bytes | None = field(repr=False)
    to_ulaw: bytes | None = field(repr=False)
    silence: bytes = field(repr=False)
    """One sample of silence."""
    loudness: bytes = field(repr=False)
    """Of each byte: its magnitude in steps of 32 (of 32768), at most 255."""

    @property
    def silent_frame(self) -> bytes:
        return self.silence * FRAME_BYTES


def _loudness(linear: NDArray[np.int16]) -> bytes:
    return bytes(min(abs(int(value)) >> 5, 255) for value in linear)


PCMU = Codec("PCMU", 0, ULAW_LINEAR, None, None, b"\xff", _loudness(ULAW_LINEAR))
PCMA = Codec("PCMA", 8, ALAW_LINEAR, ULAW_TO_ALAW, ALAW_TO_ULAW, b"\xd5", _loudness(ALAW_LINEAR))
CODECS = {codec.name: codec for codec in (PCMU, PCMA)}


def codec_named(name: str) -> Codec:
    """PCMU or PCMA. Raises `ValueError`."""
    try:
        return CODECS[name]
    except KeyError:
        raise ValueError(f"unknown codec {name!r}: PCMU or PCMA") from None


def translation(source: Codec, target: Codec) -> bytes | None:
    """The table that turns bytes of one codec into the other's; None where they are the same."""
    if source is target:
        return None
    return ULAW_TO_ALAW if target is PCMA else ALAW_TO_ULAW


def encode_ulaw(samples: NDArray[np.int16]) -> bytes:
    """Mu-law bytes of 16-bit samples."""
    linear = samples.astype(np.int32)
    magnitude = np.minimum(np.abs(linear), 32635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    coded = np.where(linear < 0, 0x80, 0) | (exponent << 4) | mantissa
    return bytes((~coded & 0xFF).astype(np.uint8).tobytes())
