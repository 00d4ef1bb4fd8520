"""callwright web"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, Failure, command


@command
class Web(Command):
    """Serve the desk, the API, webhooks, the chat's files, health and metrics. On SIGTERM, requests finish first."""

    name: ClassVar[str] = "web"
    help: ClassVar[str] = "serve the desk, the API, webhooks and the chat"

    def run(self, arguments: argparse.Namespace) -> int:
        from ivr import logs
        from ivr.settings import Settings
        from ivr.web import create_app
        from ivr.web.gunicorn import Server

        settings = Settings()
        try:
            logs.configure(settings.log_format)
            app = create_app(settings)
        except ValueError as error:
            raise Failure(str(error)) from None
        Server(app, settings).run()
        return 0
