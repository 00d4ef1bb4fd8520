"""The table of mails: what is extracted from each, and whom it is from."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from callcenter.mail.addresses import OurAddresses
from callcenter.mail.classify import classify
from callcenter.mail.parse import parse
from tests.mail import made

OURS = OurAddresses.read("support@example.com")
TABLE: dict[str, dict[str, Any]] = made.table()
UNSAFE = ("<script", "<img", "<style", "<form", "<iframe", "<meta", "<link", "<svg", "javascript:", "onerror", "onload",
          "style=", "evil.example", "open.gif")  # fmt: skip
DOCS = Path(__file__).parents[2] / "docs" / "email.md"


def test_every_mail_is_in_the_table() -> None:
    assert sorted(TABLE) == made.names()
    assert len(TABLE) >= 60


@pytest.mark.parametrize("name", TABLE)
def test_mail(name: str) -> None:
    expected = dict(TABLE[name])
    mail = parse(made.read(name))
    verdict = classify(mail, OURS.__contains__)
    found: dict[str, Any] = {
        "group": expected["group"],
        "kind": verdict.kind,
        "why": verdict.why,
        "from": mail.sender.address if mail.sender else None,
        "name": mail.sender.name if mail.sender else "",
        "new": mail.new,
        "new_begins": mail.new[:40],
        "new_length": len(mail.new),
        "signature": mail.signature,
        "files": [each.name for each in mail.attachments],
        "oddities": list(mail.oddities),
        "subject": mail.subject,
        "html": mail.html,
        "calendar": mail.calendar,
    }
    if verdict.bounce:
        bounce = verdict.bounce
        found["bounce"] = {
            "action": bounce.action,
            "recipient": bounce.recipient,
            "status": bounce.status,
            "reason": bounce.reason,
            "ours": bool(bounce.about) and made.OUR_MESSAGE in bounce.about[0],
        }
    expected = {"why": "", "signature": "", "files": [], "oddities": []} | expected
    assert {key: found[key] for key in expected} == expected


def test_what_is_not_safe_is_in_no_html() -> None:
    for name in TABLE:
        html = parse(made.read(name)).html.lower()
        for word in UNSAFE:
            assert word not in html, (name, word)


def test_an_encoded_line_break_makes_no_header() -> None:
    mail = parse(made.read("header_injection"))
    assert "\n" not in mail.subject
    assert mail.sender is not None
    assert mail.sender.name.isprintable()
    assert "bcc" not in mail.headers


def test_the_documentation_has_the_summary() -> None:
    counted = Counter((str(row["group"]), str(row["kind"])) for row in TABLE.values())
    text = DOCS.read_text()
    for group in dict.fromkeys(row["group"] for row in TABLE.values()):
        kinds = {kind: count for (of, kind), count in counted.items() if of == group}
        line = f"| {group} | {sum(kinds.values())} | {', '.join(f'{kind} {kinds[kind]}' for kind in sorted(kinds))} |"
        assert line in text, line
