"""Whatever the bytes are, there is a mail; and what is read has bounds."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.mail import reply
from callcenter.mail.charsets import decode
from callcenter.mail.classify import classify
from callcenter.mail.flowed import unflowed
from callcenter.mail.parse import parse
from callcenter.mail.tnef import unpack
from tests.mail import made

SMALL = [name for name in made.names() if len(made.read(name)) < 20_000]


def nobody(address: str) -> bool:
    return False


@given(st.binary(max_size=2000))
def test_any_bytes(data: bytes) -> None:
    classify(parse(data), nobody)


@settings(max_examples=200)
@given(st.sampled_from(SMALL), st.randoms(use_true_random=False))
def test_any_damage(name: str, chance: random.Random) -> None:
    data = bytearray(made.read(name))
    for _ in range(chance.randrange(1, 20)):
        at, length = chance.randrange(len(data)), chance.randrange(0, 30)
        data[at : at + length] = chance.randbytes(chance.randrange(0, 30))
        if not data:
            break
    classify(parse(bytes(data)), nobody)


@settings(max_examples=300)
@given(st.randoms(use_true_random=False))
def test_any_damage_to_winmail_dat(chance: random.Random) -> None:
    data = bytearray(made.tnef("a.txt", b"text"))
    for _ in range(chance.randrange(1, 6)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    unpack(bytes(data))


@given(st.text(max_size=3000))
def test_the_new_part_is_of_the_text(text: str) -> None:
    said = reply.said(text)
    words = set(text.split())
    assert set(said.new.replace("\u200b", "").split()) <= words | set(text.replace("\u200b", "").split())


@given(st.lists(st.sampled_from(["", "> x", "On 1 May 2026 at 10:00, A wrote:", "From: a", "To: b", "-- ", "x" * 300,
                                 "-----Original Message-----", "word", "\t", "Thanks,"]), max_size=600))  # fmt: skip
def test_the_library_is_shown_little(lines: list[str]) -> None:
    outline = reply._outline([line.rstrip() for line in lines][: reply.LINES])
    shown = [line for _, line in outline]
    assert len(shown) <= reply.LINES
    assert all(len(line) <= reply.WIDTH for line in shown)
    assert not any(one == two == "" for one, two in pairwise(shown))  # blank lines cost the most
    numbers = [number for number, _ in outline]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(
    ("data", "charset", "text", "right"),
    [
        (b"\xe9", "iso-8859-1", "é", True),
        (b"\x80", "iso-8859-1", "€", True),
        ("é".encode(), "us-ascii", "é", True),
        (b"\xe9", "us-ascii", "é", False),
        ("ж".encode("koi8-r"), "KOI8-R", "ж", True),
        (b"caf\xe9", "no-such-charset", "café", False),
        (b"x", "punycode", "x", False),
        (b"78", "hex", "78", False),
        ("한".encode("cp949"), "ks_c_5601-1987", "한", True),
    ],
)
def test_charsets(data: bytes, charset: str, text: str, right: bool) -> None:
    assert decode(data, charset) == (text, right)


def test_flowed_lines_are_joined_in_their_depth() -> None:
    assert unflowed("one \ntwo\n> three \n> four\n-- \nme") == "one two\n> three four\n-- \nme"
    assert unflowed("dele \nted", delete_space=True) == "deleted"
    assert unflowed("a \n> b") == "a\n> b"


def test_a_sentence_is_no_introduction_of_a_quote() -> None:
    for text in (
        "On Monday I wrote: please call.\nNobody called.",
        "El contador es el 4471.\nEl vecino escribió: nada.",
        "From: Berlin we go on.\nThen to Hamburg.",
        "- one\n- two\n- three",
        "Data: is what I need.\nDo: it.",
    ):
        assert reply.said(text).new == text


def test_a_closing_alone_is_what_was_said() -> None:
    assert reply.said("Thanks").new == "Thanks"
    assert reply.said("-- \nme").new == "--\nme"
    assert reply.said("Sent from my iPhone").new == "Sent from my iPhone"


def test_copies_of_a_mail_have_one_digest() -> None:
    one = made.read("gmail_web_en")
    other = b"Received: from mx.example by us; Wed, 18 Nov 2026\r\nDelivered-To: support@example.com\r\n" + one
    assert parse(one).digest == parse(other).digest == parse(one.replace(b"\r\n", b"\n")).digest
    assert parse(one).digest != parse(one.replace(b"tomorrow", b"today")).digest
    assert parse(one).digest != parse(one.replace(b"dana.reyes@gmail", b"mallory@gmail")).digest


HEAD = b"From: Ana <ana@example.org>\r\nTo: help@example.com\r\nSubject: Hello\r\n"
PART = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain%b\r\n\r\nHello\r\n--b--\r\n"


@pytest.mark.parametrize(
    "data",
    [
        HEAD + PART % (b";" * 4_000_000),
        HEAD + PART % (b"\r\nContent-Disposition: attachment" + b"; a*0=x" * 500_000),
        HEAD + b"Cc: " + b'"' * 400_000 + b"\r\n\r\nHello",
        HEAD + (b"Cc: " + b"\\" * 1_900 + b"\r\n") * 200 + b"\r\nHello",
    ],
    ids=["type", "disposition", "quotes", "many"],
)
def test_no_header_takes_hours(data: bytes) -> None:
    """Each of these did: the standard library takes quadratic time, and a mail has megabytes."""
    mail = parse(data)
    assert mail.sender is not None
    assert mail.sender.address == "ana@example.org"
    assert "Hello" in mail.text or mail.attachments


def test_of_very_many_recipients_none_is_lost() -> None:
    sent = b", ".join(b'"Person %d" <person%d@example.org>' % (number, number) for number in range(200))
    mail = parse(b"From: a@example.org\r\nTo: " + sent + b"\r\n\r\nHello")
    assert [one.address for one in mail.recipients] == [f"person{number}@example.org" for number in range(200)]
