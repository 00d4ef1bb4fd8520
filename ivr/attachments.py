"""Files that came with a message but lie at the carrier: fetched before the message is answered, kept with it.

Each carrier's module registers what fetches; `meta["media"]` of a message says what is still to be had.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Engine

from callcenter.messages import inbound
from callcenter.messages.inbound import InboundFile
from callcenter.tables import messages
from ivr.runner import Runner
from ivr.settings import Settings

log = structlog.get_logger("callwright.attachments")

MEDIA = "media"
"""`meta` of a message whose files are still to be fetched: a list of mappings, the carrier's name under `at`."""
TRIES = 6
"""The timed job tries every ten seconds; then the message is answered without its files, and an event names them."""

Fetched = tuple[list[InboundFile], list[tuple[str, str]]]
Fetcher = Callable[[Settings, list[dict[str, str]]], Fetched]
_fetchers: dict[str, Fetcher] = {}


class NotFetched(Exception):
    """A file isn't there yet, or the carrier can't be reached; try again later."""


def fetcher(at: str) -> Callable[[Fetcher], Fetcher]:
    """Register what fetches files from a carrier, given the settings and what the message's `meta` says."""

    def register(found: Fetcher) -> Fetcher:
        _fetchers[at] = found
        return found

    return register


def fetch(runner: Runner, settings: Settings, message: Any) -> bool:
    """Fetch what a row of `messages` still lacks; False if it should be tried again later. Raises `OSError` where a
    file can't be written."""
    media = message.meta.get(MEDIA)
    if not media:
        return True
    try:
        files, refused = _fetchers[media[0]["at"]](settings, media)
    except NotFetched as error:
        tries = message.meta.get("tries", 0) + 1
        log.warning("files of a message can't be fetched", message=message.id, why=str(error), tries=tries)
        if tries < TRIES:
            _note(runner.engine, message, {**message.meta, "tries": tries})
            return False
        files, refused = [], [(item["sid"], "not_fetched") for item in media]
    with runner.engine.begin() as conn:
        kept = {key: value for key, value in message.meta.items() if key not in (MEDIA, "tries")}
        # Once, though two processes may have fetched them.
        unfetched = sa.update(messages).where(messages.c.id == message.id, messages.c.meta == message.meta)
        if conn.execute(unfetched.values(meta=kept)).rowcount == 1:
            inbound.attach(conn, message.id, files, refused, runner.now(), files_dir=settings.files_dir)
    return True


def _note(engine: Engine, message: Any, meta: dict[str, Any]) -> None:
    with engine.begin() as conn:
        conn.execute(sa.update(messages).where(messages.c.id == message.id).values(meta=meta))
