"""The common part of SSML 1.1 (https://www.w3.org/TR/speech-synthesis11/) in prompt texts: `<break>`, `<say-as>`,
`<emphasis>` and `<prosody rate>`, read into parts. Everything else is a mistake that says what to write.

A text is read once, when its template is parsed, so that every voice, Twilio and text channels get the same parts:
`break` is a part of its own, `say-as` a kind of value, the others set a part's rate and emphasis. Nothing that a
caller's values bring is ever read as a tag.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, cast

from ivr.flow.problems import nearest
from ivr.prompts import values
from ivr.prompts.parts import Emphasis, Kind, Part

MAX_BREAK: Final = 10.0
"""Seconds of one silence: what vendors allow too."""
RATES: Final = {"x-slow": 60, "slow": 80, "medium": 100, "default": 100, "fast": 125, "x-fast": 150}
"""Percent. SSML (3.2.4) leaves the labels' speeds to the engine."""
LEAST_RATE, MOST_RATE = 50, 200
BREAKS: Final = {"none": 0.0, "x-weak": 0.1, "weak": 0.25, "medium": 0.4, "strong": 0.7, "x-strong": 1.2}
"""Seconds by strength (3.2.3), which SSML leaves to the engine too."""
LEVELS: Final = ("strong", "moderate", "reduced", "none")
KINDS: Final[Mapping[str, Kind]] = {
    "digits": "digits",
    "characters": "characters",
    "spell-out": "characters",
    "cardinal": "number",
    "number": "number",
    "ordinal": "ordinal",
    "date": "date",
    "time": "time",
    "telephone": "phone",
    "currency": "money",
}
"""`interpret-as` of <say-as> as vendors have it, and the kind that it is here."""
TAGS: Final = ("break", "say-as", "emphasis", "prosody")

_TAG = re.compile(r"<(?P<end>/?)(?P<name>[A-Za-z][\w:-]*)(?P<attributes>[^<>]*?)(?P<empty>/?)>\Z")
_ATTRIBUTE = re.compile(r"""\s+([A-Za-z][\w:-]*)\s*=\s*("[^"]*"|'[^']*')""")
_SECONDS = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)(ms|s)\Z")
_PERCENT = re.compile(r"([+-]?)([0-9]{1,3})%\Z")
_MONEY = re.compile(
    r"(?:(?P<before>[A-Z]{3})\s*(?P<a>[0-9]+(?:\.[0-9]+)?)|(?P<b>[0-9]+(?:\.[0-9]+)?)\s*(?P<after>[A-Z]{3}))\Z"
)
_CLOCK = re.compile(r"([0-9]{1,2})(?::([0-9]{2}))?(?::[0-9]{2})?\s*([ap])\.?m\.?\Z", re.IGNORECASE)
_FORMATS: Final = {"ymd": "%Y-%m-%d", "mdy": "%m-%d-%Y", "dmy": "%d-%m-%Y"}


class SsmlError(ValueError):
    """Markup that can't be spoken; its text tells what is wrong and what to write. `at` counts from the tag's start."""

    def __init__(self, what: str, at: int = 0) -> None:
        super().__init__(what)
        self.at = at


@dataclass(frozen=True, slots=True)
class Style:
    """How what stands here is said; `kind` within a <say-as>, `form` its format."""

    rate: int = 100
    emphasis: Emphasis = ""
    kind: Kind | None = None
    form: str = ""

    def part(self, text: str) -> Part:
        """Literal words, or the literal value of a <say-as>. Raises `SsmlError` for a value that it can't be."""
        if self.kind is None:
            return Part("text", text, "", self.rate, self.emphasis)
        value, currency = _literal(self.kind, text.strip(), self.form)
        return Part(self.kind, value, currency, self.rate, self.emphasis)


