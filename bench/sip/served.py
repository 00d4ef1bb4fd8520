"""The servers under load, each as a process of its own on core 0."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from bench.measuring import cpu_seconds
from bench.sip.media import QUESTION_SECONDS, THANKS_SECONDS, write_recordings
from ivr import ports
from ivr.speech import pcm, recordings

HERE = Path(__file__).parent
RTP_PORTS = "24000-31998"
"""Below the system's own range, and not among the callers' ports."""
STOP_SECONDS = 60


class Server:
    """A process with its children."""

    core: int | None = 0
    lead = 0.0
    """Seconds of silence with which the second prompt begins: nobody can tell them from the silence before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = ports.free("127.0.0.1", (socket.SOCK_STREAM, socket.SOCK_DGRAM))
        self.process: subprocess.Popen[str] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {}

    def digits(self) -> Counter[str]:
        """What was keyed, after the end."""
        raise NotImplementedError

    def start(self, nice: int = 0) -> None:
        """Raises `RuntimeError` where it says nothing and ends."""
        with (self.folder / "server.log").open("w") as log:
            self.process = subprocess.Popen(
                self.command(),
                env=os.environ | self.environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
                preexec_fn=lambda: at(cpu=self.core, nice=nice),
            )
        assert self.process.stdout
        started = ""
        try:
            started = self.process.stdout.readline()
        finally:
            if not started:  # nor may it outlive who gave up on it
                self.stop()
        if not started:
            raise RuntimeError(f"the server did not start; see {self.folder / 'server.log'}")

    def stop(self) -> str:
        """SIGTERM, and what it printed after its start."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.communicate(timeout=STOP_SECONDS)[0]
        except subprocess.TimeoutExpired:
            for pid in [self.process.pid, *self.children()]:
                os.kill(pid, signal.SIGKILL)
            return self.process.communicate()[0]

    def children(self) -> list[int]:
        assert self.process is not None
        found, waiting = [], [self.process.pid]
        while waiting:
            pid = waiting.pop()
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                below = [int(word) for word in task.read_text().split()]
                found += below
                waiting += below
        return found

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far (user and system), by process: `signalling`, `media`, `other`."""
        assert self.process is not None
        return {
            "signalling": cpu_seconds(self.process.pid),
            "media": sum(cpu_seconds(pid) for pid in self.children() if is_media(pid)),
            "other": sum(cpu_seconds(pid) for pid in self.children() if not is_media(pid)),
        }

    def settle(self) -> None:
        """Wait until voices have rendered what is said often: that is a start's cost, no call's."""
        give_up = time.monotonic() + STOP_SECONDS
        used, before = self.cpu()["other"], -1.0
        while used != before and time.monotonic() < give_up:
            time.sleep(1.5)
            used, before = self.cpu()["other"], used

    def megabytes(self) -> float:
        """Resident memory of all its processes; what they share is counted once for each."""
        assert self.process is not None
        return sum(rss(pid) for pid in [self.process.pid, *self.children()]) / 1e6


