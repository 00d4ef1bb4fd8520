"""How long the history takes, with all events read and with kept lives.

    python -m bench.history [20000 60000 ...]

Contacts of one day, made up as the tests' are, in SQLite; milliseconds of processor time, the best of five. Then the
day's figures for the floor and the alerts: the first look of a process, and one after ten more contacts.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy.engine import Engine

from callcenter.acd.config import Config
from callcenter.db import migrate, open_database, reading
from callcenter.desk import history
from callcenter.reports import kept
from callcenter.reports.today import Today
from tests.reports import day

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
PERIOD = history.Period("range", date(2026, 11, 20), date(2026, 11, 20), UTC)


def took(engine: Engine) -> float:
    best = float("inf")
    for _ in range(5):
        begun = time.process_time()
        with reading(engine) as conn:
            history.read(conn, PERIOD, "queue", Config(), NOW)
        best = min(best, time.process_time() - begun)
    return 1000 * best


def of_today(engine: Engine) -> tuple[float, float]:
    """The first look at the day's figures, and the best of five later ones."""
    today, looks = Today(), []
    for more in range(6):
        begun = time.process_time()
        with reading(engine) as conn:
            today.read(conn, PERIOD.begin, NOW, dict.fromkeys(day.QUEUES, 20.0))
        looks.append(1000 * (time.process_time() - begun))
        with engine.begin() as conn:
            day.write(conn, 10, seed=more)
    return looks[0], min(looks[1:])


def main() -> None:
    print("contacts   all events   kept lives   the job   today: first, later")
    for count in [int(size) for size in sys.argv[1:]] or [20_000]:
        with tempfile.TemporaryDirectory() as folder:
            engine = open_database(f"sqlite:///{Path(folder) / 'history.db'}")
            migrate(engine)
            with engine.begin() as conn:
                day.write(conn, count)
            events = took(engine)
            begun = time.process_time()
            kept.keep_up(engine, NOW)
            while kept.keep_up(engine, NOW + kept.SETTLED):
                pass
            job = 1000 * (time.process_time() - begun)
            told = took(engine)
            first, later = of_today(engine)
            print(
                f"{count:8} {events:9.0f} ms {told:9.0f} ms {job:6.0f} ms {first:10.0f} ms {later:4.1f} ms", flush=True
            )
            engine.dispose()


if __name__ == "__main__":
    main()
