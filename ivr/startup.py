"""What has to be there before calls are answered: the schema, something to bill, a published version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter.db import migrate, open_database, reading
from callcenter.tables import accounts
from ivr.actions.bills.importing import DEMO, Imported, import_bills
from ivr.flow.model import FlowSet
from ivr.flow.problems import FlowError
from ivr.published import NothingPublished, Published
from ivr.settings import Settings

DEMO_COMPANY = "Riverbend Water and Power"
"""The name in the demo's company.yaml: no other company gets its bills."""


class CannotStart(Exception):
    """Calls can't be answered yet; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Publication:
    """The version that answers calls, and the mistakes for which the files at hand were not taken instead."""

    flows: FlowSet
    refused: FlowError | None


def open_migrated(settings: Settings) -> Engine:
    """The database with the newest schema. Raises `CannotStart` when it can't be reached or is newer than we are."""
    try:
        engine = open_database(settings.database)
        migrate(engine)
    except Exception as error:
        where = sa.engine.make_url(settings.database).render_as_string() if "://" in settings.database else "it"
        reason = str(error).strip().splitlines()[0]
        raise CannotStart(f"the database {where} can't be used: {reason}; check DATABASE_URL") from error
    return engine


def import_demo(engine: Engine, settings: Settings, company: str, today: date) -> Imported | None:
    """The demo company's bills, if `company` is its name, there are none yet and no billing system is set."""
    if settings.billing_url or company != DEMO_COMPANY:
        return None
    with reading(engine) as connection:
        if connection.execute(sa.select(accounts.c.number).limit(1)).first():
            return None
    return import_bills(engine, DEMO, today)


def publish(versions: Published, flows: Path, prompts: Path) -> Publication:
    """Publish the files; where they have mistakes, go on with the last version that had none. Raises `FlowError`
    with the mistakes where there is no such version."""
    try:
        return Publication(versions.publish(flows, prompts), None)
    except FlowError as error:
        try:
            return Publication(versions.current(), error)
        except NothingPublished:
            raise error from None
