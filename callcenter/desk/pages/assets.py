"""Stylesheet and scripts. Their address has their version, so that browsers may keep them for good."""

from __future__ import annotations

from flask import Response, send_from_directory
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
    response = send_from_directory(STATIC, name, max_age=YEAR)
    response.cache_control.public = response.cache_control.immutable = True
    response.cache_control.no_cache = None
    return response
