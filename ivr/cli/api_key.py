"""callwright api-key"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, Failure, command
from ivr.cli.database import database


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
        parser.add_argument("--revoke", metavar="ID", help="revoke a key")

    def run(self, arguments: argparse.Namespace) -> int:
        from datetime import UTC, datetime

        from callcenter.api import SCOPES, create_key, revoke_key
        from ivr.settings import Settings

        if bool(arguments.key_name) == bool(arguments.revoke):
            raise Failure("name a key to make, or one to revoke", "see callwright api-key --help")
        now = datetime.now(UTC)
        with database(Settings()) as engine, engine.begin() as connection:
            if arguments.revoke:
                revoke_key(connection, arguments.revoke, now)
                return 0
            try:
                print(create_key(connection, arguments.key_name, arguments.scopes or SCOPES, at=now))
            except ValueError as error:
                raise Failure(str(error)) from None
        return 0
