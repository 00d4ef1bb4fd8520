"""callwright worker"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, Failure, command


@command
class Worker(Command):
    """Run jobs: messages, reconciliation, rendering, cleaning up. Start as many as you like, on any machine.

    SIGTERM ends it after the current job, a second SIGTERM at once.
    """

    name: ClassVar[str] = "worker"
    help: ClassVar[str] = "run jobs: send messages, reconcile payments, clean up"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("queues", nargs="*", help="the queues to serve, most urgent first (all)")
        parser.add_argument("--burst", action="store_true", help="exit when the queues are empty")

    def run(self, arguments: argparse.Namespace) -> int:
        import logging

        import redis
        from rq import Worker as RqWorker

        from ivr import actions, jobs, logs
        from ivr.embedded import NoRedis, connect
        from ivr.settings import Settings
        from ivr.startup import CannotStart, open_migrated

        unknown = [name for name in arguments.queues if name not in jobs.QUEUES]
        if unknown:
            raise Failure(f"there is no queue {unknown[0]!r}", f"there are {', '.join(jobs.QUEUES)}")
        settings = Settings()
        logs.configure(settings.log_format)
        for name in ("rq.worker", "alembic"):  # every job says itself what it did
            logging.getLogger(name).setLevel(logging.WARNING)
        actions.actions()  # imported once, before jobs are forked off
        try:
            open_migrated(settings).dispose()
            client = connect(settings)
            worker = RqWorker(list(arguments.queues or jobs.QUEUES), connection=client)
            worker.log_result_lifespan = False
            # No scheduler: nothing is enqueued for later, and its process would outlive a killed worker.
            worker.work(burst=arguments.burst, logging_level="WARNING")
        except CannotStart as error:
            raise Failure(str(error)) from None
        except (NoRedis, redis.RedisError) as error:
            raise Failure(f"Redis: {error}") from None
        return 0
