"""baresip, somebody else's softphone: it calls and is called, presses keys, and what it plays to its user is heard.

It decodes, conceals and plays through a jitter buffer as a telephone does, so a prompt is known by correlation and
not to the byte.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from ivr import ports
from ivr.speech import pcm
from tests.tools import need

Samples = npt.NDArray[np.float64]
BOTH = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
MODULES = Path("/usr/lib/baresip/modules")
ALIKE = 0.8
"""The least correlation of what was heard with the prompt that was due."""

_CONFIG = """\
poll_method epoll
net_interface 127.0.0.1
sip_listen 127.0.0.1:{port}
audio_player aubridge,line
audio_source aubridge,line
audio_alert aubridge,line
jitter_buffer_delay 2-10
module_path {modules}
module g711.so
module aubridge.so
module sndfile.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
snd_path {folder}
"""


class Baresip:
    """One running baresip that answers by itself. Use as a context manager; `uri` is where it is called."""

    def __init__(self, folder: Path) -> None:
        self._program = need("baresip", "baresip-core")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.port, control = _ports()
        self._control_address = ("127.0.0.1", control)
        self.uri = f"sip:phone@127.0.0.1:{self.port}"
        text = _CONFIG.format(port=self.port, control=control, modules=MODULES, folder=folder)
        (folder / "config").write_text(text)
        (folder / "accounts").write_text("<sip:phone@127.0.0.1>;regint=0;answermode=auto;ptime=20\n")

    def __enter__(self) -> Self:
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [self._program, "-f", str(self._folder)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            self._control = self._connect()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._control.close()
        self._stop()

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _connect(self) -> socket.socket:
        ends = time.monotonic() + 15
        while time.monotonic() < ends:
            try:
                return socket.create_connection(self._control_address)
            except ConnectionRefusedError:
                assert self._process.poll() is None, self.log
                time.sleep(0.05)
        raise TimeoutError(self.log)

    @property
    def log(self) -> str:
        lines = (self._folder / "log").read_text(errors="replace").splitlines()
        return "\n".join(line for line in lines if line.strip() and "audio=" not in line)

    # The user's hands

    def command(self, name: str, parameters: str = "") -> None:
        """One command of its `menu` module, as a netstring of JSON to `ctrl_tcp`."""
        text = json.dumps({"command": name, "params": parameters, "token": "test"})
        self._control.sendall(f"{len(text)}:{text},".encode())

    def dial(self, uri: str) -> None:
        self.command("dial", uri)

    def press(self, keys: str) -> None:
        """RFC 4733 events, each as long as a quick finger's."""
        for key in keys:
            self.command("sndcode", key)
            time.sleep(0.2)

    def hang_up(self) -> None:
        self.command("hangup")

    # The user's ears

    def heard(self) -> Samples:
        """All that was played to the user of the last call, while it lasts."""
        dumps = sorted(self._folder.glob("dump-*-dec.wav"), key=lambda path: path.stat().st_mtime)
        raw = dumps[-1].read_bytes()[44:] if dumps else b""
        return np.frombuffer(raw[: len(raw) // 2 * 2], "<i2").astype(np.float64)

    def waits_for(self, ulaw: bytes, after: int = 0, seconds: float = 25) -> int:
        """Wait until this audio was heard, from sample `after` on; the sample at which it ended.

        Raises AssertionError with the best correlation where it did not come in time.
        """
        wanted = np.frombuffer(pcm.pcm16(ulaw), "<i2").astype(np.float64)
        ends, best = time.monotonic() + seconds, 0.0
        while time.monotonic() < ends:
            heard = self.heard()[after:]
            at, alike = correlate(heard, wanted)
            if alike > ALIKE:
                return after + at + len(wanted)
            best = max(best, alike)
            time.sleep(0.4)
        raise AssertionError(f"not heard: {best:.2f} at best in {len(self.heard()) / 8000:.1f} s\n{self.log}")


def correlate(heard: Samples, wanted: Samples) -> tuple[int, float]:
    """Where `wanted` is most alike in `heard`, and the normalised correlation there (0 where it can't be)."""
    if len(heard) < len(wanted) or not wanted.any():
        return 0, 0.0
    size = 1 << (len(heard) + len(wanted)).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size))
    products = np.fft.irfft(spectrum, size)[: len(heard) - len(wanted) + 1]
    sums = np.concatenate(([0.0], np.cumsum(heard * heard)))
    energy = sums[len(wanted) :] - sums[: -len(wanted)]
    alike = products / np.sqrt(np.maximum(energy, 1.0) * np.dot(wanted, wanted))
    at = int(np.argmax(alike))
    return at, float(alike[at])


def _ports() -> tuple[int, int]:
    """A SIP port whose next one (for TLS) is free too, and one for control. Raises OSError."""
    while True:
        port = ports.free("127.0.0.1", BOTH)
        if ports.is_free("127.0.0.1", port + 1, BOTH):
            return port, ports.free("127.0.0.1", BOTH, (port, port + 1))
