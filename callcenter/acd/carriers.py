"""Calls that a carrier holds, and the agents whom it can ring. Pure.

Where a carrier can't reach our own telephones (`Config.carried` names the channels), its calls go to agents on a public
one only. For matching that is a skill like another, which no admin's may be called.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

PUBLIC = "@public"
_PUBLIC = re.compile(r"\+\d{6,15}|sips?:[^\s@]+@[^\s@]+")


def public(device: str) -> bool:
    """Whether anybody can call it: a number in E.164 or a SIP address. A browser, or a telephone that is registered
    with us, is ours alone."""
    return _PUBLIC.fullmatch(device) is not None


def required(channel: str, *, absent: bool, carried: frozenset[str]) -> Mapping[str, int]:
    """What a contact's call requires of an agent's telephone; whoever is called back has no call yet."""
    return {PUBLIC: 1} if channel in carried and not absent else {}


def with_telephone(skills: Mapping[str, int], device: str, carried: frozenset[str]) -> Mapping[str, int]:
    """An agent's skills, and what the telephone can do."""
    return {**skills, PUBLIC: 1} if carried and public(device) else skills
