"""Mails that go out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from callcenter.mail.addresses import OurAddresses, plain, plus, token
from callcenter.mail.compose import compose
from callcenter.messages import NotConfiguredError, Outgoing, OutgoingFile, RefusedError, open_sender
from ivr.settings import Settings

ID = "0006441b2c3d4e0001a1b2c3d4e5f607"
OURS = OurAddresses.read("support@example.com")
FROM = "Acme Utilities <support@example.com>"


def outgoing(**changes: Any) -> Outgoing:
    return Outgoing(**({"id": ID, "to": "dana@gmail.example", "subject": "Your bill", "body": "42.10 USD"} | changes))


def test_a_notice_is_marked_as_automatic() -> None:
    mail = compose(outgoing(), FROM, OURS)
    assert mail["Message-ID"] == f"<{ID}@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["In-Reply-To"] is None
    assert mail["List-Unsubscribe"] is None
    assert mail["Reply-To"].addresses[0].addr_spec == f"support+{ID}@example.com"


def test_what_a_person_writes_is_not() -> None:
    mail = compose(outgoing(author="agent:7", meta={"reply_to": {"message_id": "a@b.example"}}), FROM, OURS)
    assert mail["Auto-Submitted"] is None
    assert mail["X-Auto-Response-Suppress"] is None
    assert mail["In-Reply-To"] == "<a@b.example>"


def test_a_thread_keeps_its_first_and_its_last_references() -> None:
    many = [f"{number}@b.example" for number in range(100)]
    mail = compose(outgoing(meta={"reply_to": {"message_id": "last@b.example", "references": many}}), FROM, OURS)
    found = mail["References"].split()
    assert len(found) == 20
    assert (found[0], found[-2], found[-1]) == ("<0@b.example>", "<99@b.example>", "<last@b.example>")
    assert all(len(line) < 998 for line in mail.as_bytes().splitlines())


@pytest.mark.parametrize("bad", ["a@b>\r\nBcc: x@y.example", "a b@c", "<a@b", "ä@b.example", "x" * 300, 7, None])
def test_a_message_id_of_a_customer_puts_nothing_into_our_headers(bad: Any) -> None:
    mail = compose(outgoing(meta={"reply_to": {"message_id": bad, "references": [bad]}}), FROM, OURS)
    assert mail["In-Reply-To"] is None
    assert mail["Bcc"] is None


def test_the_customer_is_answered_from_the_address_that_they_wrote_to() -> None:
    both = OurAddresses.read("support@example.com,billing@example.com")
    mail = compose(outgoing(sender="billing@example.com"), FROM, both)
    assert mail["From"] == "Acme Utilities <billing@example.com>"
    assert mail["Reply-To"].addresses[0].addr_spec == f"billing+{ID}@example.com"
    elsewhere = compose(outgoing(sender="billing@elsewhere.example"), FROM, both)
    assert elsewhere["From"] == FROM


def test_no_plus_address_where_none_arrives() -> None:
    assert compose(outgoing(), FROM, None)["Reply-To"] is None
    assert compose(outgoing(), FROM, OURS, plus_address=False)["Reply-To"] is None
    assert compose(outgoing(), FROM, OurAddresses.read("other@example.com"))["Reply-To"] is None


def test_html_and_files(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    path.write_bytes(b"%PDF-1.4")
    files = (OutgoingFile("Rechnung März.pdf", "application/pdf", path), OutgoingFile("m.eml", "message/rfc822", path))
    mail = compose(outgoing(html="<p>42.10 USD</p>", files=files), FROM, OURS)
    assert mail.get_body(("plain",)).get_content() == "42.10 USD\n"  # type: ignore[union-attr]
    assert mail.get_body(("html",)).get_content() == "<p>42.10 USD</p>\n"  # type: ignore[union-attr]
    found = [(part.get_filename(), part.get_content_type(), part.get_content()) for part in mail.iter_attachments()]
    assert found == [
        ("Rechnung März.pdf", "application/pdf", b"%PDF-1.4"),
        ("m.eml", "application/octet-stream", b"%PDF-1.4"),
    ]


def test_a_file_that_is_gone_or_too_large_parks_the_mail(tmp_path: Path) -> None:
    gone = (OutgoingFile("a.pdf", "application/pdf", tmp_path / "gone"),)
    with pytest.raises(RefusedError, match="gone"):
        compose(outgoing(files=gone), FROM, OURS)
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(20_000_001)
    with pytest.raises(RefusedError, match="too large"):
        compose(outgoing(files=(OutgoingFile("a.pdf", "application/pdf", path),)), FROM, OURS)


def test_unsubscribing() -> None:
    by_mail = compose(outgoing(meta={"unsubscribe": True}), FROM, OURS)
    assert by_mail["List-Unsubscribe"] == "<mailto:support@example.com?subject=unsubscribe>"
    assert by_mail["List-Unsubscribe-Post"] is None
    by_click = compose(outgoing(meta={"unsubscribe": True}), FROM, OURS, unsubscribe="https://example.com/u/1")
    assert by_click["List-Unsubscribe"].startswith("<https://example.com/u/1>, <mailto:")
    assert by_click["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    answer = compose(outgoing(), FROM, OURS, unsubscribe="https://example.com/u/1")
    assert answer["List-Unsubscribe"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"to": "a@b.example, c@d.example"},
        {"to": "nobody"},
        {"to": ""},
        {"subject": "Hi\r\nBcc: x@y.example"},
        {"to": "a@b.example\nBcc: x@y.example"},
    ],
)
def test_what_cannot_stand_in_a_mail_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(RefusedError):
        compose(outgoing(**changes), FROM, OURS)


def test_plus_addresses() -> None:
    assert plus("support@example.com", ID) == f"support+{ID}@example.com"
    assert plus("support+old@example.com", ID) == f"support+{ID}@example.com"
    long = "a-very-long-department-name-indeed@example.com"
    assert plus(long, ID) == long
    assert token(f"Support+{ID.upper()}@example.com") == ID
    assert token("support+anything@example.com") == ""
    assert plain("support+a+b@example.com") == "support@example.com"


def test_settings_that_are_wrong_are_told() -> None:
    with pytest.raises(NotConfiguredError, match="MAIL_ADDRESSES"):
        open_sender("email", Settings.defaults(smtp_url="smtp://x", mail_from=FROM, mail_addresses="nonsense"))