class Markup:
    """The tags of one text, in order. `style` is what counts for the text after the last of them."""

    def __init__(self) -> None:
        self.style = Style()
        self._open: list[tuple[str, int, Style]] = []

    def tag(self, source: str, offset: int) -> Part | None:
        """Take a tag, "<...>", that stands at `offset`; gives a break. Raises `SsmlError`."""
        found = _TAG.match(source)
        if not found:
            raise SsmlError("a tag that is not closed, or holds what no tag can; for the sign itself write &lt;")
        name, ends, empty = found["name"], bool(found["end"]), bool(found["empty"])
        if name not in TAGS:
            raise SsmlError(_unknown(name))
        attributes = _attributes(name, "" if ends else found["attributes"], found.start("attributes"))
        if ends:
            self._close(name)
            return None
        if name == "break":
            if not empty:
                raise SsmlError('<break> stands alone: write it as <break time="500ms"/>')
            return self._break(attributes)
        style = _STYLES[name](self.style, attributes)
        if not empty:
            self._open.append((name, offset, self.style))
            self.style = style
        return None

    def end(self) -> tuple[SsmlError, int] | None:
        """A mistake that shows only at the end of the text, and the offset of its tag."""
        if not self._open:
            return None
        name, offset, _ = self._open[-1]
        return SsmlError(f"<{name}> is not closed; write </{name}> where it ends"), offset

    def _close(self, name: str) -> None:
        if not self._open:
            raise SsmlError(f"</{name}> closes nothing; remove it, or write <{name}> where it begins")
        opened, _, before = self._open.pop()
        if opened != name:
            raise SsmlError(f"</{name}> stands where </{opened}> has to be")
        self.style = before

    def _break(self, attributes: dict[str, str]) -> Part | None:
        if self.style.kind is not None:
            raise SsmlError("<break> can't stand in <say-as>")
        strength, time = attributes.pop("strength", "medium"), attributes.pop("time", "")
        _nothing_else("break", attributes, "time and strength")
        if strength not in BREAKS:
            raise SsmlError(f"'{strength}' is not a strength of <break>; {nearest(strength, BREAKS)}")
        seconds = BREAKS[strength]
        if time:
            found = _SECONDS.match(time)
            if not found:
                raise SsmlError(f"'{time}' is not a time of <break>; write it as 500ms or 1.5s")
            seconds = float(found[1]) / (1000 if found[2] == "ms" else 1)
        if seconds > MAX_BREAK:
            raise SsmlError(f"a <break> may last {MAX_BREAK:g} seconds")
        return Part("break", seconds) if seconds else None


def entities(text: str) -> str:
    """XML's five named characters as themselves; any other & stands for itself."""
    return re.sub(r"&(lt|gt|amp|quot|apos);", lambda found: _NAMED[found[1]], text) if "&" in text else text


_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}


def _attributes(name: str, source: str, start: int) -> dict[str, str]:
    found: dict[str, str] = {}
    place = 0
    while place < len(source.rstrip()):
        one = _ATTRIBUTE.match(source, place)
        if not one:
            at = start + place + len(source[place:]) - len(source[place:].lstrip())
            raise SsmlError(f'what stands in <{name}> can\'t be read; write name="value"', at)
        if one[1] in found:
            raise SsmlError(f"<{name}> has {one[1]} twice", start + place + 1)
        found[one[1]] = entities(one[2][1:-1]).strip()
        if "{" in found[one[1]]:
            raise SsmlError(f"a value can't be filled in within <{name}>: write it out", start + place + 1)
        place = one.end()
    return found


def _unknown(name: str) -> str:
    if name == "speak":
        return "leave <speak> out: a prompt is what would stand in it"
    if name in ("p", "s"):
        return f"<{name}> is not needed: end a sentence with a full stop, or write <break/>"
    known = nearest(name, TAGS) if nearest(name, TAGS).startswith("did") else "there are: <" + ">, <".join(TAGS) + ">"
    return f"<{name}> can't be spoken; {known}; for the sign itself write &lt;"


def _nothing_else(name: str, attributes: Mapping[str, str], known: str) -> None:
    for other in attributes:
        raise SsmlError(f"<{name}> has no '{other}' here; it takes {known}")


