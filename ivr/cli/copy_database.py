"""callwright copy-database"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, Failure, command
from ivr.cli.database import database


@command
class CopyDatabase(Command):
    """Copy everything from another database into that of DATABASE_URL, which must be empty: customers, contacts,
    events, users, published flows. Stop Callwright first: what is written to the other one meanwhile isn't copied.

    Files (recordings, attachments) stay where they are, in DATA_DIR.
    """

    name: ClassVar[str] = "copy-database"
    help: ClassVar[str] = "copy another database into that of DATABASE_URL"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("source", metavar="FROM", help="such as sqlite:///var/callwright.db")

    def run(self, arguments: argparse.Namespace) -> int:
        from pathlib import Path

        import sqlalchemy as sa

        from callcenter.copying import NotEmptyError, copy_database
        from callcenter.db import database_url
        from ivr.settings import Settings

        settings = Settings()
        try:
            found, ours = database_url(arguments.source), database_url(settings.database)
        except (ValueError, sa.exc.ArgumentError) as error:
            raise Failure(str(error)) from None
        if found.drivername.startswith("sqlite") and not Path(found.database or "").is_file():
            raise Failure(f"there is no file {found.database}", "write sqlite:///FILE, or sqlite:////ABSOLUTE/FILE")
        if _place(found) == _place(ours):
            raise Failure(f"{ours.render_as_string()} is the database of DATABASE_URL", "set that to the new one")
        other = Settings(database_url=arguments.source)
        with database(other) as source, database(settings) as target:
            try:
                copied = copy_database(source, target)
            except NotEmptyError as error:
                raise Failure(f"{ours.render_as_string()}: {error}", "copy into a new, empty database") from None
            except sa.exc.SQLAlchemyError as error:
                reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
                raise Failure(f"nothing is copied: {reason}") from None
        for table, count in copied.items():
            print(f"{count:>9}  {table}")
        print(f"{sum(copied.values()):>9}  rows in all")
        return 0


def _place(url: object) -> object:
    """What tells two databases apart."""
    from pathlib import Path

    from sqlalchemy.engine import URL

    assert isinstance(url, URL)
    if url.drivername.startswith("sqlite"):
        return Path(url.database or "").resolve()
    return (url.host, url.port, url.database, url.query)
