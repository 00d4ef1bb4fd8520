"""Callers who talk on real SIP calls to a server of our own: its process, its workers, and what the callers hear."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

from bench.measuring import cpu_seconds
from bench.sip.caller import Call, Callers
from bench.sip.served import Ours
from bench.speech.callers import CACHE
from ivr.speech.recognise.worker import NICE

HERE = Path(__file__).parent
FRAME = 160
SILENCE = b"\xff" * FRAME
LOUD = frozenset(code for code in range(256) if code & 0x7F < 0x5F)
"""Mu-law codes of more than about -42 dBFS."""
OVER = 1.3
"""Seconds without sound after which a prompt is over: longer than between a filler and what comes of it."""


class Server(Ours):
    """`callwright sip` with the flow of `bench/speech/flows` and the default recogniser."""

    core = None
    rtp_ports = ""

    def __init__(self, folder: Path, workers: int, port: int | None = None) -> None:
        super().__init__(folder)
        self.workers = workers

    def prepare(self) -> None:
        """Publish the flow and render its prompts, which are kept for the next time."""
        prompts = self.folder / "prompts"
        shutil.copytree(HERE / "prompts", prompts)
        kept = CACHE / "prompts"
        kept.mkdir(parents=True, exist_ok=True)
        (self.folder / "var").mkdir()
        (self.folder / "var" / "audio").symlink_to(kept.absolute())
        for command in ("publish", "prompts"):
            subprocess.run(
                [sys.executable, "-m", "ivr.cli", command],
                env=os.environ | self.environment(),
                check=True,
                stdout=subprocess.DEVNULL,
            )

    def environment(self) -> dict[str, str]:
        return {
            **super().environment(),
            "FLOWS_DIR": str(HERE / "flows"),
            "SPEECH_WORKERS": str(self.workers),
        }

    def recognisers(self) -> list[int]:
        """The process ids of the recogniser's workers."""
        return [pid for pid in self.children() if is_recogniser(pid)]

    def spent(self) -> float:
        """CPU seconds of the recogniser's workers so far."""
        return sum(cpu_seconds(pid) for pid in self.recognisers())

    def urgent(self, nice: int) -> None:
        """Put the workers, which have sessions of their own, before what else the machine does but behind the server,
        as they are without this, and the callers, who measure, beside the server (root)."""
        os.setpriority(os.PRIO_PROCESS, 0, nice)
        nice += NICE
        for pid in self.recognisers():
            os.setpriority(os.PRIO_PROCESS, pid, nice)
            with contextlib.suppress(OSError):  # where the scheduler groups by session
                Path(f"/proc/{pid}/autogroup").write_text(str(nice))

    async def warm(self) -> None:
        """Wait until every worker has loaded its models: it then waits for its input without using the processor."""
        while True:
            before = [(pid, cpu_seconds(pid)) for pid in self.recognisers()]
            await asyncio.sleep(2.0)
            after = [(pid, cpu_seconds(pid)) for pid in self.recognisers()]
            if len(after) >= self.workers and before == after and all(spent > 0.1 for _, spent in after):
                return


def is_recogniser(pid: int) -> bool:
    try:
        return b"ivr.speech.recognise.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


class Talker(Call):
    """A caller with a voice. `packets` are the times at which audio came that is not pure silence (which the first
    50 ms of a prompt are), `sounds` those of audible audio."""

    def __init__(self, callers: Callers) -> None:
        super().__init__(callers)
        self.packets: deque[float] = deque(maxlen=20_000)
        self.sounds: deque[float] = deque(maxlen=20_000)
        self._to_say: deque[bytes] = deque()
        self._said = asyncio.Event()
        self._pressing = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._rtp.fileno(), self._receive)
        self._talking = asyncio.ensure_future(self._talk())

    def close(self) -> None:
        self._talking.cancel()
        self._loop.remove_reader(self._rtp.fileno())
        super().close()

    async def say(self, mulaw: bytes) -> float:
        """Say this at its own pace; gives the time at which its last frame left."""
        self._to_say.extend(mulaw[at : at + FRAME] for at in range(0, len(mulaw) - FRAME + 1, FRAME))
        self._said.clear()
        await self._said.wait()
        return self._loop.time()

    async def key(self, digits: str) -> float:
        self._pressing = True
        await self.press(digits)
        self._pressing = False
        return self._loop.time()

    async def prompt(self, after: float, patience: float = 30.0) -> float | None:
        """The time of the first packet after this moment; None if none comes."""
        ends = self._loop.time() + patience
        while self._loop.time() < ends and not self.ended.is_set():
            if self.packets and self.packets[-1] > after:
                return next(at for at in self.packets if at > after)
            await asyncio.sleep(0.02)
        return None

    async def quiet(self, seconds: float = OVER) -> None:
        """Until nothing was heard for so long, or the call is over."""
        while not self.ended.is_set():
            last = self.packets[-1] if self.packets else 0.0
            if last and self._loop.time() - last >= seconds:
                return
            await asyncio.sleep(0.02)

    def _receive(self) -> None:
        while True:
            try:
                packet = self._rtp.recv(2048)
            except (BlockingIOError, OSError):
                return
            if len(packet) < 12 or packet[0] >> 6 != 2 or packet[1] & 0x7F:
                continue
            now = self._loop.time()
            if packet[12:] != SILENCE:  # a line that nobody talks on carries packets of silence
                self.packets.append(now)
            if sum(code in LOUD for code in packet[12:]) > 40:
                self.sounds.append(now)

    async def _talk(self) -> None:
        await self.answered.wait()
        due = self._loop.time()
        while True:
            due += 0.02
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            if self._pressing:
                continue
            frame = self._to_say.popleft() if self._to_say else SILENCE
            self._send(0, self._stamp, frame)
            self._stamp += FRAME
            if not self._to_say:
                self._said.set()


@contextlib.asynccontextmanager
async def talkers(server: Server, count: int) -> AsyncIterator[list[Talker]]:
    """So many callers, connected a little apart."""
    callers = await Callers.open(("127.0.0.1", server.port))
    made = [Talker(callers) for _ in range(count)]
    try:
        for caller in made:
            await caller.dial()
            await asyncio.sleep(0.07)
        yield made
    finally:
        for caller in made:
            if not caller.ended.is_set() and caller.answered.is_set():
                await caller.bye()
            caller.close()
        callers.close()


def mulaw_end(mulaw: bytes) -> bytes:
    """Speech without the silence after it, so that its end is where it ends."""
    frames = [mulaw[at : at + FRAME] for at in range(0, len(mulaw) - FRAME + 1, FRAME)]
    while frames and sum(code in LOUD for code in frames[-1]) <= 10:
        frames.pop()
    return b"".join(frames)


__all__ = ["Server", "Talker", "is_recogniser", "mulaw_end", "talkers"]
