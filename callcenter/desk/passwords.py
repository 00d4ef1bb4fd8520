"""Passwords: argon2id by argon2-cffi, with the second recommended parameters of RFC 9106 (64 MiB, 3 passes)."""

from __future__ import annotations

import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

SHORTEST, LONGEST = 10, 200
STRENGTH = 3
"""Of zxcvbn's 0 to 4: 3 is 'safely unguessable' from a stolen slow hash."""
_READ = 72  # zxcvbn's own limit; what is longer is strong anyway

_hasher = PasswordHasher()
_turns = threading.BoundedSemaphore(4)
"""Each takes 64 MiB: a flood of attempts must not take all memory."""


def hashed(password: str) -> str:
    """The hash with its parameters and salt, as it is stored."""
    with _turns:
        return _hasher.hash(password)


def fits(stored: str | None, password: str) -> bool:
    """Whether it is this password. Without one stored it takes as long and says no: an answer's time tells nobody
    which accounts there are."""
    if len(password) > LONGEST:
        return False
    with _turns:
        try:
            _hasher.verify(stored or _nobodys(), password)
        except (VerificationError, InvalidHashError):
            return False
    return stored is not None


def outdated(stored: str) -> bool:
    """Whether it was hashed with other parameters than are used now."""
    return _hasher.check_needs_rehash(stored)


def weakness(password: str, *words: str) -> str:
    """Why it can't be a password: "short", "long" or "guessable"; "" where it can. `words` are those that an attacker
    would try first: names, the company's."""
    if len(password) < SHORTEST:
        return "short"
    if len(password) > LONGEST:
        return "long"
    found = zxcvbn(password[:_READ], user_inputs=[word for word in words if word])
    return "" if found["score"] >= STRENGTH else "guessable"


@cache
def _nobodys() -> str:
    return _hasher.hash("nobody has this password")
