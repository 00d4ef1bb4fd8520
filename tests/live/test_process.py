"""`callwright live` itself, as a process."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

from websockets.asyncio.client import connect

from callcenter.db import migrate, open_database
from ivr.assembly import make_tickets
from ivr.settings import Settings
from tests.live.conftest import Page
from tests.live.test_server import closed

ROOT = Path(__file__).parents[2]


async def test_it_serves_and_lets_its_pages_go(tmp_path: Path, redis_url: str) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path, redis_url=redis_url, port=8080)
    engine = open_database(settings.database)
    migrate(engine)
    engine.dispose()
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ivr.cli", "live", cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        env={**clean, "DATA_DIR": str(tmp_path), "REDIS_URL": redis_url, "LIVE_PORT": "0", "LOG_FORMAT": "json"},
    )  # fmt: skip
    assert process.stdout
    try:
        url = None
        while url is None:
            line = (await process.stdout.readline()).decode()
            assert line, "it ended"
            url = re.search(r"live: (ws://\S+)", line)
        ticket = make_tickets(settings).issue("desk", "ada", ["floor"])
        async with connect(f"{url[1]}/desk", origin="http://localhost:8080") as page:  # type: ignore[arg-type]
            await page.send('{"kind": "hello", "ticket": "' + ticket + '"}')
            assert '"welcome"' in str(await page.recv())
            process.send_signal(signal.SIGTERM)
            assert await closed(Page(page)) == (1012, "restarting: connect again")
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (tmp_path / "session.key").stat().st_mode & 0o777 == 0o600
