"""callwright ask"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, Failure, command


@command
class Ask(Command):
    """Show what the flows make of a sentence: the intents with their scores, how sure the likeliest is, the nearest
    examples, and the values that would fill slots.

    Exit status 1 if it would not be understood.
    """

    name: ClassVar[str] = "ask"
    help: ClassVar[str] = "show what a caller's sentence would be taken for"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("sentence", help="what the caller says")
        parser.add_argument("-l", "--language", help="en, es, ... (the company's first)")
        parser.add_argument("--flows", default="flows", help="the folder of flows (flows)")
        parser.add_argument("--prompts", help="the folder of prompts (prompts, beside the flows)")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        import datetime as dt
        import json

        from ivr.cli.folders import locate, usable
        from ivr.flow.session import SPEECH, Session
        from ivr.flow.turn import Turn

        folder, prompts, _ = locate(arguments)
        flows = usable(folder, prompts)
        language = arguments.language or flows.default_language
        if language not in flows.company.languages:
            known = ", ".join(flows.company.languages)
            raise Failure(f"'{language}' is not one of the company's languages", f"use one of: {known}")
        if not flows.intents.names:
            raise Failure("the flows know no intents", "tell them by examples in flows/intents.yaml")
        found = flows.intents.match(arguments.sentence, language)
        if found is None:
            raise Failure("there is nothing to understand in that", "write a sentence of words")
        session = Session("", "", "voice", SPEECH, flows.hash, language)
        slots = flows.intents.fill(found.intent, arguments.sentence, Turn(flows, session, dt.datetime.now(dt.UTC)))
        bands = flows.company.defaults.confidence
        accept, confirm = bands.accept or 0.0, bands.confirm or 0.0
        verdict = "taken" if found.sure >= accept else "confirmed first" if found.sure >= confirm else "not understood"
        if arguments.json:
            shown = {
                "intent": found.intent,
                "sure": round(found.sure, 3),
                "verdict": verdict,
                "slots": slots,
                "scores": {name: round(score, 3) for name, score in found.scores.items()},
                "nearest": [
                    {"likeness": round(near.likeness, 3), "intent": near.intent or None, "example": near.example}
                    for near in found.nearest
                ],
            }
            print(json.dumps(shown, indent=2, ensure_ascii=False))
        else:
            self.show(found, verdict, slots)
        return 0 if found.sure >= confirm else 1

    def show(self, found: object, verdict: str, slots: dict[str, object]) -> None:
        from rich.table import Table

        from ivr.cli.show import console
        from ivr.flow.understand.classifier import Match

        assert isinstance(found, Match)
        out = console()
        colour = {"taken": "green", "confirmed first": "yellow"}.get(verdict, "red")
        out.print(f"[bold]{found.intent}[/]  {found.sure:.0%} sure: [{colour}]{verdict}[/]")
        for slot, value in slots.items():
            out.print(f"  {slot} = {value!r}", markup=False)
        scores = Table("score", "intent", box=None, pad_edge=False)
        for name, score in list(found.scores.items())[:5]:
            scores.add_row(f"{score:.3f}", name)
        nearest = Table("like", "intent", "example", box=None, pad_edge=False)
        for near in found.nearest:
            nearest.add_row(f"{near.likeness:.3f}", near.intent or "(none)", near.example)
        out.print()
        out.print(scores)
        out.print()
        out.print(nearest)
