"""winmail.dat: what Exchange wraps a mail's files in for other Exchange servers ([MS-OXTNEF], section 2.1). The text
stands in the mail besides."""

from __future__ import annotations

import mimetypes
import struct

from callcenter.mail.charsets import decode
from callcenter.mail.model import Attachment

SIGNATURE = 0x223E9F78
FILE_LEVEL = 2
BEGINS, TITLE, DATA = 0x9002, 0x8010, 0x800F
"""attAttachRendData, attAttachTitle, attAttachData"""
MOST_FILES = 50


def unpack(data: bytes) -> tuple[Attachment, ...]:
    """The files in it; none where it can't be read."""
    if len(data) < 6 or struct.unpack_from("<L", data)[0] != SIGNATURE:
        return ()
    names: list[str] = []
    contents: list[bytes] = []
    at = 6  # behind the signature and a key
    while at + 9 <= len(data) and len(names) <= MOST_FILES:
        level, number, _, length = struct.unpack_from("<BHHL", data, at)
        value = data[at + 9 : at + 9 + length]
        at += 9 + length + 2  # a checksum
        if len(value) < length:
            break
        if level != FILE_LEVEL:
            continue
        if number == BEGINS:
            names.append("file")
            contents.append(b"")
        elif number == TITLE and names:
            names[-1] = decode(value.split(b"\0")[0], "cp1252")[0] or "file"
        elif number == DATA and contents:
            contents[-1] = value
    return tuple(
        Attachment(name, mimetypes.guess_type(name)[0] or "application/octet-stream", content)
        for name, content in zip(names, contents, strict=True)
        if content
    )
