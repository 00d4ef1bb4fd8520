"""Invitations (iMIP, RFC 6047): what they ask, as far as it decides whether anybody is to answer."""

from __future__ import annotations

import re

METHODS = frozenset({"publish", "request", "reply", "add", "cancel", "refresh", "counter", "declinecounter"})
"""RFC 5546, section 1.4."""
_METHOD = re.compile(r"^METHOD:([A-Za-z]+)\s*$", re.MULTILINE)


def method(parameter: object, text: str) -> str:
    """The method, lower case, from the part's `method` parameter or the calendar itself; "publish" where none is."""
    found = _METHOD.search(text)
    name = str(parameter or (found[1] if found else "")).lower()
    return name if name in METHODS else "publish"
