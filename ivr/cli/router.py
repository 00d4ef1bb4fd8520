"""callwright router"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, Failure, command


@command
class RouterCommand(Command):
    """Offer who waits to who is free, end what has lapsed, and write the queues' journal into the event log. One is
    enough; a second one takes over at once when the first dies."""

    name: ClassVar[str] = "router"
    help: ClassVar[str] = "offer waiting contacts to agents"

    def run(self, arguments: argparse.Namespace) -> int:
        from ivr import logs
        from ivr.embedded import NoRedis
        from ivr.flow.problems import FlowError
        from ivr.routing import serve
        from ivr.settings import Settings
        from ivr.startup import CannotStart

        settings = Settings()
        logs.configure(settings.log_format)
        try:
            serve(settings)
        except (CannotStart, NoRedis, FlowError, ValueError) as error:
            raise Failure(str(error)) from None
        return 0
