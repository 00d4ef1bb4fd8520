"""Recordings to listen to and files to look at: each look is in the audit log."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import sqlalchemy as sa
from flask import Response, request, send_file
from werkzeug.exceptions import NotFound

from callcenter import files
from callcenter.desk.routing import page
from callcenter.desk.visit import Visit
from callcenter.tables import recordings

logger = logging.getLogger(__name__)

SHOWN = re.compile(r"image/(png|jpeg|gif|webp)|audio/[\w.+-]+")
"""Types that a browser may show by itself; all others are saved. None of them can hold a script."""
SANDBOX = "default-src 'none'; sandbox"
SOUND = {".wav": "audio/wav", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".opus": "audio/ogg", ".flac": "audio/flac"}


@page("/recordings/<recording_id>", needs="recordings.listen")
def recording(visit: Visit, recording_id: str) -> Response:
    """The sound; players ask for parts of it (RFC 9110, 14.2)."""
    row = visit.conn.execute(sa.select(recordings).where(recordings.c.id == recording_id)).one_or_none()
    if row is None:
        raise NotFound
    path = _inside(visit, Path(row.path))
    visit.look("recording.listened", f"recording:{recording_id}", contact=row.contact_id)
    return _sent(
        path, SOUND.get(path.suffix.lower(), "application/octet-stream"), f"{recording_id}{path.suffix}", row.sha256
    )


@page("/files/<file_id>", needs="files.read")
def file(visit: Visit, file_id: str) -> Response:
    row = files.get(visit.conn, file_id)
    if row is None:
        raise NotFound
    path = _inside(visit, Path(row.path))
    visit.look("file.opened", f"file:{file_id}", contact=row.contact_id)
    return _sent(path, row.media_type.partition(";")[0].strip().lower(), files.shown_name(row.name), row.sha256)


def _sent(path: Path, media_type: str, name: str, sha256: str) -> Response:
    shown = SHOWN.fullmatch(media_type) is not None
    response = send_file(
        path,
        mimetype=media_type if shown else "application/octet-stream",
        as_attachment=not shown,
        download_name=name,
        conditional=True,
        etag=sha256,
        max_age=0,
    )
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["Cache-Control"] = "private, no-cache"
    if "Range" not in request.headers:
        response.headers["Accept-Ranges"] = "bytes"
    return response


def _inside(visit: Visit, path: Path) -> Path:
    """The file, if it is one of ours: wherever the database says it is, nothing outside of our folders is served."""
    real = path.resolve()
    if not any(real.is_relative_to(folder.resolve()) for folder in visit.desk.config.folders):
        logger.error("a stored path leads out of our folders")
        visit.log("refused", "path", reason="outside")
        raise NotFound
    if not real.is_file():
        raise NotFound
    return real
