"""callwright check"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, ClassVar

from ivr.cli.command import Command, command
from ivr.cli.folders import add_folders, locate, read

if TYPE_CHECKING:
    from ivr.flow.model import FlowSet
    from ivr.flow.problems import Problem


@command
class Check(Command):
    """Find every mistake in flows and prompts, as `file:line:column: what is wrong; what to do`.

    Exit status 1 if there are errors; warnings alone are fine.
    """

    name: ClassVar[str] = "check"
    help: ClassVar[str] = "find mistakes in flows and prompts"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        add_folders(parser)
        parser.add_argument("--json", action="store_true", help="print a JSON list, for editors and build servers")

    def run(self, arguments: argparse.Namespace) -> int:
        folder, prompts, only = locate(arguments)
        flows, problems = read(folder, prompts)
        problems = [*problems, *self._carried(flows)]
        if only is not None:
            problems = [problem for problem in problems if problem.mark.file == arguments.flows]
        if arguments.json:
            import json

            print(json.dumps([self.as_json(problem) for problem in sorted(problems)], indent=2, ensure_ascii=False))
            return int(any(not problem.warning for problem in problems))
        from callcenter.counting import counted
        from ivr.cli.show import console, show_problems

        errors = show_problems(problems)
        if not problems:
            steps = sum(len(flow.steps) for flow in flows.flows.values())
            found = (len(flows.flows), "flow"), (steps, "step"), (len(flows.texts), "language")
            console().print("[green]all well[/]: " + ", ".join(counted(*one) for one in found))
        return 1 if errors else 0

    def _carried(self, flows: FlowSet) -> list[Problem]:
        """What the carriers in the settings can't do. Settings that can't be read are `callwright doctor`'s matter."""
        from pydantic import ValidationError

        from ivr.carrying import doubts
        from ivr.settings import Settings

        try:
            return list(doubts(flows, Settings()))
        except ValidationError:
            return []

    def as_json(self, problem: Problem) -> dict[str, object]:
        return {
            "file": problem.mark.file,
            "line": problem.mark.line,
            "column": problem.mark.column,
            "severity": "warning" if problem.warning else "error",
            "code": problem.code,
            "what": problem.what,
            "fix": problem.fix,
        }
