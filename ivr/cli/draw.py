"""callwright draw"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, command
from ivr.cli.folders import add_folders, locate, usable


@command
class Draw(Command):
    """Draw a flow as an SVG picture: its steps, and where their exits lead.

    With --all, the flows that it calls are drawn with it, each in a frame of its own.
    """

    name: ClassVar[str] = "draw"
    help: ClassVar[str] = "draw a flow as an SVG picture"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        add_folders(parser)
        parser.add_argument("-o", "--output", help="the file to write (FLOW.svg); - for standard output")
        parser.add_argument("--all", action="store_true", help="include the flows that it calls")
        parser.add_argument("--dot", action="store_true", help="write Graphviz's language instead of SVG")

    def run(self, arguments: argparse.Namespace) -> int:
        from pathlib import Path

        from ivr.flow.draw import draw, svg
        from ivr.flow.lint import View

        folder, prompts, only = locate(arguments)
        flows = usable(folder, prompts)
        first = only or flows.company.start
        if first not in flows.flows:
            from ivr.cli.command import Failure

            raise Failure(f"{arguments.flows} is not a flow", "name a file with `steps:`")
        names = [first]
        if arguments.all:
            names += sorted({flow for flow, _ in View(flows).reachable([first])} - {first})
        picture = draw(flows, names) if arguments.dot else svg(flows, names)
        if arguments.output == "-":
            print(picture)
            return 0
        path = Path(arguments.output or f"{first}.{'dot' if arguments.dot else 'svg'}")
        path.write_text(picture, encoding="utf-8")
        print(path)
        return 0
