"""callwright schema"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, command


@command
class Schema(Command):
    """Print or write the JSON Schema of flows, scripted calls or other files, for editors that complete and check.

    docs/flow-language.md says how to use it.
    """

    name: ClassVar[str] = "schema"
    help: ClassVar[str] = "print the JSON Schema of a kind of file, for editors"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        files = ("flow", "company", "intents", "quality", "campaigns", "article", "call")
        parser.add_argument("file", nargs="?", choices=files, default="flow", help="the kind of file (flow)")
        parser.add_argument("-o", "--output", help="the file to write, instead of printing it")

    def run(self, arguments: argparse.Namespace) -> int:
        import json
        from pathlib import Path

        from ivr.actions import specs
        from ivr.flow.schema import DIALECT, company_schema, flow_schema, intents_schema

        if arguments.file == "flow":
            schema = flow_schema(specs())
        elif arguments.file == "company":
            schema = company_schema()
        elif arguments.file == "intents":
            schema = intents_schema()
        elif arguments.file == "quality":
            from callcenter.quality import QualityFile

            schema = {"$schema": DIALECT, **QualityFile.model_json_schema(), "title": "Callwright evaluation forms"}
        elif arguments.file == "article":
            from ivr.flow.knowledge.articles import FrontMatter

            front = FrontMatter.model_json_schema(by_alias=True)
            schema = {"$schema": DIALECT, **front, "title": "Callwright article, its front matter"}
        elif arguments.file == "campaigns":
            from callcenter.campaigns.config import CampaignsFile

            schema = {
                "$schema": DIALECT,
                **CampaignsFile.model_json_schema(by_alias=True),
                "title": "Callwright campaigns",
            }
        else:
            from ivr.rehearsal.script import ScriptedCall

            schema = {"$schema": DIALECT, **ScriptedCall.model_json_schema(by_alias=True)}
        text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        if arguments.output:
            Path(arguments.output).write_text(text, encoding="utf-8")
        else:
            print(text, end="")
        return 0
