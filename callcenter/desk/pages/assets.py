"""Stylesheet and scripts, compressed once. Their address has their version, so that browsers may keep them for good.

Pages aren't compressed here: what a stranger can have put into one would tell, by its length, what else is in it
(BREACH, https://www.breachattack.com)."""

from __future__ import annotations

import gzip
import mimetypes
from functools import lru_cache

from flask import Response, request
from werkzeug.exceptions import NotFound

from callcenter.desk.core import STATIC
from callcenter.desk.permissions import PUBLIC
from callcenter.desk.routing import page
from callcenter.desk.visit import Visit

YEAR = 31_536_000


@page("/static/<version>/<name>", needs=PUBLIC, transaction="own")
def asset(visit: Visit, version: str, name: str) -> Response:
    if version != visit.desk.assets:
        raise NotFound
    found = _content(name)
    if found is None:
        raise NotFound
    plain, packed = found
    takes = request.accept_encodings["gzip"] > 0 and len(packed) < len(plain)
    response = Response(packed if takes else plain, mimetype=mimetypes.guess_type(name)[0])
    if takes:
        response.content_encoding = "gzip"
    response.vary.add("Accept-Encoding")
    response.cache_control.max_age = YEAR
    response.cache_control.public = response.cache_control.immutable = True
    return response


@lru_cache(64)
def _content(name: str) -> tuple[bytes, bytes] | None:
    """A file as it is, and compressed; `None` where there is none of that name."""
    path = next((path for path in STATIC.iterdir() if path.name == name and path.is_file()), None)
    if path is None:
        return None
    plain = path.read_bytes()
    return plain, gzip.compress(plain, mtime=0)
