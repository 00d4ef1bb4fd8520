"""Bytes to text, whatever charset they claim to be in."""

from __future__ import annotations

import codecs

ALIASES = {
    "iso-8859-8-i": "iso-8859-8",  # right to left only differs in how it is shown
    "iso-8859-8-e": "iso-8859-8",
    "windows-874": "cp874",
    "x-sjis": "shift_jis",
    "x-gbk": "gbk",
    "gb2312": "gb18030",  # mails that say GB2312 often hold signs of its successors
    "x-windows-949": "cp949",
    "ks_c_5601-1987": "cp949",
    "unicode-1-1-utf-7": "utf-7",
    "iso-8859-1": "cp1252",  # as browsers do: https://encoding.spec.whatwg.org/#names-and-labels
    "latin1": "cp1252",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
}
NOT_FOR_MAILS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
"""Python's codecs that are no charsets; some take quadratic time."""


def decode(data: bytes, charset: str) -> tuple[str, bool]:
    """The text, and whether the charset was known and right. Else it is UTF-8 if it can be, or Windows-1252."""
    name = charset.strip().strip("\"'").lower()
    name = ALIASES.get(name, name)
    try:
        if codecs.lookup(name).name.replace("-", "_") not in NOT_FOR_MAILS:
            return data.decode(name), True
    except (LookupError, ValueError, AssertionError):
        pass
    try:
        return data.decode("utf-8"), False
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), False
