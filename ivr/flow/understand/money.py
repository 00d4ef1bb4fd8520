"""Amounts of money, in minor units of a currency."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cache

from babel.core import Locale, UnknownLocaleError
from babel.numbers import get_currency_name

from ivr.flow.understand.digits import digits as digit_strings
from ivr.flow.understand.lexicon import Lexicon
from ivr.flow.understand.numbers import MAX_WORDS, cardinals
from ivr.flow.understand.tokens import digits_of, fold, is_figure, tokens

MAX_MINOR = 10**13
_HALF = "½"


def money(text: str, currency: str, digits: int, lexicon: Lexicon) -> list[int]:
    """The amounts that all of a text may mean, the likeliest first, in minor units. `digits` counts the currency's
    decimals (two for dollars). None for an amount in another currency, or for no amount at all.

    >>> money("eighty-four fifty", "USD", 2, lexicon("en"))
    [8450]
    """
    return list(dict.fromkeys(_Amount(text, currency, digits, lexicon).readings()))


def units(currency: str, lexicon: Lexicon) -> frozenset[str]:
    """The words for a currency's unit: the lexicon's own, else those of the locale's full name of it."""
    return frozenset(word for word, codes in lexicon.units.items() if currency in codes) or _cldr(
        currency, lexicon.code
    )


def cents(currency: str, lexicon: Lexicon) -> frozenset[str]:
    return frozenset(word for word, codes in lexicon.cents.items() if currency in codes)


@cache
def _cldr(currency: str, language: str) -> frozenset[str]:
    try:
        locale = Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return frozenset({currency.casefold()})
    names = (get_currency_name(currency, count=count, locale=locale) for count in (1, 2))
    return frozenset({fold(name).split()[-1] for name in names} | {currency.casefold()})


class _Amount:
    """units-number [unit] [and] [hundredths] [cent], with all but one of them left out at will."""

    def __init__(self, text: str, currency: str, digits: int, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.digits = digits
        self.units, self.cents = units(currency, lexicon), cents(currency, lexicon)
        words = list(tokens(text)[:MAX_WORDS])
        self.words = self.prepared(words)

    def prepared(self, words: list[str]) -> Sequence[str]:
        # $ 84 is said as 84 $; "and a half" becomes one word of its own.
        for index in range(len(words) - 1):
            if not words[index].isalnum() and is_figure(words[index + 1]):
                words[index], words[index + 1] = words[index + 1], words[index]
        line = " ".join(words)
        for phrase in self.lexicon.halves:
            line = re.sub(rf"\b{phrase}\b", _HALF, line)
        outside = self.units | self.cents
        noise = self.lexicon.noise - outside - self.lexicon.articles - self.lexicon.joiners - self.lexicon.point
        kept = [word for word in line.split() if word not in noise or word in self.lexicon.number_words]
        while kept and kept[0] in (self.lexicon.joiners | self.lexicon.articles):
            if kept[0] in self.lexicon.articles and len(kept) > 1 and kept[1] in outside | self.lexicon.number_words:
                break
            kept.pop(0)
        return kept

    def is_(self, at: int, among: frozenset[str]) -> bool:
        return at < len(self.words) and self.words[at] in among

    def readings(self) -> Iterator[int]:
        scale = 10**self.digits
        end = len(self.words)
        yield from self.only_cents()
        for whole, at in self.wholes():
            named = self.is_(at, self.units)
            after = at + named
            if after == end:
                yield whole * scale
            elif self.words[after] == _HALF and self.digits:
                if after + 1 + self.is_(after + 1, self.units) == end:
                    yield whole * scale + scale // 2
            else:
                yield from (whole * scale + part for part in self.rest(after, named))
        yield from self.decimals()
        if all(is_figure(word) or word in self.lexicon.number_words for word in self.words):
            # Said digit by digit, or in groups: one fifty may be 150.
            yield from (
                int(said) * scale for said in digit_strings(" ".join(self.words), self.lexicon) if len(said) < 9
            )

    def wholes(self) -> Iterator[tuple[int, int]]:
        if self.is_(0, self.lexicon.articles) and self.is_(1, self.units):
            yield 1, 1
        found = cardinals(self.words, 0, self.lexicon)
        # An unnamed number with another one behind it: "four fifty" is 4.50 before it is 450 something.
        yield from (item for item in found if item[0] < MAX_MINOR)

    def rest(self, at: int, named: bool) -> Iterator[int]:
        """Hundredths after the whole units."""
        if not self.digits:
            return
        for place in (at, at + 1) if self.is_(at, self.lexicon.joiners) else (at,):
            zero = self.is_(place, self.lexicon.zeros) or (
                self.is_(place, frozenset(self.lexicon.small)) and self.lexicon.small[self.words[place]] == 0
            )
            start = place + zero
            for value, end in cardinals(self.words, start, self.lexicon):
                named_too = self.is_(end, self.cents)
                complete = end + named_too == len(self.words)
                # Without either name, hundredths have two digits: "five three" is no amount.
                fits = value < (10 if zero else 100) and (named or named_too or zero or value >= 10 or place > at)
                if complete and fits and value > 0:
                    yield value
            if zero and start == len(self.words):
                yield 0

    def only_cents(self) -> Iterator[int]:
        if self.is_(0, self.lexicon.articles) and self.is_(1, self.cents) and len(self.words) == 2:
            yield 1
        for value, end in cardinals(self.words, 0, self.lexicon):
            if self.is_(end, self.cents) and end + 1 == len(self.words) and self.digits:
                yield value

    def decimals(self) -> Iterator[int]:
        """84.50 as figures, and "eighty-four point five"."""
        words = [word for word in self.words if word not in self.units]
        if len(words) == 1 and is_figure(words[0]):
            minor = figure(words[0], self.digits)
            if minor is not None:
                yield minor
        for whole, at in cardinals(words, 0, self.lexicon):
            if at < len(words) - 1 and words[at] in self.lexicon.point:
                said = self.said_decimals(words[at + 1 :])
                if said and len(said) <= self.digits:
                    yield whole * 10**self.digits + int(said.ljust(self.digits, "0"))

    def said_decimals(self, words: Sequence[str]) -> str:
        found = digit_strings(" ".join(words), self.lexicon)
        return found[0] if found else ""


def figure(token: str, digits: int) -> int | None:
    """The minor units of a figure: 84.5, 84,50, 1,020.00. The last separator begins the decimals if no more digits
    follow it than the currency has."""
    last = max(token.rfind("."), token.rfind(","))
    if last >= 0 and len(token) - last - 1 <= digits:
        number = f"{digits_of(token[:last])}.{digits_of(token[last + 1 :])}"
    else:
        number = digits_of(token)
    minor = int(Decimal(number) * 10**digits) if len(number) < 16 else MAX_MINOR
    return minor if minor < MAX_MINOR else None
