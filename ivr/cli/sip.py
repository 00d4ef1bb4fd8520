"""callwright sip"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, Failure, command


@command
class Sip(Command):
    """Answer SIP calls with the published flows, until SIGTERM: then live calls finish first."""

    name: ClassVar[str] = "sip"
    help: ClassVar[str] = "answer SIP calls"

    def run(self, arguments: argparse.Namespace) -> int:
        from ivr import logs
        from ivr.assembly import make_recognition, make_renderer, make_runner
        from ivr.channels.sip.service import serve
        from ivr.channels.sip.switchboard import Switchboard
        from ivr.embedded import NoRedis
        from ivr.settings import Settings

        settings = Settings()
        logs.configure(settings.log_format)
        try:
            renderer, runner = make_renderer(settings), make_runner(settings)
            try:
                switchboard = Switchboard.open(settings, runner, renderer)
            except NoRedis as error:
                print(f"SIP: callers can't wait for agents: {error}", flush=True)
                switchboard = None
            serve(settings, runner, renderer, make_recognition(settings, renderer), switchboard, _ready)
        except ValueError as error:
            raise Failure(str(error)) from None
        except OSError as error:
            where = f"{settings.sip_host}:{settings.sip_port}"
            raise Failure(f"SIP can't listen on {where} ({error.strerror})", "set SIP_HOST and SIP_PORT") from None
        return 0


def _ready(address: tuple[str, int]) -> None:
    print(f"SIP: call sip:anything@{address[0]}:{address[1]}", flush=True)
