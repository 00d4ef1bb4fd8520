"""How the web application is put together."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

from callcenter.db import open_database, reading
from callcenter.messages.inbound import Inbound
from callcenter.queues.store import Queues
from callcenter.redis_client import connect
from callcenter.tables import contacts
from ivr.actions import specs
from ivr.assembly import make_published, make_runner
from ivr.published import Published
from ivr.queue_config import PublishedQueues
from ivr.vault import Vault
from ivr.web import create_app
from tests.postgres import postgres_server
from tests.twilio.support import NOON, ActingRunner, prepare, settings
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


def test_messages_wait_for_agents_although_the_database_came_later_than_the_process(
    tmp_path: Path, valkey: Valkey
) -> None:
    with postgres_server() as server:
        chosen = settings(tmp_path, redis_url=valkey.url, database_url=server.url())
        engine = prepare(chosen)
        queues = _staffed(PublishedQueues(make_published(chosen, engine), connect(valkey.url)).queues)
        engine.dispose()
        server.stop()
        own = open_database(chosen.database)
        runner = ActingRunner(
            own, Published(own, specs(), tmp_path / "versions"), Vault(), chosen, clock=lambda: NOON, threads=8
        )  # fmt: skip
        try:
            conversations = create_app(chosen, runner).extensions["conversations"]
            server.start()
            asked = Inbound(channel="sms", sender="+12025550143", to="+12025550100", text="agent", provider_id="SM1")
            place = queues.place(conversations.take(asked).contact_id)
            assert place is not None
            assert (place.queue, place.position) == ("general", 1)
            with reading(own) as conn:
                assert conn.execute(sa.select(contacts.c.served_by)).scalars().all() == ["queue"]
        finally:
            runner.close()
            own.dispose()
            queues.client.close()


def _staffed(queues: Queues) -> Queues:
    queues.sign_in(next(agent for agent in queues.config.agents if queues.config.serves(agent, "general")))
    return queues
