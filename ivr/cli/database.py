"""The database for as long as a command needs it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ivr.cli.command import Failure

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from ivr.settings import Settings


@contextmanager
def database(settings: Settings) -> Iterator[Engine]:
    """The settings' database with the newest schema. Raises `Failure` where there is none to be had."""
    from ivr.startup import CannotStart, open_migrated

    logging.getLogger("alembic").setLevel(logging.WARNING)  # what it changes is no answer to a command
    try:
        engine = open_migrated(settings)
    except CannotStart as error:
        raise Failure(str(error)) from None
    try:
        yield engine
    finally:
        engine.dispose()
