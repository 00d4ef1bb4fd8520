"""Mails that go out: the headers that hold a thread together and tell other machines not to answer, the text, its HTML,
the files."""

from __future__ import annotations

from collections.abc import Mapping
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, parseaddr

from callcenter.mail import threads
from callcenter.mail.addresses import OurAddresses, is_address, plus
from callcenter.messages import Outgoing, RefusedError

MOST_BYTES = 20_000_000
"""Of all files together: what most servers take, once it is encoded."""


def compose(
    message: Outgoing, sender: str, ours: OurAddresses | None, *, plus_address: bool = True, unsubscribe: str = ""
) -> EmailMessage:
    """The mail, ready to be sent. `sender` is as in MAIL_FROM; `ours` are the addresses that mails come in at, None if
    none do; `unsubscribe` is the https link that stops such mails, "" if there is none. Raises RefusedError for what
    can't stand in a mail, or a file that is gone."""
    name, address = parseaddr(sender)
    # The customer is answered from the address that they wrote to, if it is of the same domain.
    if message.sender and _domain(message.sender) == _domain(address) and is_address(message.sender):
        address = message.sender
    if not is_address(message.to):
        raise RefusedError("not one mail address")
    mail = EmailMessage()
    try:
        mail["From"] = Address(display_name=name, addr_spec=address)
        mail["To"] = Address(addr_spec=message.to)
        mail["Subject"] = message.subject
        mail["Date"] = formatdate()
        # The same each time it is tried: a second copy is recognised, and so is an answer.
        mail["Message-ID"] = f"<{message.id}@{_domain(address) or 'localhost'}>"
        for header, value in threads.of_answer(message.meta.get("reply_to") or {}).items():
            mail[header] = value
        if ours is not None and plus_address and address in ours:
            mail["Reply-To"] = Address(display_name=name, addr_spec=plus(address, message.id))
        for header, value in _manners(message, address, unsubscribe).items():
            mail[header] = value
        mail.set_content(message.body)
        if message.html:
            mail.add_alternative(message.html, subtype="html")
        _attach(mail, message)
    except (ValueError, MessageError, IndexError):
        raise RefusedError("the address or subject can't stand in a mail") from None
    return mail


def _manners(message: Outgoing, address: str, unsubscribe: str) -> Mapping[str, str]:
    """What keeps machines from answering machines (RFC 3834, section 5), and lets people stop what comes unasked (RFC
    2369, one click: RFC 8058)."""
    found: dict[str, str] = {}
    if not message.author.startswith("agent:"):
        found["Auto-Submitted"] = "auto-replied" if message.meta.get("reply_to") else "auto-generated"
        found["X-Auto-Response-Suppress"] = "OOF, AutoReply"  # Exchange's
    if message.meta.get("unsubscribe") and unsubscribe:
        found["List-Unsubscribe"] = f"<{unsubscribe}>, <mailto:{address}?subject=unsubscribe>"
        found["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    elif message.meta.get("unsubscribe"):
        found["List-Unsubscribe"] = f"<mailto:{address}?subject=unsubscribe>"
    return found


def _attach(mail: EmailMessage, message: Outgoing) -> None:
    size = 0
    for file in message.files:
        try:
            data = file.path.read_bytes()
        except OSError:
            raise RefusedError("a file that belongs to it is gone") from None
        size += len(data)
        if size > MOST_BYTES:
            raise RefusedError("its files are too large for a mail")
        main, _, sub = file.media_type.partition("/")
        if main == "message" or not sub:  # a mail as a file would be parsed by whoever gets it
            main, sub = "application", "octet-stream"
        mail.add_attachment(data, maintype=main, subtype=sub, filename=file.name)


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def our_addresses(mail_addresses: str, mail_from: str) -> OurAddresses:
    """Those of MAIL_ADDRESSES, else MAIL_FROM's, else support@localhost. Raises ValueError."""
    return OurAddresses.read(mail_addresses or parseaddr(mail_from)[1] or "support@localhost")
