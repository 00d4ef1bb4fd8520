"""Alerts from end to end: queues on a real Valkey, the clock's work, mails to a real server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter import outbox
from callcenter.db import migrate, open_database, reading
from callcenter.queues.store import Queues
from callcenter.redis_client import connect
from callcenter.tables import alert_episodes, messages
from ivr import jobs, watching
from ivr.actions import specs
from ivr.cli import main
from ivr.messaging import policy
from ivr.published import Published
from ivr.queue_config import PublishedQueues
from ivr.settings import Settings
from tests.callcenter.test_outbox import Mailbox, mailbox
from tests.flow import sample
from tests.valkey import Valkey
from tests.waiting import until

__all__ = ["mailbox"]

ALERTS = """\
people:
  floor: {mail: [floor@example.com, boss@example.com]}
alerts:
  crowd: {waiting: 2, to: [floor]}
"""
NOW = datetime.now(UTC)


class Company:
    """A company that watches its queue."""

    def __init__(self, folder: Path, valkey: Valkey, mail: Settings) -> None:
        files: dict[str, str | None] = {
            "flows/alerts.yaml": ALERTS,
            "flows/queues.yaml": "queues: {billing: {label: Billing}}\n",
            "flows/agents.yaml": "agents: {ana: {queues: [billing]}}\n",
        }
        sample.write(folder, files)
        self.settings = Settings(_env_file=None, data_dir=folder, redis_url=valkey.url, log_format="json")
        self.mail = mail
        self.engine: Engine = open_database(self.settings.database)
        migrate(self.engine)
        self.published = Published(self.engine, {**specs(), **sample.ACTIONS}, folder / "versions")
        self.flows = self.published.publish(folder / "flows", folder / "prompts")
        self.client = connect(valkey.url)
        self.queues: Queues = PublishedQueues(self.published, self.client).queues
        self.watch = watching.Watch(self.settings, self.engine, self.published)

    def look(self, seconds: float) -> int:
        """A look of the clock's process, then the outbox's work."""
        at = NOW + timedelta(seconds=seconds)
        queued = self.watch.look(at)
        outbox.sweep(self.engine, self.mail, at, policy=policy(self.flows))
        return queued


@pytest.fixture
def company(tmp_path: Path, valkey: Valkey, mailbox: tuple[Mailbox, Settings]) -> Iterator[Company]:
    made = Company(tmp_path, valkey, mailbox[1])
    yield made
    made.client.close()
    made.engine.dispose()


def test_people_are_mailed_once_and_told_when_it_is_over(company: Company, mailbox: Any) -> None:
    mails = mailbox[0].mails
    company.queues.join("c1", "billing", channel="sip")
    assert company.look(0) == 0
    company.queues.join("c2", "billing", channel="sip")
    assert company.look(15) == 2
    assert company.look(30) == 0
    assert sorted(mail["To"] for mail in mails) == ["boss@example.com", "floor@example.com"]
    assert mails[0]["Subject"] == "Sample, Billing: 2 or more wait"
    text = mails[0].get_body().get_content()
    assert "Waiting: 2" in text
    assert "Available agents: 0" in text
    company.queues.leave("c1", "abandoned")
    assert company.look(45) == 2
    assert [mail["Subject"] for mail in mails[2:]] == ["Sample, Billing: it is over (crowd)"] * 2
    assert company.look(60) == 0
    assert len(mails) == 4


def test_while_the_store_is_away_nothing_begins_or_ends(
    tmp_path: Path, mortal_valkey: Valkey, mailbox: tuple[Mailbox, Settings]
) -> None:
    company = Company(tmp_path, mortal_valkey, mailbox[1])
    for contact in ("c1", "c2"):
        company.queues.join(contact, "billing", channel="sip")
    assert company.look(0) == 2
    mortal_valkey.kill()
    assert company.look(15) == 0
    with reading(company.engine) as conn:
        assert conn.execute(sa.select(alert_episodes.c.began_at)).scalar_one() is not None
    mortal_valkey.start()
    assert company.look(30) == 0  # it goes on
    assert len(mailbox[0].mails) == 2
    company.client.close()
    company.engine.dispose()


def test_they_are_watched_until_the_clock_stops(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that fails is not the last one."""
    for contact in ("c1", "c2"):
        company.queues.join(contact, "billing", channel="sip")
    stopping, looks, look = threading.Event(), [], company.watch.look

    def counted(now: datetime) -> int:
        looks.append(now)
        if len(looks) == 1:
            raise RuntimeError("the database is away")
        told = look(now)
        if len(looks) == 3:
            stopping.set()
        return told

    monkeypatch.setattr(company.watch, "look", counted)
    company.watch.run(stopping, 0.01, lambda: NOW)
    with reading(company.engine) as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(messages)).scalar_one() == 2
    assert len(looks) == 3


def test_the_clock_watches_them(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """`callwright clock` does it, beside its jobs."""
    for contact in ("c1", "c2"):
        company.queues.join(contact, "billing", channel="sip")
    monkeypatch.setenv("DATA_DIR", str(company.settings.data_dir))
    monkeypatch.setenv("REDIS_URL", company.settings.redis_url)

    def run_clock(client: Any) -> None:
        def told() -> bool:
            with reading(company.engine) as conn:
                return conn.execute(sa.select(sa.func.count()).select_from(messages)).scalar_one() == 2

        until(told)

    monkeypatch.setattr(jobs, "run_clock", run_clock)
    assert main(["clock"]) == 0
