"""SIP messages out of a byte stream (RFC 3261 section 18.3): Content-Length says where one ends."""

from __future__ import annotations

import re

MAX_HEAD = 32_768
MAX_BODY = 65_535
_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*(\d{1,6})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_BLANK = re.compile(rb"\r?\n\r?\n")


class BadFrame(ValueError):
    """The stream can't be split into messages any more; the connection is to be closed."""


class Framer:
    """`feed` bytes, get whole messages; `pings` counts the double CRLFs met between them (RFC 5626 section 3.5.1)."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self.pings = 0

    @property
    def partial(self) -> bool:
        """A message has begun and is not complete."""
        return bool(self._buffer.strip(b"\r\n"))

    def feed(self, data: bytes) -> list[bytes]:
        """Raises BadFrame for a message that is too large or has no Content-Length."""
        self._buffer += data
        messages = []
        while message := self._next():
            messages.append(message)
        return messages

    def _next(self) -> bytes | None:
        buffer = self._buffer
        skipped = len(buffer) - len(buffer.lstrip(b"\r\n"))
        if skipped:
            self.pings += buffer[:skipped].count(b"\r\n\r\n")
            # Half a ping is kept: its other half may be in the next read.
            keep = 2 if skipped == len(buffer) == 2 else 0
            del buffer[: skipped - keep]
            self._scanned = 0
            if not buffer.strip(b"\r\n"):
                return None
        blank = _BLANK.search(buffer, max(0, self._scanned - 3))
        if not blank:
            self._scanned = len(buffer)
            if len(buffer) > MAX_HEAD:
                raise BadFrame("headers too large")
            return None
        if blank.start() > MAX_HEAD:
            raise BadFrame("headers too large")
        lengths = _LENGTH.findall(buffer, 0, blank.start() + 2)
        if len(lengths) != 1:
            raise BadFrame("no single Content-Length")
        size = int(lengths[0])
        if size > MAX_BODY:
            raise BadFrame("body too large")
        end = blank.end() + size
        if len(buffer) < end:
            self._scanned = blank.start()
            return None
        message = bytes(buffer[:end])
        del buffer[:end]
        self._scanned = 0
        return message
