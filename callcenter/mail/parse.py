"""A mail's bytes taken apart (RFC 5322, MIME: RFC 2045 to 2047). Whatever the bytes are, there is an answer."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from email import policy
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from typing import Any

from callcenter.mail import headers as heads
from callcenter.mail import markup, phrases, reply, tnef
from callcenter.mail.calendar import method
from callcenter.mail.charsets import decode
from callcenter.mail.flowed import unflowed
from callcenter.mail.model import Attachment, Mail

LONGEST_TEXT = 200_000
"""Characters of text that are read; a mail with more is cut."""
MOST_PARTS = 200
UNSHOWN = frozenset(
    {
        "application/pgp-signature",
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
        "message/disposition-notification",
        "message/feedback-report",
    }
)
"""For programs only."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_STUB = re.compile(r"\bhtml\b", re.IGNORECASE)
STUB = 300
"""Characters of a text that only says that the mail is in HTML."""
TNEF = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
EXTENSIONS = {
    "text/plain": ".txt",
    "text/html": ".html",
    "text/calendar": ".ics",
    "text/csv": ".csv",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "application/pdf": ".pdf",
}


MOST_LINES = 2_000_000
MOST_BOUNDARIES = 5_000
MOST_HEADER_BYTES = 500_000
"""Of the whole mail: the standard library makes an object for each part and each header, and has no limit."""
LONGEST_HEADER = 20_000


def parse(data: bytes) -> Mail:
    """Take a mail apart. Never raises: what can't be read is named in `oddities`."""
    return _Parser(data).mail()


