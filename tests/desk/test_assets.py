"""Scripts and the stylesheet as they are served: compressed where the browser takes it, kept for good."""

from __future__ import annotations

import gzip
import re

from callcenter.desk.core import STATIC
from tests.desk.support import Browser, Desk


def address(desk: Desk, name: str) -> str:
    found = re.search(r"/desk/static/[0-9a-f]+/", Browser(desk.app).get("/desk/login").text)
    assert found
    return found[0] + name


def test_they_are_compressed_for_who_takes_it(desk: Desk) -> None:
    path, plain = address(desk, "desk.css"), (STATIC / "desk.css").read_bytes()
    packed = Browser(desk.app).get(path, headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain
    assert len(packed.data) < len(plain) / 3
    asked = Browser(desk.app).get(path, headers={"Accept-Encoding": "br"})
    assert asked.data == plain
    assert "Content-Encoding" not in asked.headers
    for answer in (packed, asked):
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["Cache-Control"] == "max-age=31536000, public, immutable"
        assert answer.mimetype == "text/css"


def test_types(desk: Desk) -> None:
    types = {"work.js": "text/javascript", "icon.svg": "image/svg+xml"}
    assert {name: Browser(desk.app).get(address(desk, name)).mimetype for name in types} == types


def test_nothing_else_is_there(desk: Desk) -> None:
    for name in ("app.py", "..%2fapp.py", "nothing.js"):
        assert Browser(desk.app).get(address(desk, name)).status_code == 404


def test_pages_are_not_compressed(desk: Desk) -> None:
    answer = desk.browser("agent").get("/desk/", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers
