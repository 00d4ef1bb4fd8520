"""The caller record as it grows: `python -m bench.record 10000 100000 1000000`.

For each number a database with as many contacts and as many customers, a fifth of whom have the contacts: on SQLite,
and with `--postgresql` on a server as well, named as in `postgresql://postgres@127.0.0.1:5432`. They are kept (in
`--folder`, as record-N.db; on the server as record_N) and filled once, so that `--fill` can make them beforehand.

Measured are the timeline and look-up (300 calls each), finding people by a part of a name or number (100), each in a
transaction of its own for other people each time, and beginning a call from a number that nobody knows, with the row
by which it is found and without (500 each, in turn). Figures are milliseconds on the clock: the median and the 95th
percentile, for calls that begin the longest as well. Ends with status 1 if a median is over 20 ms for the timeline or
100 ms for finding.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine, make_url

from bench.measuring import load
from bench.record import asking, filling, writing
from callcenter.db import migrate, open_database, reading
from callcenter.tables import contacts

TARGET = {"timeline": 20.0, "finding": 100.0}


def opened(kind: str, size: int, folder: Path, server: str) -> Engine:
    """The database of this size, filled if it is new."""
    url = f"sqlite:///{folder / f'record-{size}.db'}"
    if kind == "postgresql":
        place = make_url(server).set(drivername="postgresql+psycopg", database="postgres")
        admin = sa.create_engine(place, isolation_level="AUTOCOMMIT")
        with admin.connect() as conn:
            known = conn.execute(sa.text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": f"record_{size}"})
            if known.first() is None:
                conn.exec_driver_sql(f"CREATE DATABASE record_{size}")
        admin.dispose()
        url = make_url(server).set(database=f"record_{size}").render_as_string(hide_password=False)
    engine = open_database(url)
    migrate(engine)
    with reading(engine) as conn:
        new = conn.execute(sa.select(contacts.c.id).limit(1)).first() is None
    if new:
        filling.fill(engine, size)
    return engine


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("contacts", nargs="+", type=int)
    parser.add_argument("--folder", type=Path, default=Path("var/bench"), help="where SQLite's files are kept")
    parser.add_argument("--postgresql", metavar="URL", default="", help="a server, for PostgreSQL as well")
    parser.add_argument("--fill", action="store_true", help="make the databases, measure nothing")
    parser.add_argument("--plans", action="store_true", help="tell how the databases read, measure nothing")
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    given = parser.parse_args()
    kinds = [kind for kind in ("sqlite", "postgresql") if given.only in (None, kind)]
    slow = False
    for kind in kinds if given.postgresql else kinds[:1]:
        for size in sorted(given.contacts):
            engine = opened(kind, size, given.folder, given.postgresql)
            if given.plans:
                print("\n".join([f"{kind}, {size:,}", *asking.plans(engine, size)]))
            elif not given.fill:
                print(f"{kind}, {size:,} contacts and customers; {load()}")
                for about, target in TARGET.items():
                    figures = asking.timed(engine, size, about)
                    slow = slow or any(figure.median > target for figure in figures.values())
                    print("\n".join(f"  {about:9} {name:22} {figure}" for name, figure in figures.items()), flush=True)
                print("\n".join(f"  {name:32} {figure}" for name, figure in writing.timed(engine).items()), flush=True)
            engine.dispose()
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
