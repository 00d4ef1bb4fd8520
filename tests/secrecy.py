"""Proof that secrets land nowhere: search everything that was written, in every shape that digits may take."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus


def assert_lands_nowhere(paths: Iterable[Path], secrets: Iterable[str], *, texts: Iterable[str | bytes] = ()) -> None:
    """No file under `paths`, and none of `texts`, holds one of the secrets: as it stands, in groups of digits, digit
    by digit with any separators, backwards, escaped, in base64, in hexadecimal or in UTF-16.

    Fails also if there is nothing to search, since that proves nothing. Secrets of three or four digits are searched
    as numbers of their own, neither part of a longer one nor its fraction: such parts stand in every file of times.
    """
    searched = 0
    shapes = [(secret, shape) for secret in secrets for shape in _shapes(secret)]
    for place, data in (*_files(paths), *((f"text {n}", _bytes(text)) for n, text in enumerate(texts))):
        searched += 1
        for secret, shape in shapes:
            found = shape.search(data)
            if found:
                around = data[max(0, found.start() - 60) : found.end() + 60]
                raise AssertionError(f"a secret of {len(secret)} digits is in {place}: {around!r}")
    assert searched, "there was nothing to search"


def _files(paths: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                yield str(file), file.read_bytes()


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _shapes(secret: str) -> Iterator[re.Pattern[bytes]]:
    for digits in (secret, secret[::-1]):
        plain = {digits, quote(digits), quote_plus(digits), json.dumps(digits)[1:-1]}
        for text in plain:
            yield _alone(re.escape(text.encode()), short=len(secret) < 8)
        yield _alone(re.escape(digits.encode("utf-16-le")), short=False)
        if len(secret) >= 8:
            # Digit by digit: ["4","2"], 4 2 4 2, 4242-4242, "4", "2" ... but not one digit per line of anything.
            yield re.compile(rb"[^0-9A-Za-z]{0,4}".join(re.escape(digit.encode()) for digit in digits))
            yield re.compile(re.escape(digits.encode().hex().encode()), re.IGNORECASE)
            yield re.compile(re.escape(base64.b64encode(digits.encode()).rstrip(b"=")[:-1]))


def _alone(pattern: bytes, *, short: bool) -> re.Pattern[bytes]:
    edge = rb"[0-9A-Za-z+/=]"  # no part of a longer number, an id or sealed text
    before = rb"(?<!" + edge + rb")(?<![0-9]\.)"
    after = rb"(?!" + edge + rb")(?!\.[0-9])"
    return re.compile(before + pattern + after if short else pattern)
