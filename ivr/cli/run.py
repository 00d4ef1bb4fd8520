"""callwright run"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, Failure, command


@command
class Run(Command):
    """Start all of it on this machine: web, SIP, worker and clock (see Procfile), a private Redis server where
    REDIS_URL is empty, the database migrated, the demo company's bills imported, flows published, prompts rendered.

    Ctrl-C or SIGTERM stops it in order: live calls may finish within SIP_DRAIN_SECONDS; once more stops at once.
    """

    name: ClassVar[str] = "run"
    help: ClassVar[str] = "start everything on this machine"

    def run(self, arguments: argparse.Namespace) -> int:
        import asyncio

        from rich.console import Console

        from ivr.embedded import NoRedis
        from ivr.ports import PortTaken
        from ivr.running import only_one
        from ivr.service import Service
        from ivr.settings import Settings
        from ivr.startup import CannotStart

        settings = Settings()
        try:
            with only_one(settings.data_dir) as listens:
                service = Service(settings, Console(highlight=False))
                listens(service.settings.port)
                asyncio.run(service.run(*service.prepare()))
        except (CannotStart, NoRedis, PortTaken) as error:
            raise Failure(str(error)) from None
        return 0
