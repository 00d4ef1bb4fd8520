"""`callwright sip` with a window into it: `python -m bench.sip.soak_server T1`. On SIGUSR1 it tells what it holds.

T1 is RFC 3261's base time in seconds: shorter than its 0.5, so that what a peer that vanished leaves behind is gone
within seconds rather than half a minute.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
import threading
from dataclasses import replace

from ivr import logs
from ivr.assembly import make_renderer, make_runner
from ivr.channels.sip import service
from ivr.channels.sip.settings import SipSettings
from ivr.channels.sip.transaction import Timers
from ivr.settings import Settings


def main() -> None:
    settings = Settings()
    logs.configure(settings.log_format)
    as_set = service.sip_settings

    def hasty(settings: Settings) -> SipSettings:
        return replace(as_set(settings), timers=Timers(t1=float(sys.argv[1])))

    service.sip_settings = hasty
    made: list[service.SipService] = []

    class Watched(service.SipService):
        async def start(self):  # type: ignore[no-untyped-def]
            made.append(self)
            endpoint = await super().start()
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGUSR1, lambda: loop.create_task(tell(endpoint)))
            return endpoint

    async def tell(endpoint):  # type: ignore[no-untyped-def]
        gc.collect()
        media = await endpoint.media.stats()
        print(
            json.dumps(
                {
                    **{name: count for name, count in endpoint.stats().items() if not name.startswith("odd_")},
                    "asyncio_tasks": len(asyncio.all_tasks()) - 1,
                    "threads": threading.active_count(),
                    "files": len(os.listdir("/proc/self/fd")),
                    "media_streams": media["streams"],
                    "media_files": len(os.listdir(f"/proc/{endpoint.media.pid}/fd")),
                    "media_threads": len(os.listdir(f"/proc/{endpoint.media.pid}/task")),
                }
            ),
            flush=True,
        )

    service.SipService = Watched  # type: ignore[misc]
    service.serve(settings, make_runner(settings), make_renderer(settings), None, lambda _: print("ready", flush=True))


if __name__ == "__main__":
    main()
