"""callwright actions"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, command


@command
class Actions(Command):
    """List the self-service actions that flows may run: their arguments, exits and what they return."""

    name: ClassVar[str] = "actions"
    help: ClassVar[str] = "list the actions that flows may run"

    def run(self, arguments: argparse.Namespace) -> int:
        from rich.text import Text

        from ivr.actions import specs
        from ivr.cli.show import console

        out = console()
        for spec in specs().values():
            out.print(Text.assemble((spec.name, "bold cyan"), f": {' '.join(spec.summary.split())}"))
            given = [
                name + (" (secret)" if known.secret else "") + ("" if known.required else " (optional)")
                for name, known in spec.arguments.items()
            ]
            rows = {
                "with": ", ".join(given) or "nothing",
                "exits": ", ".join((*spec.exits, "failed")),
                "returns": ", ".join(f"{name} ({kind})" for name, kind in spec.returns.items()) or "nothing",
                "budget": f"{spec.budget:g} s",
            }
            for label, text in rows.items():
                out.print(Text.assemble((f"  {label:8}", "dim"), text))
        return 0
