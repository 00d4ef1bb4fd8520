"""What commands print: problems and their count, in colours on a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from ivr.flow.problems import Problem


def console() -> Console:
    """Standard output. Colours only on a terminal, and lines are never broken where something else reads them."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)


def show_problems(problems: Iterable[Problem]) -> int:
    """Print problems, a line each, and a summary; gives the number of errors."""
    from rich.text import Text

    out, errors, warnings = console(), 0, 0
    for problem in sorted(problems):
        errors, warnings = errors + (not problem.warning), warnings + problem.warning
        kind = ("warning", "yellow") if problem.warning else ("error", "red")
        line = Text.assemble((str(problem.mark), "bold"), ": ", kind, f": {problem.what}; ", (problem.fix, "cyan"))
        out.print(line)
    if errors or warnings:
        counts = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in ((errors, "error"),) if count]
        counts += [f"{warnings} warning{'' if warnings == 1 else 's'}"] if warnings else []
        out.print(Text(", ".join(counts), style="red" if errors else "yellow"))
    return errors
