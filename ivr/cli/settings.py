"""callwright settings"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from ivr.cli.command import Command, command


@command
class ShowSettings(Command):
    """List every setting with its default, ready for a `.env` file: callwright settings > .env.example"""

    name: ClassVar[str] = "settings"
    help: ClassVar[str] = "list every setting"

    def run(self, arguments: argparse.Namespace) -> int:
        print(example(), end="")
        return 0


def example() -> str:
    """The text of `.env.example`."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    from ivr.settings import Settings

    yield "# Copy this file to .env and remove the # from the lines you change. Environment variables override it."
    fields = Settings.model_fields
    for line in inspect.getsource(Settings).splitlines():
        heading = re.match(r"    # (.+)", line)
        name = re.match(r"    (\w+):", line)
        if heading:
            yield f"\n# {heading[1]}"
        elif name and name[1] in fields:
            field = fields[name[1]]
            default = field.default
            # A bare empty value would take the comment for itself.
            shown = str(default) if default != "" and isinstance(default, str | int | float | Path) else '""'
            yield f"#{name[1].upper()}={shown}  # {field.description}"
