"""The arguments that name flows and prompts, the same in every command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.cli.command import Failure

if TYPE_CHECKING:
    from ivr.flow.model import FlowSet
    from ivr.flow.problems import Problem


def add_folders(parser: argparse.ArgumentParser) -> None:
    """The flows (a folder, or one flow's file in it) and `--prompts`."""
    parser.add_argument("flows", nargs="?", default="flows", help="the folder of flows, or one flow's file (flows)")
    parser.add_argument("--prompts", help="the folder of prompts (prompts, beside the flows)")


def locate(arguments: argparse.Namespace) -> tuple[Path, Path, str | None]:
    """(the folder of flows, the folder of prompts, the one flow that was named). Raises `Failure`."""
    given = Path(arguments.flows)
    if not given.exists():
        raise Failure(f"there is no {given}", "name a folder of flows, or a flow's file")
    if not given.is_dir() and given.suffix not in (".yaml", ".yml"):
        raise Failure(f"{given} is no flow's file", "name a folder of flows, or a file that ends in .yaml")
    folder, flow = (given, None) if given.is_dir() else (given.parent, given.stem)
    prompts = Path(arguments.prompts) if arguments.prompts else _beside(folder)
    return folder, prompts, flow


def _beside(folder: Path) -> Path:
    return folder.parent / "prompts" if folder.name else folder.absolute().parent / "prompts"


def read(folder: Path, prompts: Path) -> tuple[FlowSet, Sequence[Problem]]:
    """The flows with every problem of shape; where the shape is right, with all that the check finds."""
    from ivr.actions import specs
    from ivr.flow.check import check
    from ivr.flow.load import read_folders

    flows, problems = read_folders(folder, prompts, specs())
    return flows, [*problems, *check(flows)] if not any(not problem.warning for problem in problems) else problems


def usable(folder: Path, prompts: Path) -> FlowSet:
    """The flows, ready to run. Raises `FlowError` with every mistake."""
    from ivr.flow.problems import FlowError

    flows, problems = read(folder, prompts)
    errors = [problem for problem in problems if not problem.warning]
    if errors:
        raise FlowError(errors)
    return flows
