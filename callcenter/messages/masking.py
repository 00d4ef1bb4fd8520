"""Card numbers that somebody types are taken out of a message before anything is stored.

A card number (ISO/IEC 7812) has 13 to 19 digits, the last of which is Luhn's check digit. Blanks and dashes may stand
between the groups; in HTML, tags too.
"""

from __future__ import annotations

import re

DOT = "•"
LENGTHS = range(13, 20)
_BETWEEN = r"[\s\u00ad\u200b.\-\u2010-\u2015/]{0,3}"
_RUN = re.compile(rf"\d(?:{_BETWEEN}\d){{12,}}")
_BETWEEN_HTML = r"(?:<[^<>]*>|&nbsp;|&shy;|&#\w{1,6};|[\s\u00ad\u200b.\-\u2010-\u2015/])*"
_RUN_HTML = re.compile(rf"\d(?:{_BETWEEN_HTML}\d){{12,}}")
_TAG = re.compile(r"(<[^<>]*>|&#?\w{1,8};)")
_GROUP = re.compile(r"\d+")


def masked(text: str) -> str:
    """The text with dots for the digits of every card number in it."""
    return _RUN.sub(lambda run: _mask(run[0], list(_GROUP.finditer(run[0]))), text)


def masked_html(html: str) -> str:
    """The same for HTML: a number may be spread over tags, attributes are looked at by themselves."""
    html = _RUN_HTML.sub(lambda run: _mask(run[0], _groups_of_html(run[0])), html)
    return _TAG.sub(lambda tag: masked(tag[0]), html)


def _groups_of_html(run: str) -> list[re.Match[str]]:
    """The groups of digits that a reader sees: none of those within tags and entities."""
    found: list[re.Match[str]] = []
    at = 0
    for tag in [*_TAG.finditer(run), None]:
        end = len(run) if tag is None else tag.start()
        found += _GROUP.finditer(run, at, end)
        at = len(run) if tag is None else tag.end()
    return found


def _mask(run: str, groups: list[re.Match[str]]) -> str:
    """Dots for each sequence of whole groups that is a card number: what stands beside it (the expiry date) mustn't
    hide it, nor a longer number that isn't one be broken up."""
    signs = list(run)
    first = 0
    while first < len(groups):
        for last in range(min(len(groups), first + LENGTHS.stop - 1), first, -1):
            digits = "".join(group[0] for group in groups[first:last])
            if len(digits) in LENGTHS and luhn(digits):
                for group in groups[first:last]:
                    signs[group.start() : group.end()] = DOT * len(group[0])
                first = last - 1
                break
        first += 1
    return "".join(signs)


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
