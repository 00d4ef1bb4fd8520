"""How many calls one core serves: `python -m bench.sip_capacity [--steps 10,100,400,700,1000]`.

One call is a real flow: a prompt of 5 s, one RFC 4733 digit at 5.6 s, a prompt of 2 s, our BYE; the caller's audio
comes in all the time, and every step is committed to SQLite. `callwright sip` has core 0; SIPp and the callers'
phones have core 1. The yardstick in the same run is the same call on aiosipua and aiortp, without flow and database.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from bench.measuring import percentile
from bench.sip.callers import MEDIA_PORTS, Called, Callers
from bench.sip.media import DIGIT
from bench.sip.served import Ours, Server, Yardstick, at, is_media

CALL_SECONDS = 7.65
MEASURED_AT_ONCE = 200
"""Streams whose packets are read and timed; the others' end in sockets that nobody reads."""
MEDIA_BASE = 12000


@dataclass(frozen=True, slots=True)
class Step:
    """One row. `share` is of core 0 while all calls are up; `gaps` and `key` (from a key to the next prompt's first
    packet) are p50, p99 and maximum in ms."""

    name: str
    calls: int
    called: Called
    missed: int
    ms: float
    parts: dict[str, float]
    share: float
    gaps: tuple[float, float, float]
    key: tuple[float, float, float]
    lost: int
    megabytes: float


def measure(server: Server, name: str, calls: int, seconds: float, folder: Path, urgent: bool) -> Step:
    total = max(20, round(calls * (1 + seconds / CALL_SECONDS)))
    rate = calls / CALL_SECONDS
    every = max(1, round(calls / MEASURED_AT_ONCE))
    nice = -20 if urgent else 0
    server.start(nice)
    phones = subprocess.Popen(
        [sys.executable, "-m", "bench.sip.phones", str(MEDIA_BASE), str(MEDIA_PORTS), str(every), f"{folder}/heard"],
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: at(cpu=1, nice=nice),
    )
    assert phones.stdout
    if not phones.stdout.readline():
        server.stop()
        raise SystemExit("the phones did not start")
    if urgent:
        for pid in server.children():
            if is_media(pid):
                os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(10))
    server.settle()
    callers = Callers(folder, ("127.0.0.1", server.port), calls, total, rate, MEDIA_BASE, cpu=1, nice=nice)
    samples: list[tuple[float, dict[str, float]]] = []
    memory: list[float] = []
    over = threading.Event()

    def sample() -> None:
        while not over.is_set():
            samples.append((time.monotonic(), server.cpu()))
            memory.append(server.megabytes())
            over.wait(0.5)

    sampler = threading.Thread(target=sample)
    try:
        before, began = server.cpu(), time.monotonic()
        sampler.start()
        called = callers.run()
        after = server.cpu()
    finally:
        over.set()
        sampler.join()
        phones.terminate()
        phones.wait()
        server.stop()
    heard = json.loads((folder / "heard").read_text())
    call_seconds = (called.ok + called.failed) * called.seconds
    parts = {part: (after[part] - before[part]) / call_seconds * 1000 for part in before}
    gaps = [value * 1000 for value in heard["gaps"]]
    waits = [(value - server.lead) * 1000 for value in heard["waits"]]
    return Step(
        name=name,
        calls=calls,
        called=called,
        missed=called.ok + called.failed - server.digits()[DIGIT],
        ms=sum(parts.values()),
        parts=parts,
        share=_share(samples, began + CALL_SECONDS + 0.5, began + total / rate),
        gaps=(percentile(gaps, 0.5), percentile(gaps, 0.99), max(gaps, default=float("nan"))),
        key=(percentile(waits, 0.5), percentile(waits, 0.99), max(waits, default=float("nan"))),
        lost=heard["lost"],
        megabytes=max(memory),
    )


def _share(samples: list[tuple[float, dict[str, float]]], begin: float, end: float) -> float:
    """Median share of the core between two times: all calls are up then."""
    within = [(at, sum(cpu.values())) for at, cpu in samples if begin <= at <= end]
    pairs = itertools.pairwise(within)
    return statistics.median([(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs] or [float("nan")])


HEAD = (
    f"{'server':10} {'calls':>5} {'ok':>5} {'failed':>6} {'missed':>6} {'retr.':>5} {'ms/call-s':>9} "
    f"{'(sig/media)':>12} "
    f"{'core':>5} {'gap p50':>8} {'p99':>6} {'max':>6} {'key p50':>8} {'p99':>6} {'max':>6} {'lost':>5} {'MB':>5}"
)


def row(step: Step) -> str:
    called = step.called
    parts = f"{step.parts['signalling']:.2f}/{step.parts['media']:.2f}"
    return (
        f"{step.name:10} {step.calls:5} {called.ok:5} {called.failed:6} {step.missed:6} {called.retransmissions:5} "
        f"{step.ms:9.2f} {parts:>12} {step.share:5.0%} "
        f"{step.gaps[0]:8.2f} {step.gaps[1]:6.1f} {step.gaps[2]:6.1f} "
        f"{step.key[0]:8.1f} {step.key[1]:6.1f} {step.key[2]:6.1f} {step.lost:5} {step.megabytes:5.0f}"
    )


def good(step: Step) -> bool:
    """Below the knee: nothing failed, nothing missed, nobody hears a gap, and a key is answered at once."""
    return not step.called.failed and not step.missed and step.gaps[1] <= 22 and step.key[1] < 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    parser.add_argument("--steps", default="10,100,400,700,1000", help="calls at once, with commas")
    parser.add_argument("--yardstick", default="100,400", help="the same for aiosipua and aiortp; empty: none")
    parser.add_argument("--seconds", type=float, default=12, help="how long all calls are up")
    parser.add_argument("--urgent", action="store_true", help="on a busy machine: media SCHED_FIFO, all else nice -20")
    parser.add_argument("--keep", action="store_true", help="keep the folder with database and logs")
    options = parser.parse_args()
    if shutil.which("sipp") is None:
        raise SystemExit("needs sipp: apt-get install sip-tester")
    if options.urgent and os.geteuid():
        raise SystemExit("--urgent needs root")
    os.sched_setaffinity(0, {1})
    print(HEAD, flush=True)
    steps: list[Step] = []
    for kind, wanted in (("yardstick", options.yardstick), ("callwright", options.steps)):
        for calls in [int(word) for word in wanted.split(",") if word]:
            folder = Path(tempfile.mkdtemp(prefix="sip-capacity-"))
            try:
                server = Ours(folder) if kind == "callwright" else Yardstick(folder)
                server.prepare()
                step = measure(server, kind, calls, options.seconds, folder, options.urgent)
            finally:
                if options.keep:
                    print(f"kept {folder}")
                else:
                    shutil.rmtree(folder)
            print(row(step), flush=True)
            if kind == "callwright":
                steps.append(step)
    fine = [step.calls for step in steps if good(step)]
    bad = [step.calls for step in steps if not good(step)]
    print(f"the knee: above {max(fine, default=0)}" + (f", below {min(bad)}" if bad else " (no step failed)"))


if __name__ == "__main__":
    main()
