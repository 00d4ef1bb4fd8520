"""Received audio that nobody wants is dropped by the kernel, but for one packet in `EVERY`.

While a prompt plays or a key is awaited, a caller's audio is only counted, and to read a packet costs as much as to
send one. A classic BPF program on the stream's socket (socket(7), SO_ATTACH_FILTER; Linux's
Documentation/networking/filter.rst) lets pass what is not plain audio of the known SSRC (keys, RTCP, another
source), and of that audio every eighth sequence number, from which losses are told. Where the system allows no
filter everything is read, as it is while somebody listens.
"""

from __future__ import annotations

import socket
from array import array
from struct import Struct

EVERY = 8
"""Of audio that is only counted, packets with a sequence number that this divides are received; a power of two."""

_ATTACH, _DETACH = 26, 27
"""SO_ATTACH_FILTER and SO_DETACH_FILTER, which the socket module lacks (asm-generic/socket.h)."""
_INSTRUCTION = Struct("=HBBI")
_PROGRAM = Struct("HP")
_BYTE, _HALF, _WORD = 0x30, 0x28, 0x20  # load from an absolute offset, in network order
_EQUAL, _BITS, _RETURN = 0x15, 0x45, 0x06
_RTP = 8
"""A UDP socket's filter sees the packet from its UDP header on."""


def attach(sock: socket.socket, payload_type: int, ssrc: int) -> bool:
    """Drop plain audio of this payload type and SSRC from now on; False where the system allows no filter."""
    # (code, jump if true, jump if false, value); a load beyond the packet's end drops it
    program = (
        (_BYTE, 0, 0, _RTP),
        (_EQUAL, 0, 7, 0x80),
        (_BYTE, 0, 0, _RTP + 1),
        (_EQUAL, 0, 5, payload_type),
        (_WORD, 0, 0, _RTP + 8),
        (_EQUAL, 0, 3, ssrc),
        (_HALF, 0, 0, _RTP + 2),
        (_BITS, 0, 1, EVERY - 1),
        (_RETURN, 0, 0, 0),
        (_RETURN, 0, 0, 0xFFFFFFFF),
    )
    code = array("B", b"".join(_INSTRUCTION.pack(*instruction) for instruction in program))
    try:
        sock.setsockopt(socket.SOL_SOCKET, _ATTACH, _PROGRAM.pack(len(program), code.buffer_info()[0]))
    except OSError:
        return False
    return True


def detach(sock: socket.socket) -> None:
    """Receive everything again."""
    sock.setsockopt(socket.SOL_SOCKET, _DETACH, 0)
