"""Messages between the signalling and the media process: length-prefixed marshal over a socket pair.

Both ends are the same interpreter and trust each other, which is what marshal needs; it is several times faster
than JSON and carries bytes. A message is a tuple; its first item names it:

    to the media process                                    from it
    ("open", stream, port)  port 0: any                     ("opened", stream, port) | ("full", stream, why)
    ("connect", stream, host, port, codec, event_type,      ("digit", stream, digit, at)
        send, receive, learn, keys, mux)                    ("play_ended", stream, play, reason, at)
    ("load", key, part) ... ("unload", key)                 ("recording_ended", stream, path, seconds, reason)
    ("play", stream, play, [key, ...], loop)                ("audio", [(stream, mu-law), ...])
    ("stop", stream)                                        ("closed", stream)
    ("record", stream, path, max, keys, silence)            ("stats", number, {...})
    ("stop_recording", stream)
    ("pause_recording", stream, paused)                     ("dropped", unauthentic, replayed)
    ("digit", stream, digit)   ("send_digits", stream, digits)
    ("listen", stream, on)     ("hear", stream, [stream, ...], digits)
    ("record_both", stream, path, max)                      ("quiet", stream)
    ("close", stream)          ("stats", number)   ("quit",)
"""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from struct import Struct
from typing import Any

_LENGTH = Struct("!I")
PART = 32768
"""A clip is loaded in parts of this size, so that no message takes long."""

Message = tuple[Any, ...]


def pack(message: Message) -> bytes:
    body = marshal.dumps(message)
    return _LENGTH.pack(len(body)) + body


class Unpacker:
    """Cuts a byte stream back into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def __iter__(self) -> Iterator[Message]:
        """The complete messages so far; an abandoned iteration is resumed by the next."""
        buffer = self._buffer
        while len(buffer) >= 4:
            end = 4 + _LENGTH.unpack_from(buffer)[0]
            if len(buffer) < end:
                return
            body = bytes(buffer[4:end])
            del buffer[:end]
            yield marshal.loads(body)  # noqa: S302 (our own process at the other end)
