"""callwright test"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, ClassVar

from ivr.cli.command import Command, Failure, command
from ivr.cli.folders import add_folders, locate, usable

if TYPE_CHECKING:
    from ivr.flow.model import FlowSet
    from ivr.rehearsal.run import Outcome
    from ivr.rehearsal.sandbox import Sandbox
    from ivr.rehearsal.script import Script


@command
class Test(Command):
    """Run the scripted calls in flows/calls/, offline and on a simulated clock.

    Shows where a call went another way than its script, with all that was said before. Exit status 1 if one did.
    """

    name: ClassVar[str] = "test"
    help: ClassVar[str] = "run scripted calls offline"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        add_folders(parser)
        parser.add_argument("-k", metavar="NAME", help="only scripts whose name contains NAME")
        parser.add_argument("--coverage", action="store_true", help="list the steps and exits that no script has taken")
        parser.add_argument("-v", "--verbose", action="store_true", help="show every transcript")

    def run(self, arguments: argparse.Namespace) -> int:
        from callcenter.counting import counted
        from ivr.cli.show import console, show_problems
        from ivr.rehearsal.reading import read_scripts
        from ivr.rehearsal.sandbox import Sandbox

        folder, prompts, only = locate(arguments)
        if only is not None:
            raise Failure(f"{arguments.flows} is a file", f"name the folder: callwright test {folder} -k NAME")
        flows = usable(folder, prompts)
        scripts, problems = read_scripts(folder / "calls", flows)
        chosen = [script for script in scripts if not arguments.k or arguments.k in script.name]
        if scripts and not chosen:
            raise Failure(f"no scripted call's name contains '{arguments.k}'", f"they are files in {folder / 'calls'}")
        if not chosen and not problems:
            raise Failure(f"there are no scripted calls in {folder / 'calls'}", "docs/scripted-calls.md tells how")
        out, outcomes = console(), []
        with Sandbox() as sandbox:
            for script in chosen:
                for outcome in self.outcomes(script, sandbox):
                    outcomes.append(outcome)
                    self.show(outcome, verbose=arguments.verbose)
        wrong = show_problems(problems) if problems else 0
        failed = sum(not outcome.passed for outcome in outcomes)
        if arguments.coverage:
            self.show_coverage(flows, outcomes)
        style = "red" if failed or wrong else "green"
        unread = f", {counted(wrong, 'mistake')} in scripts" if wrong else ""
        out.print(f"[{style}]{len(outcomes) - failed} passed, {failed} failed{unread}[/]")
        return 1 if failed or wrong else 0

    def outcomes(self, script: Script, sandbox: Sandbox) -> list[Outcome]:
        from ivr.rehearsal.run import rehearse

        return [
            rehearse(script, channel, sandbox.fresh(script.flows, script.begin) if script.call.sandbox else None)
            for channel in script.call.channels
        ]

    def show(self, outcome: Outcome, *, verbose: bool) -> None:
        from rich.text import Text

        from ivr.cli.show import console

        out = console()
        verdict = ("passed", "green") if outcome.passed else ("FAILED", "bold red")
        out.print(Text.assemble(verdict, f" {outcome.script.name} ({outcome.channel})"))
        if not outcome.passed or verbose:
            for said in outcome.transcript:
                out.print(Text.assemble((f"    {said.who:6} ", "cyan" if said.who == "caller" else "dim"), said.what))
        for problem in outcome.problems:
            out.print(Text.assemble("  ", (str(problem.mark), "bold"), f": {problem.what}; {problem.fix}"))

    def show_coverage(self, flows: FlowSet, outcomes: list[Outcome]) -> None:
        from rich.table import Table

        from ivr.cli.show import console
        from ivr.rehearsal.coverage import coverage

        table = Table("flow", "steps", "exits", "", "never taken", title="coverage")
        for covered in coverage(flows, [outcome.facts for outcome in outcomes]):
            missed = [*covered.missed_steps]
            missed += [f"{step}:{exit}" for step, exit in covered.missed_exits if step not in covered.missed_steps]
            table.add_row(
                covered.flow,
                f"{covered.steps - len(covered.missed_steps)}/{covered.steps}",
                f"{covered.exits - len(covered.missed_exits)}/{covered.exits}",
                f"{covered.percent:.0f}%",
                ", ".join(missed),
            )
        console().print(table, soft_wrap=False)
