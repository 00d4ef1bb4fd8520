"""Timed jobs and workers: publishing, the clock, abandoned sessions, a killed worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from rq import Queue, Worker
from sqlalchemy.engine import Engine

from callcenter import contacts as contact_rows
from callcenter import events
from callcenter.db import reading
from callcenter.tables import contacts, sessions
from ivr import embedded, housekeeping, jobs
from ivr.assembly import make_runner
from ivr.cli import main
from ivr.flow.session import VOICE
from ivr.settings import Settings
from tests.databases import database_url, engine
from tests.postgres import postgres

__all__ = ["database_url", "engine", "postgres"]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Of an installation with a private Redis server and the demo's flows published."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    for name in ("REDIS_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    process = subprocess.Popen(embedded.server_command(tmp_path))
    try:
        embedded.wait_until_up(embedded.server_url(tmp_path))
        yield Settings(_env_file=None)
    finally:
        process.terminate()
        process.wait()


def work(*queues: str) -> None:
    subprocess.run([sys.executable, "-m", "ivr.cli", "worker", "--burst", *queues], check=True, cwd=ROOT)


def test_publishing_has_a_worker_render_what_is_new(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publish"]) == 0
    assert "answers new calls" in capsys.readouterr().out
    with embedded.connect(settings) as client:
        assert [job.func_name for job in Queue(jobs.SLOW, connection=client).jobs] == ["ivr.jobs.render_prompts"]


def test_versions_are_listed_and_rolled_back(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    main(["publish"])
    with embedded.connect(settings):
        pass
    capsys.readouterr()
    assert main(["publish", "--list"]) == 0
    hash = capsys.readouterr().out.split()[0]
    assert main(["publish", "--roll-back", hash[:6]]) == 0
    assert f"version {hash} answers new calls again" in capsys.readouterr().out
    assert main(["publish", "--roll-back", "nothing-like-it"]) == 2
    assert "no version begins with 'nothing-like-it'" in capsys.readouterr().err


def test_the_clock_fills_the_queues_and_a_worker_empties_them(settings: Settings) -> None:
    main(["publish"])
    clock = subprocess.Popen([sys.executable, "-m", "ivr.cli", "clock"], cwd=ROOT)
    try:
        with embedded.connect(settings) as client:
            seen: set[str | None] = set()
            while len(seen) < len(jobs.PERIODIC):
                for name in (jobs.URGENT, jobs.DEFAULT):
                    seen |= {job.func_name for job in Queue(name, connection=client).jobs}
    finally:
        clock.send_signal(signal.SIGTERM)
        assert clock.wait() == 0
    assert seen == {f"ivr.jobs.{job.function.__name__}" for job in jobs.PERIODIC}
    work(jobs.URGENT, jobs.DEFAULT)
    with embedded.connect(settings) as client:
        queues = [Queue(name, connection=client) for name in (jobs.URGENT, jobs.DEFAULT)]
        assert [len(queue) for queue in queues] == [0, 0]
        assert [queue.failed_job_registry.count for queue in queues] == [0, 0]
        # The urgent ones may be dropped on a slow machine: the next would be due before a worker is there.
        assert sum(queue.finished_job_registry.count for queue in queues) >= 1


def test_a_worker_without_redis_says_so(tmp_path: Path) -> None:
    env = {**os.environ, "DATA_DIR": str(tmp_path), "REDIS_URL": f"unix://{tmp_path}/none.sock"}
    for name in ("worker", "clock"):
        done = subprocess.run(
            [sys.executable, "-m", "ivr.cli", name], env=env, cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 2
        assert "callwright: Redis:" in done.stderr
        assert "Traceback" not in done.stderr


def test_an_unknown_queue_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker", "urgnt"]) == 2
    assert "there are urgent, default, slow" in capsys.readouterr().err


def test_abandoned_sessions_end_and_live_ones_go_on(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    settings = Settings(_env_file=None, data_dir=tmp_path, database_url=engine.url.render_as_string(False))
    runner = make_runner(settings)
    try:
        runner.published.publish(settings.flows_dir, settings.prompts_dir)
        now = datetime.now(UTC)
        ids = [
            runner.start(
                channel="sip", capabilities=VOICE, external_id=name, caller="+15550100001", called=""
            ).session.id
            for name in ("left", "talking", "writing")
        ]
        with engine.begin() as connection:
            long_ago = sa.update(sessions).where(sessions.c.id == ids[0])
            connection.execute(long_ago.values(updated_at=now - timedelta(hours=4, seconds=1)))
            thread = sa.update(sessions).where(sessions.c.id == ids[2])
            connection.execute(thread.values(channel="text", updated_at=now - timedelta(hours=71)))
        assert housekeeping.end_abandoned(runner, now, timedelta(hours=4)) == 1
        assert housekeeping.end_abandoned(runner, now, timedelta(hours=4)) == 0
        found = [runner.store.load(id).session for id in ids]
        assert [session.ended for session in found] == [True, False, False]
        with reading(engine) as connection:
            contact = contact_rows.get(connection, found[0].contact_id)
            assert contact is not None
            assert contact.outcome == "lost"
            assert contact.ended_at is not None
            assert events.of_contact(connection, found[0].contact_id)[-1].kind == "lost"
        assert housekeeping.end_abandoned(runner, now + timedelta(hours=2), timedelta(hours=4)) == 1
    finally:
        runner.close()
        runner.engine.dispose()


def test_ended_sessions_keep_nothing_sealed(engine: Engine) -> None:
    now = datetime.now(UTC)
    slots = {"card": {"$secret": "c2VhbGVk"}, "account": "10203040", "nested": [{"pin": {"$secret": "eA=="}}]}
    with engine.begin() as connection:
        connection.execute(
            sa.insert(contacts).values(id="c", channel="sip", caller="", called="", direction="in", started_at=now)
        )
        for name, ended in (("over", True), ("live", False)):
            row = {"id": name, "contact_id": "c", "channel": "sip", "external_id": name, "flow_hash": "", "seq": 1,
                   "data": json.dumps({"slots": slots}), "updated_at": now, "ended": ended}  # fmt: skip
            connection.execute(sa.insert(sessions).values(row))
    assert housekeeping.forget_secrets(engine) == 1
    assert housekeeping.forget_secrets(engine) == 0
    with reading(engine) as connection:
        data = {row.id: row.data for row in connection.execute(sa.select(sessions.c.id, sessions.c.data))}
    assert json.loads(data["live"])["slots"] == slots
    assert json.loads(data["over"])["slots"] == {"card": None, "account": "10203040", "nested": [{"pin": None}]}


def test_publishing_without_redis_still_publishes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                  capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("REDIS_URL", f"unix://{tmp_path}/none.sock")
    assert main(["publish"]) == 0
    told = capsys.readouterr().out
    assert "answers new calls" in told
    assert "`callwright prompts` does it here and now" in told


def test_a_killed_worker_leaves_nothing_behind(settings: Settings) -> None:
    command = [sys.executable, "-m", "ivr.cli", "worker"]
    worker = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    try:
        with embedded.connect(settings) as client:
            job = jobs.enqueue(settings, jobs.forget_codes, jobs.DEFAULT)
            deadline = time.monotonic() + 60
            while job.get_status(refresh=True) != "finished":
                assert time.monotonic() < deadline, "the worker does nothing"
                time.sleep(0.05)
            assert Worker.count(connection=client) == 1
    finally:
        worker.kill()
        worker.wait()
    with pytest.raises(ProcessLookupError):
        os.killpg(worker.pid, signal.SIGKILL)  # there is none left in its group
