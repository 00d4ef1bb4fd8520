"""callwright router and callwright audit, as processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from sqlalchemy.engine import Engine

from callcenter import events
from callcenter.campaigns.config import DAYS
from callcenter.campaigns.importing import parse, put
from callcenter.db import migrate, open_database
from callcenter.queues.store import Queues
from ivr import campaigns
from ivr.actions import specs
from ivr.published import Published
from ivr.queue_config import PublishedQueues
from tests.valkey import Valkey, valkey, valkey_server

__all__ = ["valkey", "valkey_server"]
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def environment(tmp_path: Path, valkey: Valkey) -> dict[str, str]:
    return {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{tmp_path}/test.db",
        "DATA_DIR": str(tmp_path),
        "REDIS_URL": valkey.url,
        "LOG_FORMAT": "json",
    }


@pytest.fixture
def engine(environment: dict[str, str]) -> Engine:
    engine = open_database(environment["DATABASE_URL"])
    migrate(engine)
    return engine


@pytest.fixture
def queues(engine: Engine, tmp_path: Path, valkey: Valkey) -> Queues:
    published = Published(engine, specs(), tmp_path / "versions")
    published.publish(REPOSITORY / "flows", REPOSITORY / "prompts")
    return PublishedQueues(published, valkey.client()).queues


def callwright(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ivr.cli", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_the_router_offers_and_the_audit_agrees(environment: dict[str, str], queues: Queues, engine: Engine) -> None:
    queues.join("c1", "general", channel="chat")
    queues.sign_in("ben")
    with callwright(environment, "router") as router:
        deadline = time.monotonic() + 60
        while not queues.offers_of("ben"):
            assert time.monotonic() < deadline
            assert router.poll() is None, router.communicate()[0]
            time.sleep(0.02)
        (offer,) = queues.offers_of("ben")
        assert queues.connected(offer.id)
        queues.complete(offer.id)
        queues.wrapped_up("ben", offer.id, "solved")
        router.send_signal(signal.SIGTERM)
        said, _ = router.communicate(timeout=30)
    assert router.returncode == 0, said
    with callwright(environment, "audit", "--json", "--patience", "0") as audit:
        told = json.loads(audit.communicate(timeout=60)[0])
    assert audit.returncode == 0
    assert (told["contacts"], told["findings"]) == (1, [])
    assert told["events"]["wrap_up.done"] == 1


def test_the_router_feeds_campaigns(
    environment: dict[str, str], engine: Engine, tmp_path: Path, valkey: Valkey
) -> None:
    flows = tmp_path / "flows"
    shutil.copytree(REPOSITORY / "flows", flows)
    every_hour = {"queue": "general", "hours": "00:00-24:00", "days": list(DAYS)}
    (flows / "campaigns.yaml").write_text(yaml.safe_dump({"campaigns": {"plan": every_hour}}))
    files = yaml.safe_load((flows / "queues.yaml").read_text())
    del files["queues"]["general"]["callback"]["hours"]
    (flows / "queues.yaml").write_text(yaml.safe_dump(files))
    published = Published(engine, specs(), tmp_path / "versions")
    lists = campaigns.lists(published.publish(flows, REPOSITORY / "prompts"))
    queues = PublishedQueues(published, valkey.client()).queues
    put(engine, "plan", lists.campaigns["plan"], parse("phone\n+12125550142\n", "x.csv"), datetime.now(UTC))
    queues.sign_in("ben")
    with callwright(environment, "router") as router:
        deadline = time.monotonic() + 60
        while not queues.offers_of("ben"):
            assert time.monotonic() < deadline
            assert router.poll() is None, router.communicate()[0]
            time.sleep(0.02)
        (offer,) = queues.offers_of("ben")
        router.send_signal(signal.SIGTERM)
        said, _ = router.communicate(timeout=30)
    assert router.returncode == 0, said
    entry = queues.entry(offer.contact_id)
    assert (offer.callback, entry["number"], entry["priority"]) == (True, "+12125550142", "-1")


def test_the_audit_names_who_was_lost(environment: dict[str, str], engine: Engine) -> None:
    joined = datetime(2026, 11, 20, 10, tzinfo=UTC)
    with engine.begin() as conn:
        events.record(conn, "c7", None, "queue.joined", {"queue": "general"}, joined)
    with callwright(environment, "audit") as audit:
        said = audit.communicate(timeout=60)[0]
    assert audit.returncode == 1
    assert said.splitlines() == [
        "2026-11-20 10:00:00 c7: has been waiting since, and nothing happened",
        "1 contact, 1 event, 1 that doesn't add up",
    ]


def test_the_demos_queues_have_hours(queues: Queues) -> None:
    sunday = datetime(2026, 11, 22, 17, tzinfo=UTC).timestamp()
    monday = datetime(2026, 11, 23, 15, tzinfo=UTC).timestamp()
    for queue in ("billing", "general"):
        assert not queues.open_at(queue, sunday)
        assert queues.open_at(queue, monday)
    opens = queues.hours.next_open("business_hours", sunday)
    assert opens == datetime(2026, 11, 23, 13, tzinfo=UTC).timestamp()


def test_whoever_wasnt_reached_is_told_in_their_language(engine: Engine, tmp_path: Path, valkey: Valkey) -> None:
    published = Published(engine, specs(), tmp_path / "versions")
    published.publish(REPOSITORY / "flows", REPOSITORY / "prompts")
    found = PublishedQueues(published, valkey.client())
    assert found.message("tried", "general", "en").startswith("Riverbend Water and Power: we tried to call you back")
    assert "sin éxito" in found.message("failed", "general", "es")
    assert found.message("tried", "sales", "en") == ""