class Ours(Server):
    """`callwright sip` with the bench's flow, its steps committed to SQLite."""

    flows = "flows"
    rtp_ports = RTP_PORTS
    seconds = (QUESTION_SECONDS, THANKS_SECONDS)

    def prepare(self) -> None:
        """Publish the flow; call it once before `start`."""
        prompts = self.folder / "prompts"
        shutil.copytree(HERE / "prompts", prompts)
        write_recordings(prompts, *self.seconds)
        thanks = pcm.ulaw(recordings.convert(prompts / "en" / "recordings" / "bench.thanks.wav"))
        self.lead = (len(thanks) - len(thanks.lstrip(b"\xff"))) // 160 * 0.02
        subprocess.run(
            [sys.executable, "-m", "ivr.cli", "publish"],
            env=os.environ | self.environment(),
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def command(self) -> list[str]:
        return [sys.executable, "-m", "ivr.cli", "sip"]

    def environment(self) -> dict[str, str]:
        return {
            "FLOWS_DIR": str(HERE / self.flows),
            "PROMPTS_DIR": str(self.folder / "prompts"),
            "DATA_DIR": str(self.folder / "var"),
            "DATABASE_URL": "",
            "SIP_HOST": "127.0.0.1",
            "SIP_PORT": str(self.port),
            "SIP_MAX_CALLS": "5000",
            "SIP_CALLS_PER_SECOND": "0",
            "SIP_RTP_PORTS": self.rtp_ports,
            "SIP_DRAIN_SECONDS": "5",
            "SPEECH_WORKERS": "0",
            "LOG_FORMAT": "json",
        }

    def digits(self) -> Counter[str]:
        found: Counter[str] = Counter()
        database = sqlite3.connect(self.folder / "var" / "callwright.db")
        for (data,) in database.execute("SELECT data FROM sessions WHERE ended"):
            found[json.loads(data)["slots"].get("key") or ""] += 1
        database.close()
        return found


class Soaked(Ours):
    """The same with short prompts, four digits, and a window into what it holds (`soak_server.py`)."""

    flows = "soak_flows"
    seconds = (0.5, 0.3)
    rtp_ports = ""
    core = None

    def __init__(self, folder: Path, t1: float, patience: int = 1) -> None:
        """`t1` is RFC 3261's; `patience` how many seconds the flow waits for a key."""
        super().__init__(folder)
        self._t1, self._patience = t1, patience

    def prepare(self) -> None:
        shutil.copytree(HERE / self.flows, self.folder / "flows")
        company = self.folder / "flows" / "company.yaml"
        company.write_text(company.read_text().replace("1s", f"{self._patience}s"))
        super().prepare()

    def environment(self) -> dict[str, str]:
        return super().environment() | {"FLOWS_DIR": str(self.folder / "flows")}

    def command(self) -> list[str]:
        return [sys.executable, "-m", "bench.sip.soak_server", str(self._t1)]

    def holds(self) -> dict[str, int]:
        """Calls, dialogs, transactions, tasks, threads, files and streams right now."""
        assert self.process is not None
        assert self.process.stdout
        self.process.send_signal(signal.SIGUSR1)
        held: dict[str, int] = json.loads(self.process.stdout.readline())
        return held

    def keyed(self) -> dict[str, str]:
        """What each call keyed, by Call-ID."""
        database = sqlite3.connect(self.folder / "var" / "callwright.db")
        rows = database.execute("SELECT external_id, data FROM sessions").fetchall()
        database.close()
        return {call: json.loads(data)["slots"].get("key") or "" for call, data in rows}

    def unended(self) -> int:
        """Sessions that were left open."""
        database = sqlite3.connect(self.folder / "var" / "callwright.db")
        count: int = database.execute("SELECT count(*) FROM sessions WHERE NOT ended").fetchone()[0]
        database.close()
        return count


class Yardstick(Server):
    """aiosipua and aiortp: `yardstick.py`."""

    _printed = ""

    def prepare(self) -> None:
        """Nothing to prepare."""

    def command(self) -> list[str]:
        return [sys.executable, "-O", "-m", "bench.sip.yardstick", str(self.port)]

    def environment(self) -> dict[str, str]:
        return {"UV_USE_IO_URING": "0"}  # as ours has it

    def stop(self) -> str:
        self._printed = super().stop()
        return self._printed

    def digits(self) -> Counter[str]:
        return Counter(json.loads(self._printed or "{}"))


def at(*, cpu: int | None, nice: int) -> None:
    """Put this process there: for `preexec_fn`."""
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    if nice:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
        # Where the scheduler groups by session, priorities only count within one; a session has a priority too.
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(nice))


def is_media(pid: int) -> bool:
    try:
        return b"ivr.channels.sip.media" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def rss(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
