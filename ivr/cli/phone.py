"""callwright phone"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, Failure, command


@command
class Phone(Command):
    """Connect the phones that agents have in their browsers, until SIGTERM."""

    name: ClassVar[str] = "phone"
    help: ClassVar[str] = "connect agents' phones in the browser"

    def run(self, arguments: argparse.Namespace) -> int:
        import asyncio
        import logging

        from ivr import logs
        from ivr.embedded import NoRedis, redis_url
        from ivr.settings import Settings

        settings = Settings()
        logs.configure(settings.log_format)
        logging.getLogger("aioice").setLevel(logging.WARNING)  # tells of each address that is tried
        try:
            from ivr.channels.webrtc.gateway import Gateway
            from ivr.channels.webrtc.ice import ice_servers
        except ImportError:
            raise Failure("browser telephones need aiortc", "pip install 'callwright[phone]'") from None
        try:
            gateway = Gateway(redis_url(settings), ice_servers(settings.ice_servers))
        except (NoRedis, ValueError) as error:
            raise Failure(str(error)) from None
        asyncio.run(gateway.run())
        return 0
