"""Files that came or went with a contact: where each is kept, what it claims to be, and a checksum."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from callcenter.customers import members
from callcenter.tables import contacts, files

TYPES = re.compile(
    r"image/(jpeg|png|gif|webp|heic|heif|tiff|bmp)|audio/[\w.+-]+|video/[\w.+-]+|text/(plain|csv|calendar|vcard|x-vcard)"
    r"|application/(pdf|rtf|json|xml|zip|gzip|msword|octet-stream|vnd\.ms-(excel|powerpoint|outlook)"
    r"|vnd\.openxmlformats-officedocument\.[\w.-]+|vnd\.oasis\.opendocument\.[\w.-]+)|message/rfc822"
)
"""What may come in. None of these runs when it is opened in a browser."""
PROGRAMS = re.compile(
    r"\.(exe|com|bat|cmd|scr|pif|msi|msp|js|jse|vbs|vbe|wsf|wsh|ps1|psm1|jar|apk|app|dmg|pkg|deb|rpm|sh|lnk|reg|hta|cpl"
    r"|dll|sys|iso|img|html?|xhtml|svgz?|mht|mhtml|swf|docm|xlsm|pptm|chm)\Z",
    re.IGNORECASE,
)
"""Names of what a computer would run."""


@dataclass(frozen=True, slots=True)
class Limits:
    """For what comes with one message: bytes of a file, and how many files."""

    size: int = 10_000_000
    count: int = 10


LIMITS = Limits()


def refusal(name: str, media_type: str, size: int, limits: Limits = LIMITS) -> str:
    """Why a file isn't taken; "" if it is: too_large, empty, program or type."""
    if size > limits.size:
        return "too_large"
    if size == 0:
        return "empty"
    if PROGRAMS.search(name.strip().rstrip(".")):
        return "program"
    return "" if TYPES.fullmatch(media_type.partition(";")[0].strip().lower()) else "type"


def store(
    conn: Connection,
    folder: Path,
    data: bytes,
    *,
    name: str,
    media_type: str,
    contact_id: str,
    at: datetime,
    message_id: str | None = None,
) -> str:
    """Write a file below `folder`, under a name of ours, and register it; returns its id. Raises `OSError`."""
    place = folder / contact_id
    place.mkdir(parents=True, exist_ok=True)
    path = place / uuid.uuid4().hex
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return keep(conn, path=path, name=name, media_type=media_type, contact_id=contact_id, at=at, message_id=message_id)


def shown_name(name: str) -> str:
    """A sender's name for a file, fit to be shown: one printable line without folders, 150 characters at most."""
    line = "".join(sign if sign.isprintable() else " " for sign in name.replace("\\", "/").rpartition("/")[2])
    kept = " ".join(line.split())
    if len(kept) > 150:
        kept = kept[:130] + "…" + kept[-19:]
    return kept.lstrip(".") or "file"


def keep(
    conn: Connection,
    *,
    path: Path,
    name: str,
    media_type: str,
    contact_id: str,
    at: datetime,
    message_id: str | None = None,
) -> str:
    """Register a finished file; returns its id. `name` is the sender's, for showing only. Raises `OSError` if the
    file can't be read."""
    file_id = uuid.uuid4().hex
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
    conn.execute(
        sa.insert(files).values(
            id=file_id,
            contact_id=contact_id,
            message_id=message_id,
            name=name,
            media_type=media_type,
            size=size,
            sha256=digest,
            path=str(path),
            created_at=at,
        )
    )
    return file_id


def get(conn: Connection, file_id: str) -> Row[tuple[object, ...]] | None:
    return conn.execute(sa.select(files).where(files.c.id == file_id)).one_or_none()


def of_contact(conn: Connection, contact_id: str) -> Sequence[Row[tuple[object, ...]]]:
    """A contact's files, the oldest first."""
    query = sa.select(files).where(files.c.contact_id == contact_id).order_by(files.c.created_at, files.c.id)
    return conn.execute(query).all()


def of_customer(conn: Connection, customer_id: str, *, limit: int = 100) -> Sequence[Row[tuple[object, ...]]]:
    """The newest files of all of a person's contacts."""
    query = (
        sa.select(files)
        .join(contacts, contacts.c.id == files.c.contact_id)
        .where(contacts.c.customer_id.in_(members(customer_id)))
        .order_by(files.c.created_at.desc(), files.c.id.desc())
        .limit(limit)
    )
    return conn.execute(query).all()
