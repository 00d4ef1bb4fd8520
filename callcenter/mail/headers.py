"""Headers as people and programs write them: decoded whatever they hold, and never an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import decode_header
from email.headerregistry import Address as ParsedAddress
from email.headerregistry import HeaderRegistry
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any

from callcenter.mail.charsets import decode
from callcenter.mail.model import Address

LONGEST = 10_000
"""Characters of one header that are read."""
MOST = 1000
"""Headers that are read."""
NAME = 200
"""Characters of a display name."""
_REGISTRY = HeaderRegistry()
_MESSAGE_ID = re.compile(r"<([^<>\s]{1,500})>")
_PLAIN_ADDRESS = re.compile(r"[^\s<>()\[\],;:\\\"@]{1,64}@[^\s<>()\[\],;:\\\"@]{1,255}")
_NAMED = re.compile(r"\"?([^\"<>]*)\"?\s*<([^<>\s]+@[^<>\s]+)>")
READ_STRICTLY = 4_000
"""Characters of addresses in a mail that the standard library's parser gets, which takes seconds for some thousand
quotes; of what is longer, what looks like an address is one."""


def raw(message: Message[Any, Any]) -> dict[str, tuple[str, ...]]:
    """All headers as they stand: lower-case name to the values, unfolded, bytes beyond ASCII guessed."""
    found: dict[str, tuple[str, ...]] = {}
    for name, value in list(message.raw_items())[:MOST]:
        key = name.lower()
        found[key] = (*found.get(key, ()), _line(clean(str(value)[:LONGEST])))
    return found


def text(value: str) -> str:
    """One value for people: encoded words decoded (RFC 2047), on one line. A line break that was hidden in an encoded
    word becomes a blank: it can't make a header of ours (RFC 5322, 2.2)."""
    try:
        pieces = decode_header(value)
    except (MessageError, ValueError, LookupError):
        pieces = [(value, None)]
    return _line("".join(piece if isinstance(piece, str) else _piece(piece, charset) for piece, charset in pieces))


def _piece(piece: bytes, charset: str | None) -> str:
    if charset is not None:
        return decode(piece, charset)[0]
    try:
        return piece.decode("raw-unicode-escape")  # as decode_header made them
    except UnicodeDecodeError:
        return piece.decode("latin-1")


def clean(value: str) -> str:
    """Bytes beyond ASCII guessed, which the parser keeps as surrogates (RFC 6532 allows UTF-8)."""
    return value if value.isascii() else decode(value.encode("utf-8", "surrogateescape"), "utf-8")[0]


def _line(value: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in value).split())


def message_ids(value: str) -> tuple[str, ...]:
    """The ids within angle brackets, which are left out."""
    return tuple(_MESSAGE_ID.findall(value))


def addresses(values: tuple[str, ...]) -> tuple[Address, ...]:
    """The mailboxes of address headers as they stand: a name is decoded once the address has been told from it, so that
    it can't make one. What can't be read as any is passed over."""
    found: list[Address] = []
    left = READ_STRICTLY
    for value in values:
        left -= len(value)
        found += _mailboxes(value) if left >= 0 else [Address(each) for each in _PLAIN_ADDRESS.findall(value)]
    return tuple(found)


def _mailboxes(value: str) -> list[Address]:
    try:
        parsed: tuple[ParsedAddress, ...] = getattr(_REGISTRY("to", value), "addresses", ())
        found = [Address(each.addr_spec, each.display_name[:NAME]) for each in parsed if each.username and each.domain]
    # The standard library's parser raises all sorts for what isn't an address, beyond what it documents.
    except Exception:
        found = []
    if found and all(_PLAIN_ADDRESS.fullmatch(each.address) or each.address.startswith('"') for each in found):
        return found
    named = _NAMED.fullmatch(value.strip())
    if named:
        return [Address(named[2], text(named[1].strip())[:NAME])]
    return [Address(each) for each in _PLAIN_ADDRESS.findall(value)]


def sender(headers: Mapping[str, tuple[str, ...]]) -> Address | None:
    """The one whom the mail is from: `From` must hold one mailbox once (RFC 5322, 3.6), else it is nobody's."""
    values = headers.get("from", ())
    found = addresses(values)
    return found[0] if len(values) == 1 and len(found) == 1 else None


def date(headers: Mapping[str, tuple[str, ...]]) -> datetime | None:
    """The `Date`, aware; None where there is none that can be read."""
    try:
        found = parsedate_to_datetime(next(iter(headers.get("date", ())), ""))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
