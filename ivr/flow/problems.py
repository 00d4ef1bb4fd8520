"""Mistakes in an admin's files, told as `file:line:column: what is wrong; what to do`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a file; line and column count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake. `code` is a stable short name that docs and limits refer to; a warning does not fail the check."""

    mark: Mark
    what: str
    fix: str
    code: str = "invalid"
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.mark}: {'warning: ' if self.warning else ''}{self.what}; {self.fix}"


class FlowError(Exception):
    """Files that can't be used. `problems` holds every mistake found, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a sentence that offers the nearest known name, or lists what there is."""
    names = sorted(set(known))
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    if not names:
        return "there is none to name here"
    return "use one of: " + ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
