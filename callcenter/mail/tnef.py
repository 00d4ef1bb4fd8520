"""winmail.dat: what Exchange wraps a mail's text and files in for other Exchange servers (MS-OXTNEF)."""

from __future__ import annotations

import logging
import mimetypes
from dataclasses import dataclass, field
from typing import Any

from tnefparse import TNEF

from callcenter.mail.charsets import decode
from callcenter.mail.model import Attachment

logging.getLogger("tnefparse").setLevel(logging.CRITICAL)  # it logs what it doesn't know of, which is much


@dataclass(frozen=True, slots=True)
class Unpacked:
    html: str = field(repr=False)
    attachments: tuple[Attachment, ...]


def unpack(data: bytes) -> Unpacked | None:
    """The HTML and the files in it; None where it can't be read or holds neither."""
    try:
        found = TNEF(data, do_checksum=False)
        files = tuple(_attachment(each) for each in found.attachments if each.data)
        body = found.htmlbody or b""
        html = body if isinstance(body, str) else decode(bytes(body), "utf-8")[0]
    # The library raises whatever its assumptions break with on damaged data.
    except Exception:
        return None
    return Unpacked(html, files) if html or files else None


def _attachment(each: Any) -> Attachment:
    name = each.long_filename() or each.name or "file"
    shown = decode(name, "utf-8")[0] if isinstance(name, bytes) else str(name)
    shown = shown.strip("\0")
    return Attachment(shown, mimetypes.guess_type(shown)[0] or "application/octet-stream", bytes(each.data))
