"""callwright audit"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, command
from ivr.cli.database import database


@command
class AuditCommand(Command):
    """Recompute every contact's life in the queues from the event log, and name each one that doesn't add up: lost,
    served twice, called back twice, or with an agent who was offered two at once or is stuck.

    Exit status 1 if there is one.
    """

    name: ClassVar[str] = "audit"
    help: ClassVar[str] = "check that no contact was lost or served twice"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--patience", type=float, default=24, metavar="HOURS",
                            help="report what has been open and silent for longer (24)")  # fmt: skip
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        import json
        import time
        from dataclasses import asdict
        from datetime import UTC, datetime

        from callcenter.counting import counted
        from callcenter.queues.auditing import audit
        from ivr.settings import Settings

        with database(Settings()) as engine:
            found = audit(engine)
        findings = found.findings(time.time(), arguments.patience * 3600)
        if arguments.json:
            told = {
                "contacts": found.lives,
                "events": dict(found.counts),
                "findings": [asdict(one) for one in findings],
            }
            print(json.dumps(told, indent=2))
        else:
            for one in findings:
                print(f"{datetime.fromtimestamp(one.at, UTC):%Y-%m-%d %H:%M:%S} {one.who}: {one.what}")
            read = f"{counted(found.lives, 'contact')}, {counted(sum(found.counts.values()), 'event')}"
            print(f"{read}, {len(findings)} that {'doesn' if len(findings) == 1 else 'don'}'t add up")
        return 1 if findings else 0
