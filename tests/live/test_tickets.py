"""Tickets: what they are for, how long they are valid, and that nobody can change them."""

from __future__ import annotations

import time

import pytest

from callcenter.tickets import BadTicket, Ticket, Tickets

KEY = bytes(range(32))


def test_what_it_says_can_be_read() -> None:
    text = Tickets(KEY).issue("chat", "visitor-1", ["contact:2", "contact:1"], {"net": "ab"})
    assert Tickets(KEY).read(text, "chat", 60) == Ticket(
        "visitor-1", frozenset({"contact:1", "contact:2"}), {"net": "ab"}
    )


def test_it_is_for_one_purpose() -> None:
    with pytest.raises(BadTicket, match="isn't ours"):
        Tickets(KEY).read(Tickets(KEY).issue("chat", "1"), "desk", 60)


def test_another_key_made_it() -> None:
    with pytest.raises(BadTicket, match="isn't ours"):
        Tickets(KEY).read(Tickets(bytes(32)).issue("chat", "1"), "chat", 60)


def test_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    text = Tickets(KEY).issue("chat", "1")
    Tickets(KEY).read(text, "chat", 60)
    now = time.time()
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + 62)
    with pytest.raises(BadTicket, match="is over"):
        Tickets(KEY).read(text, "chat", 60)


@pytest.mark.parametrize("text", ["", ".", "a.b.c", "é", "x" * 5000, "\x00.\x00.\x00"])
def test_junk(text: str) -> None:
    with pytest.raises(BadTicket):
        Tickets(KEY).read(text, "chat", 60)


def test_every_changed_letter_is_seen() -> None:
    text = Tickets(KEY).issue("chat", "visitor-1")
    for at in range(len(text) - 1):  # the last one has bits to spare in base64
        changed = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        with pytest.raises(BadTicket):
            Tickets(KEY).read(changed, "chat", 60)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Tickets(b"short")
