"""callwright campaign"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ivr.cli.command import Command, Failure, command
from ivr.cli.database import database

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

    from callcenter.campaigns.config import Campaign
    from ivr.flow.model import FlowSet

SHOWN = 20
"""Lines of a list that are named."""
BY = "console"


@command
class Campaigns(Command):
    """Outbound campaigns (flows/campaigns.yaml): put a list of people on one, see how far it is, pause, resume.

      callwright campaign import payment_plan people.csv   (all lines or, with any mistake, none)
      callwright campaign status
      callwright campaign pause payment_plan
      callwright campaign export payment_plan > results.csv

    docs/campaigns.md describes the columns.
    """

    name: ClassVar[str] = "campaign"
    help: ClassVar[str] = "outbound campaigns: import a list, status, pause, resume, export"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        imports = actions.add_parser("import", help="put the people of a CSV file on the list")
        imports.add_argument("campaign")
        imports.add_argument("file", type=Path)
        imports.add_argument("--check", action="store_true", help="only say what would be done")
        actions.add_parser("status", help="how far all campaigns are").add_argument("campaign", nargs="?")
        for name, help in (
            ("pause", "call nobody until it is resumed"),
            ("resume", "go on calling"),
            ("export", "print the results by person as CSV"),
        ):
            actions.add_parser(name, help=help).add_argument("campaign")

    def run(self, arguments: argparse.Namespace) -> int:
        from ivr import campaigns, messaging
        from ivr.assembly import make_published
        from ivr.settings import Settings

        settings = Settings()
        with database(settings) as engine:
            flows = messaging.current(make_published(settings, engine))
            known = campaigns.named(flows) if flows is not None else {}
            if arguments.action == "status":
                return self._status(engine, known, arguments.campaign)
            if arguments.action == "import":
                return self._import(engine, flows, _known(known, arguments.campaign), arguments)
            if arguments.action == "export":
                return self._export(engine, known, arguments.campaign)
            with engine.begin() as conn:
                return self._switch(conn, known, arguments)

    def _import(self, engine: Engine, flows: FlowSet | None, campaign: Campaign, arguments: argparse.Namespace) -> int:
        from datetime import UTC, datetime

        from callcenter.campaigns.importing import ListError, put, read

        try:
            lines = read(arguments.file, flows.company.country if flows is not None else "", campaign.columns)
        except OSError as error:
            raise Failure(f"{arguments.file} can't be read: {error.strerror}") from None
        except ListError as error:
            print(error)
            return 1
        done = put(engine, arguments.campaign, campaign, lines, datetime.now(UTC), dry=arguments.check)
        print(f"{done.added} to be called, {len(done.refused)} not to be called, {len(done.known)} not added"
              f"{'; nothing was changed' if arguments.check else ''}")  # fmt: skip
        told = sorted([*done.refused, *done.known])
        for line, why in told[:SHOWN]:
            print(f"{arguments.file}:{line}: {why.replace('_', ' ')}")
        if len(told) > SHOWN:
            print(f"and {len(told) - SHOWN} more")
        return 0

    def _status(self, engine: Engine, known: Mapping[str, Campaign], wanted: str | None) -> int:
        from callcenter.campaigns import figures
        from callcenter.counting import counted
        from callcenter.db import reading

        with reading(engine) as conn:
            found = figures.progress(conn, known)
        if wanted is not None and wanted not in found:
            raise Failure(f"there is no campaign {wanted!r}", f"there are {', '.join(found) or 'none'}")
        for name, one in found.items():
            if wanted not in (None, name):
                continue
            state = " (paused)" if one.paused else "" if name in known else " (not in campaigns.yaml)"
            results = ", ".join(f"{count} {result.replace('_', ' ')}" for result, count in sorted(one.results.items()))
            next_at = f", next {one.next_at.astimezone():%Y-%m-%d %H:%M}" if one.next_at is not None else ""
            done = f"{one.done} of {one.people} done ({one.percent} %)" + (f": {results}" if results else "")
            under_way = "in the queue" if name not in known or known[name].flow is None else "called now"
            now = f"{one.queued} {under_way}, {one.waiting} waiting{next_at}"
            print(f"{name}{state}: {done}; {now}; {counted(one.calls, 'call')}")
        if not found:
            print("there are no campaigns; describe one in flows/campaigns.yaml")
        return 0

    def _export(self, engine: Engine, known: Mapping[str, Campaign], name: str) -> int:
        from callcenter.campaigns import figures
        from callcenter.db import reading

        with reading(engine) as conn:
            if name not in figures.progress(conn, known):
                _known(known, name)
            for line in figures.export(conn, name):
                print(line, end="")
        return 0

    def _switch(self, conn: Connection, known: Mapping[str, Campaign], arguments: argparse.Namespace) -> int:
        from datetime import UTC, datetime

        from callcenter.campaigns import people

        _known(known, arguments.campaign)
        change = people.pause if arguments.action == "pause" else people.resume
        changed = change(conn, arguments.campaign, by=BY, at=datetime.now(UTC))
        state = "paused" if arguments.action == "pause" else "running"
        print(f"{arguments.campaign} is {state}{'' if changed else ' already'}")
        return 0


def _known(known: Mapping[str, Campaign], name: str) -> Campaign:
    if name not in known:
        fix = f"there are {', '.join(known)}" if known else "describe it in flows/campaigns.yaml and publish"
        raise Failure(f"there is no campaign {name!r} in the published flows", fix)
    return known[name]
