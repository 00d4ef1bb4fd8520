"""Recordings that Twilio made: noted at once, fetched when they are ready, checked, and registered.

A row of `recordings` without a checksum is one that is still to be fetched: `fetch` does one, `fetch_all` (a timed
job) those that were left by an outage. Fetching again what is there changes nothing.
"""

from __future__ import annotations

import hashlib
import os
import re
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests
import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from callcenter.db import reading
from callcenter.tables import contacts, recordings, sessions
from ivr.settings import Settings

log = structlog.get_logger("callwright.twilio")

_REFERENCE = re.compile(r"/Recordings/(RE[0-9a-fA-F]{32})(?:\.\w+)?\Z")
TIMEOUT = (5, 20)
MAX_BYTES = 200_000_000
GIVE_UP = timedelta(days=7)
"""A recording that can't be had for so long was deleted at Twilio."""
BATCH = 100


class NotFetched(Exception):
    """The recording isn't there yet, or Twilio can't be reached; try again later."""


def reference(url: str) -> str:
    """The recording's SID from its RecordingUrl; "" if that is none."""
    found = _REFERENCE.search(url[:1000])
    return found[1] if found else ""


def expect(engine: Engine, call_sid: str, reference: str, seconds: float, kind: str = "voicemail",
           contact_id: str = "") -> None:  # fmt: skip
    """Note a recording that is to be fetched. Repeated notes change nothing. `contact_id` is whose it is where the call
    is nobody's who called us."""
    whose = (
        sa.select(sessions.c.contact_id, contacts.c.caller)
        .join(contacts, contacts.c.id == sessions.c.contact_id)
        .where(sessions.c.channel == "twilio", sessions.c.external_id == call_sid)
    )
    named = sa.select(contacts.c.id.label("contact_id"), contacts.c.caller).where(contacts.c.id == contact_id)
    try:
        with engine.begin() as connection:
            if connection.execute(sa.select(recordings.c.id).where(recordings.c.id == reference)).first():
                return
            contact = connection.execute(whose).one_or_none() or connection.execute(named).one_or_none()
            connection.execute(
                sa.insert(recordings).values(
                    id=reference,
                    contact_id=contact.contact_id if contact else None,
                    kind=kind[:40],
                    path="",
                    seconds=seconds if 0 <= seconds < 1e6 else 0.0,
                    sha256="",
                    number=contact.caller if contact else "",
                    created_at=datetime.now(UTC),
                )
            )
    except IntegrityError:
        log.info("noted by another request already", recording=reference)


def fetch(engine: Engine, settings: Settings, reference: str) -> Path:
    """Download one recording as WAV and register the file. The address is made from the SID, never taken from a
    request, and the auth token goes nowhere else. Raises `NotFetched`, and `OSError` if it can't be written."""
    if not settings.twilio_account_sid:
        raise NotFetched("set TWILIO_ACCOUNT_SID to fetch recordings")
    base = settings.twilio_api_base.rstrip("/")
    url = f"{base}/2010-04-01/Accounts/{settings.twilio_account_sid}/Recordings/{reference}.wav"
    folder = settings.recordings_dir
    folder.mkdir(parents=True, exist_ok=True)
    path, part = folder / f"{reference}.wav", folder / f".{reference}.{os.getpid()}.part"
    digest = hashlib.sha256()
    try:
        with requests.get(
            url, auth=(settings.twilio_account_sid, settings.twilio_auth_token), timeout=TIMEOUT, stream=True
        ) as answer:
            answer.raise_for_status()
            size = 0
            with part.open("wb") as file:
                for chunk in answer.iter_content(65536):
                    size += len(chunk)
                    if size > MAX_BYTES:
                        raise NotFetched(f"the recording is larger than {MAX_BYTES // 1_000_000} MB")
                    digest.update(chunk)
                    file.write(chunk)
        with wave.open(str(part)) as sound:
            seconds = sound.getnframes() / sound.getframerate()
        part.replace(path)
    except (requests.RequestException, wave.Error, EOFError, ZeroDivisionError) as error:
        raise NotFetched(f"{reference}: {type(error).__name__}") from None
    finally:
        part.unlink(missing_ok=True)
    with engine.begin() as connection:
        connection.execute(
            sa.update(recordings)
            .where(recordings.c.id == reference)
            .values(path=str(path), sha256=digest.hexdigest(), seconds=seconds)
        )
    log.info("recording fetched", recording=reference, seconds=round(seconds, 1))
    return path


def fetch_all(engine: Engine, settings: Settings, now: datetime) -> int:
    """Fetch what is still missing and not too old; returns how many came. A timed job."""
    unfetched = sa.select(recordings.c.id).where(
        recordings.c.sha256 == "", recordings.c.id.like("RE%"), recordings.c.created_at > now - GIVE_UP
    )
    with reading(engine) as connection:
        missing = connection.execute(unfetched.order_by(recordings.c.created_at).limit(BATCH)).scalars().all()
    came = 0
    for reference in missing:
        try:
            fetch(engine, settings, reference)
            came += 1
        except (NotFetched, OSError) as error:
            log.warning("a recording can't be fetched yet", recording=reference, error=str(error))
    return came
