"""callwright publish"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, ClassVar

from ivr.cli.command import Command, Failure, command
from ivr.cli.database import database

if TYPE_CHECKING:
    from ivr.published import Published


@command
class Publish(Command):
    """Check the flows and prompts, and publish them for new calls. Calls in progress keep the version they started on.
    If there is a mistake in the files, nothing changes.
    """

    name: ClassVar[str] = "publish"
    help: ClassVar[str] = "publish the flows and prompts for new calls"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--list", action="store_true", help="list the published versions, the current one first")
        which.add_argument("--roll-back", metavar="HASH", help="make an earlier version current again")

    def run(self, arguments: argparse.Namespace) -> int:
        from callcenter.counting import counted
        from ivr.assembly import make_published
        from ivr.settings import Settings

        settings = Settings()
        with database(settings) as engine:
            versions = make_published(settings, engine)
            if arguments.list:
                return self._list(versions)
            if arguments.roll_back:
                flows = versions.roll_back(self._whole(versions, arguments.roll_back))
                print(f"version {flows.hash} answers new calls again")
            else:
                flows = versions.publish(settings.flows_dir, settings.prompts_dir)
                made = f"{counted(len(flows.flows), 'flow')}, {counted(len(flows.texts), 'language')}"
                print(f"version {flows.hash} answers new calls: {made}")
        self._render(settings)
        return 0

    def _list(self, versions: Published) -> int:
        history = versions.history()
        for number, (hash, at) in enumerate(history):
            print(f"{hash}  {at.astimezone():%Y-%m-%d %H:%M:%S}{'  answers new calls' if number == 0 else ''}")
        if not history:
            print("nothing is published yet")
        return 0

    def _whole(self, versions: Published, beginning: str) -> str:
        known = [hash for hash, _ in versions.history() if hash.startswith(beginning)]
        if len(known) != 1:
            what = f"no version begins with {beginning!r}" if not known else f"{len(known)} begin with {beginning!r}"
            raise Failure(what, "`callwright publish --list` shows them all")
        return known[0]

    def _render(self, settings: object) -> None:
        """Have a worker render what is new. Without one, prompts are rendered when they are first heard."""
        import redis

        from ivr import jobs
        from ivr.embedded import NoRedis
        from ivr.settings import Settings

        assert isinstance(settings, Settings)
        try:
            jobs.enqueue(settings, jobs.render_prompts, jobs.SLOW)
        except (NoRedis, redis.RedisError):
            print("no worker can be asked to render new prompts; `callwright prompts` does it here and now")
