"""What `callwright doctor` finds out about one matter."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """`well`: True, None for what is optional and missing, False for what has to be mended."""

    what: str
    well: bool | None
    found: str
    fix: str = ""
