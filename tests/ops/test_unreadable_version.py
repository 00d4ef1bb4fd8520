"""A published version that this release can't read: what goes on meanwhile, and what is told of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from structlog.testing import capture_logs

from callcenter.campaigns.feeding import Feeder
from callcenter.queues.router import Router
from callcenter.redis_client import connect
from callcenter.tables import flow_versions
from ivr import messaging, queue_config
from ivr.actions import specs
from ivr.campaigns import published_lists
from ivr.flow.problems import FlowError
from ivr.published import Published, _packed
from ivr.queue_config import PublishedQueues
from tests.databases import sqlite_engine
from tests.twilio.support import NOON, ROOT
from tests.valkey import Valkey, valkey

__all__ = ["sqlite_engine", "valkey"]


@pytest.fixture
def published(sqlite_engine: Engine, tmp_path: Path) -> Published:
    """The demo's files are published."""
    made = Published(sqlite_engine, specs(), tmp_path / "versions")
    made.publish(ROOT / "flows", ROOT / "prompts", NOON)
    return made


@pytest.fixture
def queues(published: Published, valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Iterator[PublishedQueues]:
    """They look whether something was published whenever they are asked to."""
    monkeypatch.setattr(queue_config, "LOOK_SECONDS", 0.0)
    client = connect(valkey.url)
    yield PublishedQueues(published, client)
    client.close()


def newer(engine: Engine, folder: Path) -> None:
    """Another release publishes what only it can read."""
    flows = folder / "flows"
    shutil.copytree(ROOT / "flows", flows)
    (flows / "next.yaml").write_text("start: a\nsteps:\n  a: {dance: tango}\n")
    values = {"hash": "next", "content": _packed(flows, ROOT / "prompts"), "published_at": NOON + timedelta(hours=1)}
    with engine.begin() as conn:
        conn.execute(sa.insert(flow_versions).values(**values))


def test_queues_and_campaigns_go_on_as_they_were_and_it_is_told_once(
    sqlite_engine: Engine, published: Published, queues: PublishedQueues, tmp_path: Path
) -> None:
    found, good = queues.queues, published.current()
    config, now = found.config, [NOON.timestamp()]
    found.clock = lambda: now[0]
    router = Router(found, reload=queues.refresh)
    feeder = Feeder(sqlite_engine, found, lambda: published_lists(published))
    newer(sqlite_engine, tmp_path)
    with capture_logs() as told:
        for _ in range(3):
            now[0] += 2
            router.once()
            feeder.once()
    assert [(line["log_level"], line["event"], line["version"]) for line in told] == [
        ("error", "the published version can't be read", "next")
    ]
    assert "dance" in told[0]["why"]
    assert found.config is config
    agent = next(name for name in config.agents if config.serves(name, "general"))
    found.sign_in(agent)
    found.join("c1", "general", channel="sip", holder="sip1")
    assert router.once() == 1, "who waits is offered"
    assert messaging.current(published) is good
    published.roll_back(good.hash, NOON + timedelta(hours=2))
    with capture_logs() as told:
        queues.refresh()
        feeder.once()
    assert [line["event"] for line in told] == ["the published version can be read again"]


def test_without_one_read_before_there_are_no_queues(
    sqlite_engine: Engine, published: Published, valkey: Valkey, tmp_path: Path
) -> None:
    """A router that began so would drop whom it has no queue for."""
    newer(sqlite_engine, tmp_path)
    fresh = Published(sqlite_engine, specs(), tmp_path / "versions")
    with valkey.client() as client, pytest.raises(FlowError):
        PublishedQueues(fresh, client)
    with pytest.raises(FlowError):
        messaging.current(fresh)
