"""callwright clock"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, Failure, command


@command
class Clock(Command):
    """Start periodic jobs when they are due (see `ivr.jobs.PERIODIC`). One for the whole installation is enough; a
    second one does no harm."""

    name: ClassVar[str] = "clock"
    help: ClassVar[str] = "start periodic jobs"

    def run(self, arguments: argparse.Namespace) -> int:
        import logging

        import redis

        from ivr import jobs, logs
        from ivr.embedded import NoRedis, connect
        from ivr.settings import Settings

        settings = Settings()
        logs.configure(settings.log_format)
        logging.getLogger("rq.cron").setLevel(logging.WARNING)
        try:
            jobs.run_clock(connect(settings))
        except (NoRedis, redis.RedisError) as error:
            raise Failure(f"Redis: {error}") from None
        return 0
