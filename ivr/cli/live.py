"""callwright live"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, Failure, command


@command
class LiveCommand(Command):
    """Serve the WebSockets of chat visitors and of the desk's pages. On SIGTERM, every page reconnects to another
    process."""

    name: ClassVar[str] = "live"
    help: ClassVar[str] = "serve the WebSockets of chats and of the desk"

    def run(self, arguments: argparse.Namespace) -> int:
        from ivr import event_loop, logs
        from ivr.assembly import make_live_context
        from ivr.live.server import run
        from ivr.settings import Settings

        settings = Settings()
        try:
            logs.configure(settings.log_format)
            context = make_live_context(settings)
        except ValueError as error:
            raise Failure(str(error)) from None
        try:
            event_loop.run(run(context, _ready))
        except ValueError as error:
            raise Failure(str(error)) from None
        except OSError as error:
            where = f"{settings.host}:{settings.live_port}"
            raise Failure(f"can't listen on {where} ({error.strerror})", "set HOST and LIVE_PORT") from None
        finally:
            context.close()
        return 0


def _ready(address: tuple[str, int]) -> None:
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    print(f"live: ws://{host}:{address[1]}", flush=True)
