"""callwright knowledge"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, ClassVar

from ivr.cli.command import Command, Failure, command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ivr.flow.knowledge.finder import Found


@command
class Knowledge(Command):
    """Show which articles of flows/knowledge answer a question, how sure that is, and why: the most similar of the
    article's questions, and how much of the words the article has anywhere.

    Exit status 1 if nobody would get an answer.
    """

    name: ClassVar[str] = "knowledge"
    help: ClassVar[str] = "show which article of the knowledge base answers a question"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("question", help="in a customer's words")
        parser.add_argument("-l", "--language", help="en, es, ... (the company's first)")
        parser.add_argument("--day", metavar="DATE", help="of that day: 2026-01-31 (today)")
        parser.add_argument("--flows", default="flows", help="the folder of flows (flows)")
        parser.add_argument("--prompts", help="the folder of prompts (prompts, beside the flows)")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        import datetime as dt
        import json
        from zoneinfo import ZoneInfo

        from ivr.cli.folders import locate, usable

        folder, prompts, _ = locate(arguments)
        flows = usable(folder, prompts)
        language = arguments.language or flows.default_language
        if not flows.knowledge.languages:
            raise Failure("there are no articles", "write them in flows/knowledge/")
        if language not in flows.knowledge.languages:
            known = ", ".join(flows.knowledge.languages)
            raise Failure(f"there are no articles in '{language}'", f"use one of: {known}")
        try:
            day = dt.date.fromisoformat(arguments.day) if arguments.day else None
        except ValueError:
            raise Failure(f"'{arguments.day}' is no day", "write it as 2026-01-31") from None
        day = day or dt.datetime.now(ZoneInfo(flows.company.timezone)).date()
        found = flows.knowledge.find(arguments.question, language, day)
        bands = flows.company.defaults.confidence
        accept, confirm = bands.accept or 0.0, bands.confirm or 0.0
        best = found[0].sure if found else 0.0
        verdict = "told" if best >= accept else "asked about first" if best >= confirm else "not known"
        if arguments.json:
            shown = [
                {
                    "article": one.article.name,
                    "title": one.article.title,
                    "sure": round(one.sure, 3),
                    "like": round(one.like, 3),
                    "covers": round(one.covers, 3),
                    "nearest": one.nearest,
                }
                for one in found
            ]
            print(json.dumps({"verdict": verdict, "found": shown}, indent=2, ensure_ascii=False))
        else:
            self.show(found, verdict)
        return 1 if verdict == "not known" else 0

    def show(self, found: Sequence[Found], verdict: str) -> None:
        from rich.table import Table
        from rich.text import Text

        from ivr.cli.show import console

        out = console()
        colour = {"told": "green", "asked about first": "yellow"}.get(verdict, "red")
        out.print(f"[{colour}]{verdict}[/]")
        if found and verdict != "not known":
            out.print(Text(f"  {found[0].article.answer}"))
        table = Table("sure", "article", "like", "its question", "covers", box=None, pad_edge=False)
        for one in found:
            table.add_row(
                f"{one.sure:.3f}", one.article.name, f"{one.like:.3f}", Text(one.nearest), f"{one.covers:.3f}"
            )
        out.print()
        out.print(table)
