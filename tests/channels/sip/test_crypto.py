"""RFC 4568's `a=crypto` lines: those that are taken, those that are not, and that none is ever an exception."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.channels.sip.crypto import SUITES, Crypto, Keyring, Keys, read

KEY = base64.b64encode(bytes(range(30))).decode()
SHORT = base64.b64encode(bytes(range(28))).decode()
CM = "AES_CM_128_HMAC_SHA1_80"


@pytest.mark.parametrize(
    ("value", "tag", "suite", "size"),
    [
        # RFC 4568 section 6 and 4.1, sections' own examples
        ("1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20", 1, CM, 30),
        (f"1 {CM} inline:{KEY}", 1, CM, 30),
        (f"2 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|2^20", 2, "AES_CM_128_HMAC_SHA1_32", 30),
        (f"999999999 AEAD_AES_128_GCM inline:{SHORT}", 999_999_999, "AEAD_AES_128_GCM", 28),
        (f"1 AEAD_AES_128_GCM inline:{SHORT.rstrip('=')}", 1, "AEAD_AES_128_GCM", 28),
        (f"1 {CM} inline:{KEY}|1048576", 1, CM, 30),
        (f"1 {CM} INLINE:{KEY}|2^48 WSH=64", 1, CM, 30),
        (f"1\t{CM}  inline:{KEY}   -later=1  ", 1, CM, 30),
    ],
)
def test_lines_that_are_taken(value: str, tag: int, suite: str, size: int) -> None:
    line = read(value)
    assert line is not None
    assert (line.tag, line.suite, len(line.key)) == (tag, suite, size)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        f"1 {CM}",
        f"x {CM} inline:{KEY}",
        f"-1 {CM} inline:{KEY}",
        f"1234567890 {CM} inline:{KEY}",
        f"1 AES_192_CM inline:{KEY}",
        f"1 F8_128_HMAC_SHA1_80 inline:{KEY}",
        f"1 AES_256_CM_HMAC_SHA1_80 inline:{KEY}",
        f"1 {CM} uri:{KEY}",
        f"1 {CM} {KEY}",
        f"1 {CM} inline:",
        f"1 {CM} inline:{KEY[:-4]}",
        f"1 {CM} inline:{KEY}AAAA",
        f"1 {CM} inline:{KEY[:-1]}",
        f"1 {CM} inline:{KEY[:-1]}!",
        f"1 {CM} inline:{SHORT}",
        f"1 AEAD_AES_128_GCM inline:{KEY}",
        f"1 {CM} inline:{KEY}|2^49",
        f"1 {CM} inline:{KEY}|0",
        f"1 {CM} inline:{KEY}|many",
        f"1 {CM} inline:{KEY}|{2**48 + 1}",
        f"1 {CM} inline:{KEY}|2^20|1:4",
        f"1 {CM} inline:{KEY}|1:4",
        f"1 {CM} inline:{KEY};inline:{KEY}",
        f"1 {CM} inline:{KEY} KDR=1",
        f"1 {CM} inline:{KEY} UNENCRYPTED_SRTP",
        f"1 {CM} inline:{KEY} UNENCRYPTED_SRTCP",
        f"1 {CM} inline:{KEY} UNAUTHENTICATED_SRTP",
        f"1 {CM} inline:{KEY} WSH=64 FEC_ORDER=SRTP_FEC",
        f"1 {CM} inline:{KEY} something",
    ],
)
def test_lines_that_are_not(value: str) -> None:
    assert read(value) is None


@given(st.one_of(st.text(), st.builds(lambda head, tail: head + tail, st.sampled_from([f"1 {CM} inline:"]), st.text())))
def test_any_text_is_a_line_or_none(value: str) -> None:
    line = read(value)
    assert line is None or len(line.key) == SUITES[line.suite]


def values(lines: list[str]) -> list[str]:
    return [line.removeprefix("a=crypto:") for line in lines]


def test_an_offer_and_its_answer_give_both_sides_the_same_keys() -> None:
    ours, theirs = Keyring(), Keyring()
    offered = values(ours.offer())
    assert [line.split()[1] for line in offered] == list(SUITES)
    chosen = theirs.choose(offered[1:], answered=False)
    assert chosen is not None
    answer = theirs.answer(chosen)
    taken = ours.choose(values([answer]), answered=True)
    assert taken is not None
    assert (taken.tag, taken.suite) == (2, CM)
    we, they = ours.keys(taken), theirs.keys(chosen)
    assert (we.suite, we.ours, we.theirs) == (they.suite, they.theirs, they.ours)
    assert we.ours != we.theirs


def test_an_answer_has_to_be_to_one_of_our_lines() -> None:
    ring = Keyring()
    ring.offer()
    assert ring.choose([f"2 AES_CM_128_HMAC_SHA1_32 inline:{KEY}", f"9 {CM} inline:{KEY}"], answered=True) is None


def test_keys_of_ours_stay_and_differ_by_suite_and_leg() -> None:
    ring = Keyring()
    assert ring.offer() == ring.offer()
    assert len({line.split("inline:")[1] for line in ring.offer() + Keyring().offer()}) == 2 * len(SUITES)


def test_no_representation_shows_a_key() -> None:
    line = read(f"1 {CM} inline:{KEY}")
    assert line is not None
    shown = f"{line!r} {Keys(CM, line.key, line.key)!r} {Keyring()!r} {[line]}"
    assert KEY not in shown
    assert repr(line.key)[2:10] not in shown
    assert str(line) == f"a=crypto:1 {CM} inline:{KEY}"
    assert isinstance(line, Crypto)
