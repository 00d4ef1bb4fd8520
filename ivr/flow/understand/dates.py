"""Days and card expiry dates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final

from ivr.flow.understand.digits import digits
from ivr.flow.understand.lexicon import Lexicon, phrases_in
from ivr.flow.understand.numbers import cardinals
from ivr.flow.understand.tokens import is_figure, tokens

MAX_WORDS: Final = 24
_YEARS: Final = range(1900, 2200)


def dates(text: str, today: dt.date, month_first: bool, lexicon: Lexicon) -> list[dt.date]:
    """The days that a text may mean, the likeliest first. Without a year it is the next such day, then the last;
    `month_first` decides what 3/4 is.

    >>> dates("december fourth", dt.date(2026, 11, 22), True, lexicon("en"))
    [datetime.date(2026, 12, 4), datetime.date(2025, 12, 4)]
    """
    words = tokens(text)[:MAX_WORDS]
    readers = (_relative(words, today, lexicon), _weekday(words, today, lexicon), _calendar(words, today, lexicon))
    found = [day for reader in readers for day in reader]
    if not found:
        found = list(_figures(words, today, month_first, lexicon))
    return list(dict.fromkeys(found))


def _shift(today: dt.date, days: int) -> Iterator[dt.date]:
    try:
        yield today + dt.timedelta(days=days)
    except OverflowError:
        return


def _relative(words: Sequence[str], today: dt.date, lexicon: Lexicon) -> Iterator[dt.date]:
    held = phrases_in(words, lexicon.relative_days)
    longest = max(held, key=len, default="")
    rest = [word for word in words if word not in longest.split() and word not in lexicon.noise]
    if longest and not rest:
        yield from _shift(today, lexicon.relative_days[longest])
    for index, word in enumerate(words):
        if word in lexicon.ahead:
            # "dentro de tres días" has a word between.
            for start in (index + 1, index + 2):
                found = cardinals(words, start, lexicon)
                if start < len(words) and words[start] in lexicon.articles:
                    found = [*found, (1, start + 1)]
                for count, end in found:
                    if end == len(words) - 1 and words[end] in lexicon.periods and count < 10_000:
                        yield from _shift(today, count * lexicon.periods[words[end]])


def _weekday(words: Sequence[str], today: dt.date, lexicon: Lexicon) -> Iterator[dt.date]:
    named = [lexicon.weekdays[word] for word in words if word in lexicon.weekdays]
    if len(named) != 1 or any(word in lexicon.months or is_figure(word) for word in words):
        return
    coming = (named[0] - today.weekday()) % 7
    upcoming, following = (held := phrases_in(words, lexicon.next)), phrases_in(words, lexicon.last)
    used = {part for phrase in (*held, *following) for part in phrase.split()}
    if [word for word in words if word not in {*lexicon.weekdays, *lexicon.noise, *used}]:
        return
    if following:
        yield from _shift(today, coming - 7)
    elif upcoming:
        # Next Friday is the one of next week, weeks beginning on Monday; some mean the one that comes first.
        next_week = 7 - today.weekday() + named[0]
        yield from _shift(today, next_week)
        yield from _shift(today, coming or 7)
    else:
        yield from _shift(today, coming)


def _calendar(words: Sequence[str], today: dt.date, lexicon: Lexicon) -> Iterator[dt.date]:
    """A month by its name, with a day before or after it, and perhaps a year."""
    places = [index for index, word in enumerate(words) if word in lexicon.months]
    for place in places:
        if any(other != place and words[other] not in lexicon.number_words for other in places):
            continue
        month = lexicon.months[words[place]]
        before, after = _meant(words[:place], lexicon), _meant(words[place + 1 :], lexicon)
        if before is None or after is None:
            continue
        if before:
            for day, end in _days(before, lexicon):
                if end == len(before):
                    yield from _made(day, month, after, today, lexicon)
        else:
            for day, end in _days(after, lexicon):
                yield from _made(day, month, after[end:], today, lexicon)


def _meant(words: Sequence[str], lexicon: Lexicon) -> list[str] | None:
    """The numbers among some words; `None` if there are words that have no place in a date."""
    keep = lexicon.number_words | {part for phrase in lexicon.ordinals for part in phrase.split()}
    kept = [word for word in words if word in keep or is_figure(word) or word in lexicon.joiners]
    strange = [w for w in words if w not in keep and not is_figure(w) and w not in {*lexicon.noise, *lexicon.weekdays}]
    if [word for word in strange if word not in lexicon.joiners]:
        return None
    while kept and kept[0] in lexicon.joiners:
        kept.pop(0)
    return kept


def _days(words: Sequence[str], lexicon: Lexicon) -> Iterator[tuple[int, int]]:
    for length in (2, 1):
        phrase = " ".join(words[:length])
        if len(words) >= length and phrase in lexicon.ordinals:
            yield lexicon.ordinals[phrase], length
    for value, end in cardinals(words, 0, lexicon):
        if 1 <= value <= 31:
            yield value, end


def _made(day: int, month: int, year: Sequence[str], today: dt.date, lexicon: Lexicon) -> Iterator[dt.date]:
    if year:
        for value in years(year, today, lexicon):
            yield from _day(value, month, day)
        return
    # The next one, then the last one: 29 February is up to eight years away.
    around = [found for value in range(today.year - 8, today.year + 9) for found in _day(value, month, day)]
    yield from ([found for found in around if found >= today][:1])
    yield from ([found for found in around if found < today][-1:])


def _day(year: int, month: int, day: int) -> Iterator[dt.date]:
    try:
        yield dt.date(year, month, day)
    except ValueError:
        return


def years(words: Sequence[str], today: dt.date, lexicon: Lexicon) -> Iterator[int]:
    """The years that words may mean: 2027, twenty twenty-seven, two thousand and twenty-seven, twenty-seven."""
    for value, end in cardinals(words, 0, lexicon):
        if end == len(words) and value in _YEARS:
            yield value
    said = [reading for reading in digits(" ".join(words), lexicon) if len(reading) in (2, 4)]
    for reading in said:
        if len(reading) == 4 and int(reading) in _YEARS:
            yield int(reading)
    for reading in said:
        if len(reading) == 2:
            # Two digits are of this century up to twenty years ahead.
            year = today.year // 100 * 100 + int(reading)
            yield year if year <= today.year + 20 else year - 100


def _figures(words: Sequence[str], today: dt.date, month_first: bool, lexicon: Lexicon) -> Iterator[dt.date]:
    """Numbers alone: a day and a month in the order of the place, and perhaps a year."""
    meant = _meant(words, lexicon) or []
    for first, middle in cardinals(meant, 0, lexicon):
        for second, end in cardinals(meant, middle, lexicon) if middle < len(meant) else ():
            month, day = (first, second) if month_first else (second, first)
            if 1 <= month <= 12 and 1 <= day <= 31:
                yield from _made(day, month, meant[end:], today, lexicon)


def expiries(text: str, today: dt.date, lexicon: Lexicon) -> list[str]:
    """The MMYY that a text may mean, the likeliest first: twelve twenty-nine, december 2029, 04/2029, oh four"""
    words = tokens(text)[:MAX_WORDS]
    found: list[str] = []
    for place, word in enumerate(words):
        if word in lexicon.months:
            rest = _meant(words[place + 1 :], lexicon)
            found += [f"{lexicon.months[word]:02}{year % 100:02}" for year in years(rest or [], today, lexicon)]
    for reading in digits(text, lexicon) if not found else ():
        if len(reading) in (4, 6):
            found.append(reading[:2] + reading[-2:])
        elif len(reading) in (3, 5):
            found.append("0" + reading[0] + reading[-2:])
    return [mmyy for mmyy in dict.fromkeys(found) if 1 <= int(mmyy[:2]) <= 12]
