"""callwright staffing"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, ClassVar

from ivr.cli.command import Command, Failure, command
from ivr.cli.database import database

if TYPE_CHECKING:
    from callcenter.reports.forecast_staff import Plan, WhatIf

OPTIONS = {
    "percent": "--level", "seconds": "--level", "shrinkage": "--shrinkage", "occupancy": "--occupancy",
    "handling": "--handling", "volume": "--volume",
}  # fmt: skip


@command
class Staffing(Command):
    """Forecast a week half-hour by half-hour from what came to the queues in the weeks before, with the agents that
    each queue needs for its service level, and how far off the forecast of the last seven days was. Targets are those
    of the published queues.yaml; the options say what if. docs/staffing.md has the method.

    Exit status 1 if no queue has enough history.
    """

    name: ClassVar[str] = "staffing"
    help: ClassVar[str] = "forecast a week and the agents that it needs"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("-q", "--queue", metavar="QUEUE", help="one queue (all)")
        parser.add_argument("-w", "--week", metavar="WEEK", help="as 2026-W48 (the next one)")
        parser.add_argument("--csv", metavar="FILE", help="write a CSV file instead; - for the standard output")
        parser.add_argument("--level", metavar="PERCENT/SECONDS", help="another service level: 90/10")
        parser.add_argument("--shrinkage", type=float, metavar="PERCENT", help="another shrinkage")
        parser.add_argument("--occupancy", type=float, metavar="PERCENT", help="another highest occupancy")
        parser.add_argument("--handling", type=float, metavar="SECONDS", help="another handling time of calls")
        parser.add_argument("--volume", type=float, default=0, metavar="PERCENT", help="so many more contacts: 10, -5")

    def run(self, arguments: argparse.Namespace) -> int:
        from datetime import UTC, datetime
        from zoneinfo import ZoneInfo

        from callcenter.acd.config import Config, ConfigError
        from callcenter.db import reading
        from callcenter.reports import forecast_staff as staff
        from callcenter.reports.forecast_reading import Gathered
        from ivr.assembly import make_published
        from ivr.flow.problems import FlowError
        from ivr.published import NothingPublished
        from ivr.queue_config import PublishedHours
        from ivr.settings import Settings

        what_if = _what_if(arguments)
        settings = Settings()
        with database(settings) as engine:
            try:
                flows = make_published(settings, engine).current()
                configured = Config.from_files(flows.files)
                if not configured.queues:
                    raise Failure("there are no queues", "write flows/queues.yaml and publish it")
                if arguments.queue and arguments.queue not in configured.queues:
                    known = ", ".join(configured.queues)
                    raise Failure(f"there is no queue '{arguments.queue}'", f"there are {known}")
                zone = ZoneInfo(flows.company.timezone)
                today = datetime.now(UTC).astimezone(zone).date()
                try:
                    week = staff.monday(arguments.week, today) if arguments.week else staff.next_week(today)
                except ValueError as error:
                    raise Failure(f"'{arguments.week}' is no week: {error}") from None
                known_on = staff.known_on(week, today)
                openings = staff.openings_of(configured, PublishedHours(lambda: flows).openings, week, today)
                with reading(engine) as conn:
                    arrivals = Gathered().read(conn, known_on, zone)
                try:
                    plans = [
                        staff.plan(arrivals, queue, configured, week, known_on, zone, openings, what_if)
                        for queue in ([arguments.queue] if arguments.queue else configured.queues)
                    ]
                except ValueError as error:
                    raise Failure(str(error), "see --level, --volume and --handling") from None
            except (NothingPublished, FlowError, ConfigError) as error:
                raise Failure(str(error)) from None
        if arguments.csv:
            _write(plans, arguments.csv)
        else:
            for plan in plans:
                _show(plan, staff.week_name(week), flows.company.timezone)
        return 0 if any(plan.needs for plan in plans) else 1


def _what_if(arguments: argparse.Namespace) -> WhatIf:
    """Raises `Failure`."""
    from callcenter.reports.forecast_staff import WhatIf

    percent = seconds = None
    if arguments.level:
        try:
            percent, seconds = (float(part) for part in arguments.level.split("/"))
        except ValueError:
            raise Failure(f"'{arguments.level}' is no service level", "write --level 80/20") from None
    found = WhatIf(
        percent, seconds, arguments.shrinkage, arguments.occupancy, arguments.handling, arguments.volume
    )  # fmt: skip
    try:
        found.check()
    except ValueError as error:
        name, least, most = error.args
        raise Failure(f"{OPTIONS[name]}: {getattr(found, name):g} is out of range", f"use {least} to {most}") from None
    return found


def _write(plans: list[Plan], to: str) -> None:
    """Raises `Failure`."""
    import sys
    from pathlib import Path

    from callcenter.desk.spreadsheet import line
    from callcenter.reports.forecast_table import rows

    text = "".join(map(line, rows(plans)))
    if to == "-":
        sys.stdout.write(text)
        return
    try:
        Path(to).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise Failure(f"{to} can't be written: {error.strerror}") from None


def _show(plan: Plan, week: str, zone: str) -> None:
    from callcenter.counting import counted
    from callcenter.reports.forecast import LEAST, TooLittle
    from ivr.cli.show import console

    out, assumed = console(), plan.assumed
    out.print(f"[bold]{plan.queue}[/] {week} ({zone}): {assumed.percent:g} % within {assumed.seconds:g} s, agents busy "
              f"for {assumed.occupancy:g} % at most, {assumed.shrinkage:g} % shrinkage")  # fmt: skip
    if plan.history is not None:
        had = counted(plan.history.days, "day")
        out.print(f"  too little history: {had}; a half-hour is forecast once its weekday and time of day were seen "
                  f"{LEAST} times\n")  # fmt: skip
        return
    if isinstance(plan.test, TooLittle):
        out.print("  too little history to test the forecast on the last seven days")
    else:
        out.print(f"  the last seven days: {plan.test.expected:.0f} expected, {plan.test.came} came; off by "
                  f"{plan.test.error:.0%} a half-hour, {plan.test.error_by_day:.0%} a day (WAPE); {plan.test.held:.0%} "
                  "of half-hours in the interval")  # fmt: skip
    for kind, length in plan.lengths.items():
        source = f"{length.measured} measured" if length.measured else "assumed"
        out.print(f"  {kind}: {length.seconds:.0f} s of handling ({source})")
    told = "not known, so nobody is taken to give up (Erlang C)" if plan.patience is None else f"{plan.patience:.0f} s"
    out.print(f"  patience: {told}")
    for kind, little in plan.unknown.items():
        out.print(f"  {kind}: left out, too little history ({counted(little.days, 'day')})")
    if plan.missing:
        out.print(f"  no forecast for {counted(plan.missing, 'open half-hour')}: too little history")
    out.print(f"  {'from':17}{'contacts':>9}{'80 % between':>14}{'handling':>10}{'erlangs':>9}{'agents':>8}"
              f"{'if high':>9}{'scheduled':>11}{'in time':>9}")  # fmt: skip
    for need in plan.needs:
        between = f"{need.volume.low:.0f}-{need.volume.high:.0f}"
        in_time = "" if need.service is None else f"{need.service.level:.0%}"
        out.print(f"  {need.at:%a %d %b %H:%M} {need.volume.mean:9.1f}{between:>14}{need.handling:8.0f} s"
                  f"{need.load:9.2f}{need.agents:8}{need.most:9}{need.scheduled:11}{in_time:>9}")  # fmt: skip
    out.print()
