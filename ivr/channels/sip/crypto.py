"""SRTP's keys in SDP (RFC 4568): `a=crypto` lines, read and written, and one leg's own keys.

A key is as secret as the call. It stands in SDP bodies and in `Keys` alone, whose `repr` leaves it out.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

SUITES = {"AEAD_AES_128_GCM": 28, "AES_CM_128_HMAC_SHA1_80": 30, "AES_CM_128_HMAC_SHA1_32": 30}
"""Bytes of master key and salt by suite, in the order in which we offer them (RFC 4568 section 6.2, RFC 7714 section
14). Suites of 256 bits are not among them: many peers lack them, and each line makes our offer longer."""

_MOST_LINES = 16
_LINE = re.compile(r"^([0-9]{1,9})[ \t]+([A-Za-z0-9_]+)[ \t]+(\S+)((?:[ \t]+\S+)*)[ \t]*$")
_INLINE = re.compile(r"^inline:([A-Za-z0-9+/]+={0,2})(?:\|(2\^)?([0-9]{1,20}))?$", re.IGNORECASE)
_LONGEST_LIFE = 1 << 48
"""Packets (RFC 3711 section 9.2)."""


@dataclass(frozen=True, slots=True)
class Crypto:
    """One `a=crypto` line that we can use; `key` is what its writer sends with."""

    tag: int
    suite: str
    key: bytes = field(repr=False)

    def __str__(self) -> str:
        """The SDP line. It holds the key."""
        return f"a=crypto:{self.tag} {self.suite} inline:{base64.b64encode(self.key).decode()}"


@dataclass(frozen=True, slots=True)
class Keys:
    """What both sides settled on: master key and salt that we send with, and that the peer sends with."""

    suite: str
    ours: bytes = field(repr=False)
    theirs: bytes = field(repr=False)


def read(value: str) -> Crypto | None:
    """The value of an `a=crypto` attribute; None where it is malformed or asks for what we don't do.

    That is: other suites; several keys, or one with a master key identifier (MKI), which both change the packets; and
    session parameters that switch off encryption or authentication, or derive keys anew (KDR). WSH, a hint, and
    parameters that begin with "-" may be ignored (sections 6.3 and 6.3.7).
    """
    line = _LINE.match(value)
    if line is None or line[2] not in SUITES:
        return None
    inline = _INLINE.match(line[3])
    if inline is None or not _ignorable(line[4].split()) or not _lives(inline[2], inline[3]):
        return None
    text = inline[1].rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return Crypto(int(line[1]), line[2], key) if len(key) == SUITES[line[2]] else None


def _ignorable(parameters: list[str]) -> bool:
    return all(parameter.startswith("-") or parameter.upper().startswith("WSH=") for parameter in parameters)


def _lives(power: str | None, number: str | None) -> bool:
    """Whether a lifetime is one (section 6.1). It binds the sender: who uses a key up has to bring another."""
    if number is None:
        return True
    if power:
        return int(number) <= 48
    return 0 < int(number) <= _LONGEST_LIFE


class Keyring:
    """One leg's own keys: one for each suite, the same through all offers and answers, so that a re-INVITE that changes
    nothing leaves the counters of both sides as they are (section 7.1.4)."""

    def __init__(self) -> None:
        self._ours: dict[str, bytes] = {}
        self._offered: dict[int, str] = {}

    def offer(self) -> list[str]:
        """Lines for an offer of ours, the best suite first."""
        lines = [self._mine(tag, suite) for tag, suite in enumerate(SUITES, 1)]
        self._offered = {line.tag: line.suite for line in lines}
        return [str(line) for line in lines]

    def answer(self, theirs: Crypto) -> str:
        """The line that takes one of the peer's: its tag and suite, our key (section 7.1.2)."""
        self._offered = {theirs.tag: theirs.suite}
        return str(self._mine(theirs.tag, theirs.suite))

    def keys(self, theirs: Crypto) -> Keys:
        return Keys(theirs.suite, self._mine(theirs.tag, theirs.suite).key, theirs.key)

    def choose(self, values: Iterable[str], *, answered: bool) -> Crypto | None:
        """The first line that will do. In an answer that is one of ours, with its tag (section 7.1.3)."""
        for value in list(values)[:_MOST_LINES]:
            line = read(value)
            if line is not None and (not answered or self._offered.get(line.tag) == line.suite):
                return line
        return None

    def _mine(self, tag: int, suite: str) -> Crypto:
        return Crypto(tag, suite, self._ours.setdefault(suite, secrets.token_bytes(SUITES[suite])))
