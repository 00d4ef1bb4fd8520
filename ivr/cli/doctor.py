"""callwright doctor"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, command


@command
class Doctor(Command):
    """Show what is there and what is missing: Python, each language's voices, recognisers and intents, tools, ports,
    database, Redis, Twilio, gateways.

    Exit status 1 if something must be fixed before calls can be answered.
    """

    name: ClassVar[str] = "doctor"
    help: ClassVar[str] = "find out what is missing on this machine"

    def run(self, arguments: argparse.Namespace) -> int:
        from rich.text import Text

        from ivr.cli.show import console
        from ivr.doctor import examine
        from ivr.settings import Settings

        out, broken = console(), 0
        for finding in examine(Settings()):
            word, style = {True: ("ok", "green"), None: ("--", "yellow"), False: ("no", "bold red")}[finding.well]
            broken += finding.well is False
            line = Text.assemble((f"{word:3}", style), (f"{finding.what:12}", "bold"), finding.found)
            if finding.fix:
                line.append(f"; {finding.fix}", "cyan")
            out.print(line)
        return 1 if broken else 0
