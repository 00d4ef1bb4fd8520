"""The command line: `callwright COMMAND`. One file per command; see `ivr.cli.command`."""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence

from ivr.cli.command import COMMANDS, Failure


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives its exit status. An admin's mistake is told in a line, never as a stack trace."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        return COMMANDS[arguments.command].run(arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone (`callwright check | head`); the exit must not write to it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Failure as failure:
        return _tell(str(failure), 2)
    except OSError as error:
        return _tell(f"{error.filename}: {error.strerror}" if error.filename else str(error), 2)
    except Exception as error:
        from ivr.flow.problems import FlowError

        if isinstance(error, FlowError):
            from ivr.cli.show import show_problems

            show_problems(error.problems)
            return 1
        if os.environ.get("CALLWRIGHT_DEBUG"):
            raise
        return _tell(
            f"a fault in callwright itself: {type(error).__name__}: {error}; CALLWRIGHT_DEBUG=1 tells more", 70
        )


def _parser() -> argparse.ArgumentParser:
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"{__name__}.{module.name}")
    parser = argparse.ArgumentParser("callwright", description="A phone-first contact centre.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, found in sorted(COMMANDS.items()):
        added = commands.add_parser(
            name, help=found.help, description=found.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        found.configure(added)
    return parser


def _tell(what: str, status: int) -> int:
    print(f"callwright: {what}", file=sys.stderr)
    return status