class _Bounded(policy.Compat32):
    """Of a mail's headers, and of each part's, `LONGEST_HEADER` characters are read: the standard library takes
    quadratic time for parameters and addresses, hours for a Content-Type of some megabytes of semicolons."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:LONGEST_HEADER]


BOUNDED = _Bounded()


class _Parser:
    def __init__(self, data: bytes) -> None:
        self.oddities: dict[str, None] = {}
        self.data = self._bounded(data)
        self.plain: list[str] = []
        self.html: list[str] = []
        self.attachments: list[Attachment] = []
        self.reports: list[dict[str, str]] = []
        self.returned: dict[str, tuple[str, ...]] = {}
        self.calendar = ""
        self.forwarded = False

    def mail(self) -> Mail:
        # The old policy gives raw headers and never raises on them; the new one does on some that are broken.
        try:
            message: Message[Any, Any] = BytesParser(policy=BOUNDED).parsebytes(self.data)
            self._walk(message)
        except RecursionError:  # thousands of parts within each other
            message = BytesHeaderParser(policy=BOUNDED).parsebytes(self.data)
            self.plain, self.html, self.attachments = [], [], []
            self._odd("nested_too_deep")
        raw = heads.raw(message)
        decoded = {name: tuple(heads.text(value) for value in values) for name, values in raw.items()}
        subject = decoded.get("subject", ("",))[0][:998]
        sender = heads.sender(raw)
        if sender is None:
            self._odd("no_single_sender")
        # Outlook puts nothing but the subject's mark above a mail that is passed on.
        self.forwarded = phrases.FORWARD_SUBJECT.match(subject) is not None and not raw.get("in-reply-to")
        text, html, said = self._body()
        return Mail(
            message_id=next(iter(heads.message_ids(raw.get("message-id", ("",))[0])), ""),
            in_reply_to=tuple(each for value in raw.get("in-reply-to", ()) for each in heads.message_ids(value)),
            references=tuple(each for value in raw.get("references", ()) for each in heads.message_ids(value)),
            sender=sender,
            recipients=heads.addresses((*raw.get("to", ()), *raw.get("cc", ()))),
            subject=subject,
            date=heads.date(raw),
            headers=decoded,
            text=text,
            new=said.new,
            signature=said.signature,
            html=html,
            attachments=tuple(self.attachments),
            reports=tuple(self.reports),
            returned=self.returned,
            calendar=self.calendar,
            digest=self._digest(decoded),
            oddities=tuple(self.oddities),
        )

    def _bounded(self, data: bytes) -> bytes:
        for mark, most in ((b"\n--", MOST_BOUNDARIES), (b"\n", MOST_LINES)):
            if data.count(mark) > most:
                self._odd("mail_cut")
                end = -1
                for _ in range(most):
                    end = data.index(mark, end + 1)
                data = data[: end + 1]
        head = min((at for at in (data.find(b"\n\n"), data.find(b"\r\n\r\n")) if at >= 0), default=len(data))
        if head > MOST_HEADER_BYTES:
            self._odd("mail_cut")
            data = data[:MOST_HEADER_BYTES].rpartition(b"\n")[0] + data[head:]
        return data

    def _odd(self, what: str) -> None:
        self.oddities[what] = None

    # The parts

    def _walk(self, message: Message[Any, Any]) -> None:
        for number, part in enumerate(_leaves(message)):
            if number == MOST_PARTS:
                self._odd("too_many_parts")
                return
            self._part(part)

    def _part(self, part: Message[Any, Any]) -> None:
        kind = part.get_content_type()
        if part.defects:
            self._odd("broken_mime")
        if kind.startswith("multipart/"):
            if not part.is_multipart():  # without parts it is text
                self.plain.append(self._text(part))
            return
        name, disposition = _name(part), part.get_content_disposition() or ""
        if kind == "message/delivery-status":
            self.reports += [_fields(block) for block in _children(part)]
        elif kind in ("message/rfc822", "text/rfc822-headers", "message/rfc822-headers") and self.reports:
            self._returned(part, kind)
        elif kind in UNSHOWN:
            pass
        elif kind in TNEF or name.lower() == "winmail.dat":
            self._tnef(part, name)
        elif kind == "text/calendar":
            self.calendar = self.calendar or method(part.get_param("method"), self._text(part))
            self._attach(part, name or "invitation.ics", kind, disposition)
        elif kind in ("text/plain", "text/html") and disposition != "attachment" and not name:
            (self.plain if kind == "text/plain" else self.html).append(self._text(part))
        else:
            self._attach(part, name, kind, disposition)

    def _text(self, part: Message[Any, Any]) -> str:
        data = _payload(part)
        text, right = decode(data, str(part.get_content_charset() or "us-ascii"))
        if not right and not data.isascii():
            self._odd("charset_guessed")
        text = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
        if part.get_content_type() == "text/plain" and str(part.get_param("format", "")).lower() == "flowed":
            return unflowed(text, delete_space=str(part.get_param("delsp", "")).lower() == "yes")
        return text

    def _attach(self, part: Message[Any, Any], name: str, kind: str, disposition: str) -> None:
        cid = str(part.get("content-id", "")).strip().strip("<>")
        data = _payload(part)
        if not name:
            stem = "message" if kind == "message/rfc822" else "image" if kind.startswith("image/") else "file"
            name = stem + (".eml" if kind == "message/rfc822" else EXTENSIONS.get(kind, ""))
        inline = disposition == "inline" or (bool(cid) and disposition != "attachment")
        self.attachments.append(Attachment(name, kind, data, cid, inline))

    def _returned(self, part: Message[Any, Any], kind: str) -> None:
        if kind == "message/rfc822":
            inner: Message[Any, Any] | None = next(iter(_children(part)), None)
        else:
            inner = BytesHeaderParser(policy=BOUNDED).parsebytes(_payload(part))
        if inner is not None:
            self.returned = heads.raw(inner)

    def _tnef(self, part: Message[Any, Any], name: str) -> None:
        found = tnef.unpack(_payload(part))
        if not found:
            self._odd("tnef_unreadable")
            self._attach(part, name or "winmail.dat", "application/ms-tnef", "attachment")
        self.attachments += found

    # What it says

    def _body(self) -> tuple[str, str, reply.Said]:
        plain = "\n\n".join(text.strip("\n") for text in self.plain if text.strip())
        shown = markup.read("\n".join(self.html)) if any(html.strip() for html in self.html) else None
        if shown is not None and shown.cut:
            self._odd("html_cut")
        if len(plain) > LONGEST_TEXT:
            self._odd("text_cut")
            plain = plain[:LONGEST_TEXT]
        stub = shown is not None and len(plain) < min(STUB, len(shown.text)) and _STUB.search(plain) is not None
        if shown is None or (plain.strip() and not stub):
            return plain, shown.html if shown else "", reply.said(plain, forwarded=self.forwarded)
        # The HTML without the quotes that its own marks told; what they didn't tell the words may.
        return shown.text, shown.html, reply.said(shown.new, forwarded=self.forwarded)

    def _digest(self, decoded: dict[str, tuple[str, ...]]) -> str:
        """Of what each copy of a mail has: not the headers that servers add on the way."""
        _, _, body = self.data.replace(b"\r\n", b"\n").partition(b"\n\n")
        found = hashlib.sha256(body.rstrip())
        for name in ("message-id", "from", "date", "subject"):
            found.update("\0".join((name, *decoded.get(name, ()))).encode("utf-8", "replace") + b"\0")
        return found.hexdigest()


def _leaves(message: Message[Any, Any]) -> Iterator[Message[Any, Any]]:
    """The parts in order, not into mails that are attached."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        yield part
        if part.is_multipart() and not part.get_content_type().startswith("message/"):
            waiting += reversed(_children(part))


def _children(part: Message[Any, Any]) -> list[Message[Any, Any]]:
    payload = part.get_payload()
    return [each for each in payload if isinstance(each, Message)] if isinstance(payload, list) else []


def _payload(part: Message[Any, Any]) -> bytes:
    """The decoded bytes of a part, or the whole of an attached mail."""
    children = _children(part)
    try:
        if children:
            return b"\n".join(child.as_bytes(policy=policy.compat32) for child in children)
        found = part.get_payload(decode=True)
        return found if isinstance(found, bytes) else b""
    # The standard library raises all sorts on broken parts (KeyError, UnicodeError, binascii.Error, ...).
    except Exception:
        raw = part.get_payload()
        return raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else b""


def _name(part: Message[Any, Any]) -> str:
    try:
        return heads.text(heads.clean(part.get_filename() or ""))
    except Exception:  # broken RFC 2231 parameters
        return "file"


def _fields(block: Message[Any, Any]) -> dict[str, str]:
    return {name: heads.text(values[0]) for name, values in heads.raw(block).items()}
