"""callwright api-key"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, Failure, command
from ivr.cli.database import database

LONGEST = 3650
"""Days that a key may work, where it isn't for good."""


@command
class ApiKey(Command):
    """Make a key for the REST interface under /api/v1 and print it; it can't be shown again.

    `--revoke ID` takes a key back: its id is the middle part.
    """

    name: ClassVar[str] = "api-key"
    help: ClassVar[str] = "make or revoke a key for the REST interface"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("key_name", nargs="?", metavar="NAME", help="who will use it")
        parser.add_argument("scopes", nargs="*", metavar="SCOPE", help="what it may do (everything)")
        parser.add_argument("--days", type=int, metavar="DAYS", help="how long it works (until it is revoked)")
        parser.add_argument("--revoke", metavar="ID", help="revoke a key")

    def run(self, arguments: argparse.Namespace) -> int:
        from datetime import UTC, datetime, timedelta

        from callcenter.api import SCOPES, create_key, revoke_key
        from ivr.settings import Settings

        if bool(arguments.key_name) == bool(arguments.revoke):
            raise Failure("name a key to make, or one to revoke", "see callwright api-key --help")
        days = arguments.days
        if days is not None and (arguments.revoke or not 1 <= days <= LONGEST):
            raise Failure("--days is how long a new key works", f"write 1 to {LONGEST}")
        now = datetime.now(UTC)
        expires_at = now + timedelta(days=days) if days is not None else None
        with database(Settings()) as engine, engine.begin() as connection:
            if arguments.revoke:
                if not revoke_key(connection, arguments.revoke, now):
                    fix = "the id is the middle part of a key: cw_ID_..."
                    raise Failure(f"there is no key {arguments.revoke!r} that could be revoked", fix)
                return 0
            try:
                scopes = arguments.scopes or SCOPES
                print(create_key(connection, arguments.key_name, scopes, at=now, expires_at=expires_at))
            except ValueError as error:
                raise Failure(str(error)) from None
        return 0
