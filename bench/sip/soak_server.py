"""`callwright sip` with a window into it: `python -m bench.sip.soak_server T1`. SIGUSR1 has it tell what it holds.

T1 is RFC 3261's base time in seconds: shorter than its 0.5, so that what a peer that vanished leaves behind is gone
within seconds rather than half a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from unittest.mock import patch

from bench.sip.served import rss
from ivr import logs
from ivr.assembly import make_renderer, make_runner
from ivr.channels.sip import service
from ivr.channels.sip.endpoint import SipEndpoint
from ivr.channels.sip.settings import SipSettings
from ivr.channels.sip.transaction import Timers
from ivr.settings import Settings

POOLS = ("store", "action", "asyncio")
"""Threads of pools, which grow to a bound of their own; so do the database connections that they hold."""


def files() -> Iterator[str]:
    """What this process has open."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            yield os.readlink(f"/proc/self/fd/{name}")


def main() -> None:
    settings = Settings()
    logs.configure(settings.log_format)
    as_set = service.sip_settings

    def hasty(settings: Settings) -> SipSettings:
        return replace(as_set(settings), timers=Timers(t1=float(sys.argv[1])))

    service.sip_settings = hasty

    class Watched(service.SipService):
        async def start(self) -> SipEndpoint:
            endpoint = await super().start()
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGUSR1, lambda: loop.create_task(tell(endpoint)))
            return endpoint

    database = settings.database.removeprefix("sqlite:///")

    async def tell(endpoint: SipEndpoint) -> None:
        gc.collect()
        media = await endpoint.media.stats()
        print(
            json.dumps(
                {
                    **{name: count for name, count in endpoint.stats().items() if not name.startswith("odd_")},
                    "asyncio_tasks": len(asyncio.all_tasks()) - 1,
                    "threads": sum(not thread.name.startswith(POOLS) for thread in threading.enumerate()),
                    "files": sum(not path.startswith(database) for path in files()),
                    "objects": len(gc.get_objects()),
                    "megabytes": round(rss(os.getpid()) / 1e6, 1),
                    "media_megabytes": round(rss(endpoint.media.pid) / 1e6, 1),
                    "media_streams": media["streams"],
                    "media_files": len(os.listdir(f"/proc/{endpoint.media.pid}/fd")),
                    "media_threads": len(os.listdir(f"/proc/{endpoint.media.pid}/task")),
                }
            ),
            flush=True,
        )

    with patch.object(service, "SipService", Watched):
        service.serve(
            settings, make_runner(settings), make_renderer(settings), None, None, lambda _: print("ready", flush=True)
        )


if __name__ == "__main__":
    main()
