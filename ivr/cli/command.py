"""How a command registers itself: one file in `ivr/cli/` with a class under `@command`.

Keep such a file's own imports light, and import what a command needs inside `run`: `callwright --help` reads them all.
"""

from __future__ import annotations

import argparse
from abc import ABC, abstractmethod
from typing import ClassVar


class Command(ABC):
    """One command. `name` is what is typed; `help` is one line for the list of commands; the class's docstring is
    the long help."""

    name: ClassVar[str]
    help: ClassVar[str]

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add arguments and options."""
        return

    @abstractmethod
    def run(self, arguments: argparse.Namespace) -> int:
        """Do it; gives the exit status: 0 well, 1 what was asked about is wrong. Raises `Failure`."""


class Failure(Exception):
    """The command can't be carried out, for a reason that its user can do something about. Shown as one line."""

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(f"{what}; {fix}" if fix else what)


COMMANDS: dict[str, Command] = {}


def command(kind: type[Command]) -> type[Command]:
    """Register a command."""
    COMMANDS[kind.name] = kind()
    return kind
