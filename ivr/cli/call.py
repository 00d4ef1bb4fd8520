"""callwright call"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, Failure, command
from ivr.cli.folders import add_folders, locate, usable


@command
class Call(Command):
    """Rehearse a flow in the terminal: prompts are printed, keys and words typed, time is simulated.

    Actions run for real, on a throw-away database with the demo company's bills and the sandbox payment gateway; or
    you answer them yourself, with --actions ask.
    """

    name: ClassVar[str] = "call"
    help: ClassVar[str] = "rehearse a call in the terminal"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        add_folders(parser)
        parser.add_argument("--text", action="store_true", help="a thread of messages instead of a telephone call")
        parser.add_argument("--language", help="begin in this language")
        parser.add_argument("--caller", default="+15550100", help="who calls, in E.164")
        parser.add_argument("--actions", choices=["run", "ask"], default="run", help="run actions, or ask for results")
        parser.add_argument("--at", metavar="TIME", help="when, on the company's clock: 2026-11-23T10:00 (now)")

    def run(self, arguments: argparse.Namespace) -> int:
        import datetime as dt
        from dataclasses import replace
        from zoneinfo import ZoneInfo

        from ivr.cli.show import console
        from ivr.flow.problems import nearest
        from ivr.rehearsal.sandbox import Sandbox
        from ivr.rehearsal.simulator import Simulator
        from ivr.rehearsal.terminal import Terminal

        folder, prompts, only = locate(arguments)
        flows = usable(folder, prompts)
        if only is not None and only not in flows.flows:
            raise Failure(f"{arguments.flows} is no flow", "name a file with `steps:`")
        if only is not None and only != flows.company.start:
            flows = replace(flows, company=flows.company.model_copy(update={"start": only, "channels": {}}))
        if arguments.language and arguments.language not in flows.company.languages:
            raise Failure(f"'{arguments.language}' is not the company's", nearest(arguments.language, flows.texts))
        zone = ZoneInfo(flows.company.timezone)
        try:
            begin = dt.datetime.fromisoformat(arguments.at) if arguments.at else dt.datetime.now(zone)
        except ValueError:
            raise Failure(f"'{arguments.at}' is no time", "write 2026-11-23T10:00") from None
        terminal = Terminal(console())
        with Sandbox() as sandbox:
            begin = begin if begin.tzinfo else begin.replace(tzinfo=zone)
            asked = arguments.actions == "ask"
            phone = Simulator(
                flows,
                terminal.ask_for_result(flows) if asked else sandbox.fresh(flows, begin),
                begin=begin,
                text=arguments.text,
                caller=arguments.caller,
                language=arguments.language,
                on_heard=terminal.show,
            )
            terminal.talk(phone)
        return 0
