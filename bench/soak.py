"""Short calls that end at every moment: `python -m bench.soak --calls 20000`. What is left of them afterwards?

Calls, dialogs, transactions, tasks, threads, file descriptors, media streams: all must be what they were. Memory is
compared after a warm-up, which fills caches and pools.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from bench.sip.caller import Callers
from bench.sip.crowd import crowd
from bench.sip.served import Soaked, at

SETTLE_SECONDS = 90
MEMORY = 1.05


MEASURED = frozenset({"megabytes", "media_megabytes", "objects"})


def leaks(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """What there is more of, with the counts before and after. Memory breathes: `MEMORY` judges that."""
    counted = {name: count for name, count in after.items() if name not in MEASURED}
    return {name: (before[name], count) for name, count in counted.items() if count > before[name]}


async def settled(server: Soaked, seconds: float, before: Mapping[str, int] | None = None) -> dict[str, int]:
    """What the server holds once nothing of any call is left, nor more than `before`, or when time is up."""
    ends = time.monotonic() + seconds
    while True:
        held = await asyncio.to_thread(server.holds)
        left = held["calls"] or held["dialogs"] or held["transactions"] or (before and leaks(before, held))
        if not left or time.monotonic() > ends:
            return held
        await asyncio.sleep(0.5)


async def soak(server: Soaked, calls: int, warm: int, rate: float, at_once: int, seed: int) -> bool:
    callers = await Callers.open(("127.0.0.1", server.port))
    outcomes: Counter[str] = Counter()
    print(f"warming up with {warm} calls", flush=True)
    await crowd(callers, warm, rate, at_once, seed)
    before, megabytes = await settled(server, SETTLE_SECONDS), server.megabytes()
    began = time.monotonic()
    outcomes = await crowd(callers, calls, rate, at_once, seed + 1)
    lasted = time.monotonic() - began
    after, now = await settled(server, SETTLE_SECONDS, before), server.megabytes()
    callers.close()
    for what, count in sorted(outcomes.items()):
        print(f"{count:7}  {what}")
    print(f"{calls} calls in {lasted:.0f} s")
    for name, count in after.items():
        print(f"{name:15} {before[name]:6} before {count:6} after")
    print(f"{'memory':15} {megabytes:6.1f} before {now:6.1f} after, MB ({now / megabytes - 1:+.1%})")
    lost = leaks(before, after)
    if lost:
        print(f"LEAKED: {', '.join(lost)}")
    return not lost and now <= megabytes * MEMORY


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    parser.add_argument("--calls", type=int, default=20000)
    parser.add_argument("--warm", type=int, default=4000)
    parser.add_argument("--rate", type=float, default=80, help="new calls a second")
    parser.add_argument("--at-once", type=int, default=400)
    # 64 T1 is more than the callers' own retransmissions last: a copy that comes after it would be another call
    parser.add_argument("--t1", type=float, default=0.4, help="RFC 3261's T1 in seconds")
    parser.add_argument("--nice", type=int, default=0, help="on a busy machine: below 0 (root) before other work")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    at(cpu=None, nice=options.nice)
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    server = Soaked(folder, options.t1)
    try:
        server.prepare()
        server.start(options.nice)
        try:
            well = asyncio.run(soak(server, options.calls, options.warm, options.rate, options.at_once, options.seed))
        finally:
            server.stop()
        unended = server.unended()
        print(f"{unended} sessions left open")
    finally:
        shutil.rmtree(folder)
    return 0 if well and not unended else 1


if __name__ == "__main__":
    raise SystemExit(main())
