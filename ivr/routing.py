"""The router's process: the router itself, the journal's way into the database, what is told of each offer, and the
people of campaigns on their way into queues."""

from __future__ import annotations

import logging
import signal
import threading

from callcenter.campaigns.feeding import Feeder
from callcenter.counting import counted
from callcenter.live import Live
from callcenter.queues.journal import Fact
from callcenter.queues.popping import ScreenPops
from callcenter.queues.router import Drain, Router
from callcenter.queues.telling import Telling
from callcenter.redis_client import connect
from ivr.assembly import make_published
from ivr.campaigns import published_lists
from ivr.channels.twilio.orders import Orders
from ivr.channels.twilio.payments import Payments
from ivr.channels.twilio.ringing import Ringing
from ivr.channels.twilio.sip_host import carried
from ivr.embedded import redis_url
from ivr.queue_config import PublishedQueues
from ivr.runner import Runner
from ivr.settings import Settings
from ivr.startup import open_migrated
from ivr.vault import Vault


def serve(settings: Settings) -> None:
    """Until SIGTERM or SIGINT. Raises `CannotStart` without a database, `NoRedis` without a store."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    engine = open_migrated(settings)
    url = redis_url(settings)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    made = make_published(settings, engine)
    published = PublishedQueues(made, connect(url), carried(settings))
    queues = published.queues
    drain = Drain(engine, queues, published.message)
    draining = threading.Thread(target=drain.run, args=(stopping,), name="journal")
    draining.start()
    feeder = Feeder(engine, queues, lambda: published_lists(made))
    feeding = threading.Thread(target=feeder.run, args=(stopping,), name="campaigns")
    feeding.start()
    live = Live(url)
    pops, telling = ScreenPops(engine, queues, live), Telling(live)
    ringing: Ringing | None = None
    runner: Runner | None = None
    ordering: list[threading.Thread] = []
    if settings.twilio_account_sid and settings.twilio_auth_token and settings.public_base_url:
        ringing = Ringing(settings, queues, engine)
        runner = Runner(engine, made, Vault.from_setting(settings.seal_key), settings)
        orders = Orders(settings, queues, Payments(runner, queues.client, live.publish), keep=ringing.keep)
        ordering = [threading.Thread(target=work, args=(stopping,)) for work in (orders.run, orders.watch)]
        for thread in ordering:
            thread.start()

    def happened(facts: list[Fact]) -> None:
        pops.take(facts)
        telling.take(facts)
        if ringing is not None:
            ringing.take(facts)

    config = queues.config
    print(f"router: {counted(len(config.queues), 'queue')}, {counted(len(config.agents), 'agent')}", flush=True)
    try:
        Router(queues, engine, reload=published.refresh, on_facts=happened, on_start=pops.catch_up).run(stopping)
    finally:
        stopping.set()
        pops.close()
        telling.close()
        if ringing is not None:
            ringing.close()
        for thread in ordering:
            thread.join()
        if runner is not None:
            runner.close()
        feeding.join()
        draining.join()
        engine.dispose()
