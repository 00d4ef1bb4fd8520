"""Ids that sort by the time they were made at."""

from __future__ import annotations

import itertools
import secrets
from datetime import datetime

_count = itertools.count()


def new_id(at: datetime) -> str:
    """32 hexadecimal digits: microseconds since 1970, a counter of this process, and chance. Ids that one process
    makes for the same moment sort in the order in which they were made (64 thousand of them)."""
    return f"{int(at.timestamp() * 1_000_000):014x}{next(_count) & 0xFFFF:04x}{secrets.token_hex(7)}"
