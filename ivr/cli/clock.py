"""callwright clock"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, Failure, command

JOIN_SECONDS = 5.0
"""For a look at the queues to be over, at the end."""


@command
class Clock(Command):
    """Start periodic jobs when they are due (see `ivr.jobs.PERIODIC`), and watch the queues for alerts. One for the
    whole installation is enough; a second one does no harm."""

    name: ClassVar[str] = "clock"
    help: ClassVar[str] = "start periodic jobs, watch for alerts"

    def run(self, arguments: argparse.Namespace) -> int:
        import logging
        import threading

        import redis

        from callcenter.db import open_database
        from ivr import jobs, logs
        from ivr.assembly import make_published
        from ivr.embedded import NoRedis, connect
        from ivr.settings import Settings
        from ivr.watching import Watch

        settings = Settings()
        logs.configure(settings.log_format)
        logging.getLogger("rq.cron").setLevel(logging.WARNING)
        try:
            client = connect(settings)
            engine = open_database(settings.database)
        except redis.RedisError as error:
            raise Failure(f"Redis: {error}") from None
        except (NoRedis, ValueError) as error:
            raise Failure(str(error)) from None
        stopping = threading.Event()
        watch = Watch(settings, engine, make_published(settings, engine))
        watching = threading.Thread(target=watch.run, args=(stopping,), name="alerts", daemon=True)
        watching.start()
        try:
            jobs.run_clock(client)
        except redis.RedisError as error:
            raise Failure(f"Redis: {error}") from None
        finally:
            stopping.set()
            watching.join(JOIN_SECONDS)
        return 0
