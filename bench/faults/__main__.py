"""People on all channels, while the processes of `callwright run` are killed at random.

    python -m bench.faults --contacts 2000 --seed 1

Exit status 1 where somebody was lost, served twice or called though served, a callback was doubled, an agent is stuck,
or `callwright audit` finds anything.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from pathlib import Path

from bench.faults.run import Plan, Run
from bench.measuring import load


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--contacts", type=int, default=2000, help="people who want to be served (2000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--coming", type=float, metavar="SECONDS", help="within which they come (0.24 for each)")
    parser.add_argument("--every", type=float, default=8.0, metavar="SECONDS", help="between two kills (8); 0 for none")
    parser.add_argument("--settling", type=float, default=420.0, metavar="SECONDS", help="at most, afterwards (420)")
    parser.add_argument("--agents", type=int, default=12)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="a new folder for the data and logs, which stays")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # its processes end with it
    plan = Plan(
        given.contacts,
        given.seed,
        given.coming or 0.24 * given.contacts,
        given.every,
        settling=given.settling,
        agents=given.agents,
    )
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {line}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        run = Run(given.keep or Path(folder), plan, say)
        outcome = asyncio.run(run())
        if given.keep:
            (given.keep / "log").write_text("".join(run.office.running.lines))
    print(f"\nseed {plan.seed}, {outcome.seconds:.0f} s, {load()}")
    for name in ("kills", "people", "served", "outcomes", "entries", "callbacks"):
        counts = getattr(outcome, name)
        parts = ", ".join(f"{key or 'none'} {counts[key]}" for key in sorted(counts))
        print(f"{name:>10}: {counts.total()} ({parts})")
    print(f"{'tries':>10}: {outcome.tries}; people answered {outcome.called_back} calls back")
    print(f"{'parked':>10}: {outcome.parked}")
    print(f"{'audit':>10}: {outcome.audit.splitlines()[-1] if outcome.audit else 'none'}")
    for fault in outcome.faults:
        print(f"FAULT {fault}")
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
