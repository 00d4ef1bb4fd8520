"""The new part of a mail: without the mail that it answers, and without the signature.

mail-parser-reply knows the words that mail programs put above a quote in a dozen languages. Some of its patterns take
quadratic time and more, so it is only shown an outline (short lines, not too many), and told in its own terms what it
doesn't recognise; where it finds the quote to begin, the text is cut.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mailparser_reply import EmailReplyParser

from callcenter.mail.phrases import (
    ATTRIBUTION,
    BARE_ATTRIBUTION,
    CLOSING,
    DEVICE,
    FORWARDED,
    HEADER_WORDS,
    ORIGINAL,
    RULE,
)

LANGUAGES = ["en", "de", "es", "fr", "it", "nl", "da", "sv", "cs", "ja", "ko", "zh"]
"""Not "pl": a single line that begins with "Do:" or "Data:" would be a header to it, as Spanish lines may."""
LINES = 300
"""That are searched for the beginning of a quote."""
WIDTH = 90
WROTE = "On a day somebody wrote:"
"""What stands in the outline for every line that introduces a quote."""

_PARSER = EmailReplyParser(languages=LANGUAGES)
DELIMITERS = ("--", "—")
SIGNATURE_LINES = 8
"""More than so many lines, or long ones, below a closing are no signature."""


@dataclass(frozen=True, slots=True)
class Said:
    """`new` is what was written now; `signature` what stood below it: its own words, a name, a device's line."""

    new: str = field(repr=False)
    signature: str = field(repr=False)


def said(text: str, *, forwarded: bool = False) -> Said:
    """What is new in a mail's text. `forwarded` keeps the mail below: it is what the writer wants to show."""
    text = re.sub(r"\n(?:[^\S\n]*\n){2,}", "\n\n", text.replace("\u200b", ""))
    lines = [re.sub(r"[\xa0\u202f\u2007]", " ", line).rstrip() for line in text.split("\n")]
    forwarded = forwarded or any(FORWARDED.fullmatch(line) for line in lines[:LINES])
    if forwarded:
        return Said("\n".join(lines).strip(), "")
    above = _without_rules(lines[: _quote_begins(lines)])
    if not any(line.strip() and not line.startswith(">") for line in above):
        above = _unquoted(lines)  # the answer stands below the quote, or between its lines
    else:
        above = [line for line in above if not line.startswith(">")]
    new, signature = _split_signature(above)
    return Said(re.sub(r"\n{3,}", "\n\n", "\n".join(new)).strip(), "\n".join(signature).strip())


def _quote_begins(lines: list[str]) -> int:
    """The number of the line that a quote begins with; that of all lines if none does."""
    outline = _outline(lines[:LINES])
    first = next((place for place, (_, line) in enumerate(outline) if line), None)
    if first is None:
        return len(lines)
    found = _PARSER.read("\n".join(line for _, line in outline)).replies
    if not found or found[0].headers:  # it begins with the quote
        return outline[first][0]
    if len(found) == 1:
        return len(lines)
    # The library strips what it gives: its first line is our first one that isn't blank.
    return outline[first + str(found[0].content).count("\n") + 1][0]


def _outline(lines: list[str]) -> list[tuple[int, str]]:
    """What the library is shown, with the numbers of the lines: some of its patterns take minutes for a hundred blank
    lines, others for long ones."""
    out: list[tuple[int, str]] = []
    number = 0
    while number < len(lines):
        line = lines[number].strip()
        taken = _attribution(lines, number)
        if taken:
            out += [(number, WROTE), *((number + more, "-") for more in range(1, taken))]
            number += taken
            continue
        for pattern, english in HEADER_WORDS.items():
            line = pattern.sub(english, line)
        if ORIGINAL.fullmatch(line):
            line = WROTE
        shown = line[:WIDTH] if line.strip(">") else ""
        if shown or (out and out[-1][1]):
            out.append((number, shown))
        number += 1
    return out


def _attribution(lines: list[str], number: int) -> int:
    """The introduction of a quote that begins on this line, and how many lines it has (0: none does)."""
    first = lines[number].strip()
    if not first or first.startswith(">"):
        return 0
    joined = ""
    for count, line in enumerate(lines[number : number + 4], 1):
        if count > 1 and (not line.strip() or line.startswith(">")):
            break
        joined = f"{joined} {line.strip()}".strip()[:600]
        if ATTRIBUTION.fullmatch(joined) or BARE_ATTRIBUTION.fullmatch(joined):
            return count
    return 0


def _without_rules(lines: list[str]) -> list[str]:
    """Without the line of dashes that stands above some quotes."""
    while lines and (not lines[-1].strip() or RULE.fullmatch(lines[-1].strip())):
        lines = lines[:-1]
    return lines


def _unquoted(lines: list[str]) -> list[str]:
    out: list[str] = []
    number = 0
    while number < len(lines):
        taken = _attribution(lines, number)
        if not taken and not lines[number].startswith(">") and not ORIGINAL.fullmatch(lines[number].strip()):
            out.append(lines[number])
        number += taken or 1
    # Without one quoted line it isn't an answer between quotes: all of it is the old mail.
    return out if any(line.startswith(">") for line in lines) else []


def _split_signature(lines: list[str]) -> tuple[list[str], list[str]]:
    """The text and its signature: below "-- " (RFC 3676, 4.3), a device's line, or a closing with a name. Looked for in
    the last lines only."""
    written = [number for number, line in enumerate(lines) if line.strip()]
    last = written[-SIGNATURE_LINES - 1 :]
    begins = len(lines)
    for place in range(len(last) - 1, -1, -1):
        line = lines[last[place]].strip()
        closing = CLOSING.fullmatch(line) and all(len(lines[number]) <= 80 for number in last[place + 1 :])
        if line in DELIMITERS or DEVICE.fullmatch(line) or closing:
            begins = last[place]
    if written and begins == written[0]:  # all of it: then it is what was meant
        return lines, []
    return lines[:begins], lines[begins:]
