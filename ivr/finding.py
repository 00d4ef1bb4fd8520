"""What `callwright doctor` finds out about one matter."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Finding:
    """`well`: True, None for what is optional and missing, False for what has to be mended."""

    what: str
    well: bool | None
    found: str
    fix: str = ""


def readable_by_others(path: Path) -> int:
    """The bits of a file's or folder's mode that let every user of the machine in; 0 where they are none's or can't be
    told."""
    try:
        return path.stat().st_mode & stat.S_IRWXO
    except OSError:
        return 0
