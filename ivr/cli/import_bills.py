"""callwright import-bills"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import ClassVar

from ivr.cli.command import Command, Failure, command
from ivr.cli.database import database


@command
class ImportBills(Command):
    """Read accounts and bills from a CSV or JSON file into our database: all of them or, with any mistake, none.

    What the file names is replaced, anything else stays. docs/bills.md describes the columns.
    """

    name: ClassVar[str] = "import-bills"
    help: ClassVar[str] = "read accounts and bills from a CSV or JSON file"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def run(self, arguments: argparse.Namespace) -> int:
        from datetime import date

        from ivr.actions.bills.importing import BillFileError, import_bills
        from ivr.settings import Settings

        settings = Settings()
        if settings.billing_url:
            raise Failure("bills come from BILLING_URL", "leave it empty to use our own database")
        with database(settings) as engine:
            try:
                done = import_bills(engine, arguments.file, date.today())
            except BillFileError as error:
                print(error)
                return 1
        print(f"accounts: {done.accounts}, bills: {done.bills}")
        return 0
