"""How the web application is put together."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.pool import QueuePool

from ivr.assembly import make_runner
from ivr.web import create_app
from tests.twilio.support import prepare, settings
from tests.valkey import Valkey


def test_no_connection_of_the_database_is_shared_with_the_workers(tmp_path: Path, valkey: Valkey) -> None:
    """Two processes that speak on one connection break each other's transactions."""
    chosen = settings(tmp_path, redis_url=valkey.url)
    prepare(chosen).dispose()
    runner = make_runner(chosen)
    try:
        create_app(chosen, runner)
        pool = runner.engine.pool
        assert isinstance(pool, QueuePool)
        assert (pool.checkedin(), pool.checkedout()) == (0, 0), "what is open now, all workers would speak on"
    finally:
        runner.close()
        runner.engine.dispose()
