"""What is read out of a mail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Address:
    """`address` is as written, without the display name."""

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """`content_id` is without its angle brackets; `inline` where the sender shows it within the text."""

    name: str
    media_type: str
    data: bytes = field(repr=False)
    content_id: str = ""
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail taken apart. `headers` has lower-case names and decoded values in the mail's order.

    `text` is all of its text (from the HTML where there is no other), `new` what the sender wrote just now and
    `signature` what stood below that; `html` is sanitised, the quoted mail taken out. `reports` are the fields of each
    block of a delivery report (RFC 3464), `returned` the headers of the mail that it is about. `calendar` is the
    iTIP method of an invitation (RFC 5546), lower case. `digest` is the same for each copy of one mail. `oddities` name
    what was broken, as words with underscores.
    """

    message_id: str
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    sender: Address | None
    recipients: tuple[Address, ...]
    subject: str = field(repr=False)
    date: datetime | None
    headers: Mapping[str, tuple[str, ...]] = field(repr=False)
    text: str = field(repr=False)
    new: str = field(repr=False)
    signature: str = field(repr=False)
    html: str = field(repr=False)
    attachments: tuple[Attachment, ...]
    reports: tuple[Mapping[str, str], ...] = ()
    returned: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    calendar: str = ""
    digest: str = ""
    oddities: tuple[str, ...] = ()

    def header(self, name: str) -> str:
        """The first header of that lower-case name; "" if there is none."""
        return next(iter(self.headers.get(name, ())), "")
