"""Lines of CSV files (RFC 4180) that spreadsheets open."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable


def line(cells: Iterable[object]) -> str:
    """One line. Text that a spreadsheet would take for a formula gets an apostrophe
    (https://owasp.org/www-community/attacks/CSV_Injection); numbers stay numbers."""
    out = io.StringIO()
    csv.writer(out).writerow([_safe(cell) if isinstance(cell, str) else cell for cell in cells])
    return out.getvalue()


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