def _say_as(style: Style, attributes: dict[str, str]) -> Style:
    if style.kind is not None:
        raise SsmlError("a <say-as> can't stand in another one")
    kind, form = attributes.pop("interpret-as", ""), attributes.pop("format", "")
    _nothing_else("say-as", attributes, "interpret-as and, for dates and times, format")
    if kind not in KINDS:
        raise SsmlError(f'<say-as interpret-as="{kind}"> can\'t be spoken; {nearest(kind, KINDS)}')
    formats = {"date": tuple(_FORMATS), "time": ("hms12", "hms24")}.get(kind, ())
    if form and form not in formats:
        what = f"it takes {', '.join(formats)}" if formats else "it takes none"
        raise SsmlError(f"'{form}' is not a format of {kind} here; {what}")
    return replace(style, kind=KINDS[kind], form=form)


def _emphasis(style: Style, attributes: dict[str, str]) -> Style:
    level = attributes.pop("level", "moderate")
    _nothing_else("emphasis", attributes, "level")
    if level not in LEVELS:
        raise SsmlError(f"'{level}' is not a level of <emphasis>; {nearest(level, LEVELS)}")
    return replace(style, emphasis=cast(Emphasis, "" if level == "none" else level))


def _prosody(style: Style, attributes: dict[str, str]) -> Style:
    rate = attributes.pop("rate", "")
    _nothing_else("prosody", attributes, "rate alone")
    if not rate:
        raise SsmlError('<prosody> needs a rate, such as rate="slow" or rate="80%"')
    percent = RATES.get(rate)
    if percent is None:
        found = _PERCENT.match(rate)
        if not found:
            raise SsmlError(f"'{rate}' is not a rate of <prosody>; write 80%, or one of: {', '.join(RATES)}")
        percent = int(found[2]) if not found[1] else 100 + int(found[1] + found[2])
    percent = round(style.rate * percent / 100)
    if not LEAST_RATE <= percent <= MOST_RATE:
        raise SsmlError(f"a rate may be from {LEAST_RATE}% to {MOST_RATE}%; this makes {percent}%")
    return replace(style, rate=percent)


_STYLES: Mapping[str, Callable[[Style, dict[str, str]], Style]] = {
    "say-as": _say_as,
    "emphasis": _emphasis,
    "prosody": _prosody,
}


def _literal(kind: Kind, text: str, form: str) -> tuple[str | int, str]:
    """The value of a <say-as> and its currency, as a part of that kind holds them."""
    try:
        match kind:
            case "date":
                given = re.sub(r"[./ ]", "-", text)
                return datetime.strptime(given, _FORMATS[form or "ymd"]).date().isoformat(), ""
            case "time":
                return _clock(text), ""
            case "money":
                return _amount(text)
            case "number":
                return str(values.to_number(text)), ""
            case "ordinal":
                return values.to_integer(text), ""
            case "phone":
                values.phone_groups(text)
        if not any(char.isalnum() for char in text):
            raise ValueError(text)
    except (ValueError, ArithmeticError):
        example = _EXAMPLES[kind] if not form else date(2026, 11, 23).strftime(_FORMATS.get(form, "14:05"))
        raise SsmlError(f"'{text}' can't be said as {_NAMES[kind]}; write it as {example}") from None
    return text, ""


_NAMES: Mapping[str, str] = {
    "money": "currency",
    "phone": "telephone",
    "number": "a number",
    "ordinal": "an ordinal",
    "date": "a date",
    "time": "a time",
    "digits": "digits",
    "characters": "characters",
}
_EXAMPLES: Mapping[str, str] = {
    "money": "USD 42.50",
    "phone": "+12125550123",
    "number": "42 or 3.5",
    "ordinal": "3",
    "date": "2026-11-23",
    "time": "14:05 or 2:05 pm",
    "digits": "427",
    "characters": "AB12",
}


def _clock(text: str) -> str:
    twelve = _CLOCK.match(text)
    if not twelve:
        values.to_time(text)
        return text
    hour, minute = int(twelve[1]), int(twelve[2] or 0)
    if not 1 <= hour <= 12:
        raise ValueError(text)
    hour = hour % 12 + (12 if twelve[3].lower() == "p" else 0)
    return f"{values.to_time(f'{hour}:{minute:02}'):%H:%M}"


def _amount(text: str) -> tuple[int, str]:
    found = _MONEY.match(text)
    if not found:
        raise ValueError(text)
    currency = found["before"] or found["after"]
    minor = values.to_number(found["a"] or found["b"]).scaleb(values.precision(currency))
    return values.to_integer(str(minor)), currency
