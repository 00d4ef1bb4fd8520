"""SIPp completes the main calls with RFC 4733 keys from a capture, and what was played to it is what was due.

SIPp can't listen, so its keys come at fixed times, early ones as type-ahead; tcpdump listens in its place.
"""

from __future__ import annotations

import asyncio
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from callcenter.tables import payments, sandbox_charges, sessions
from tests.channels.sip import sipp
from tests.channels.sip.pcap import write_keys
from tests.tools import need
from tests.voice.line import Line

pytestmark = [
    pytest.mark.sip,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="SIPp needs root to play a capture: run as root"),
]

PIECE = 1600


@pytest.fixture
def line(tmp_path: Path, audio: Path) -> Iterator[Line]:
    with Line(tmp_path / "line", audio) as line:
        yield line


def pause(seconds: float) -> str:
    return " " * round(2 * seconds)


@contextmanager
def capture(path: Path, port: int) -> Iterator[None]:
    """Keep what is sent to this UDP port on loopback."""
    command = [
        need("tcpdump", "tcpdump"),
        "-i",
        "lo",
        "-n",
        "-U",
        "--immediate-mode",
        "-w",
        str(path),
        f"udp dst port {port}",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            assert "listening on" in process.stderr.readline()
            yield
        finally:
            process.terminate()


def audio_in(path: Path) -> bytes:
    """The PCMU payloads of a capture, in the order of their sequence numbers."""
    raw, at = path.read_bytes(), 24
    found: dict[int, bytes] = {}
    first: int | None = None
    while at + 16 <= len(raw):
        (length,) = struct.unpack_from("<I", raw, at + 8)
        rtp = raw[at + 16 + 42 : at + 16 + length]  # after 14 bytes of Ethernet, 20 of IP and 8 of UDP
        if len(rtp) > 12 and rtp[0] >> 6 == 2 and rtp[1] & 0x7F == 0:
            (number,) = struct.unpack_from("!H", rtp, 2)
            first = number if first is None else first
            found[(number - first) & 0xFFFF] = rtp[12:]
        at += 16 + length
    assert found
    assert max(found) + 1 == len(found), "RTP was lost"
    return b"".join(found[number] for number in sorted(found))


def share_heard(heard: bytes, audio: bytes) -> tuple[float, int]:
    """How much of a prompt is in what was heard, in pieces of 0.2 seconds, and where the first one is.

    Pieces, because the media loop skips ahead where a busy machine stalls it for more than 0.1 seconds.
    """
    pieces = [audio[start : start + PIECE] for start in range(0, len(audio) - PIECE + 1, PIECE)]
    found = [heard.find(piece) for piece in pieces if len(set(piece)) > 20]  # silence is everywhere
    here = [where for where in found if where >= 0]
    return (len(here) / len(found), here[0]) if here else (0.0, 0)


def place(line: Line, folder: Path, keys: str) -> list[str]:
    """Run the call; the ids of the prompts that were heard to the end, in order."""
    write_keys(folder / "keys.pcap", keys)
    port = sipp.free_port()
    with capture(folder / "heard.pcap", port):
        options = {"media_port": str(port), "event_type": "101"}
        asyncio.run(sipp.run("keys", line.address, folder, seconds=90, **options))
    heard = audio_in(folder / "heard.pcap")
    (due,) = line.ears.due.values()  # in the order of their rendering, some twice
    found = {prompt.id: share_heard(heard, audio) for prompt, audio in due}
    return sorted((id for id, (share, _) in found.items() if share > 0.8), key=lambda id: found[id][1])


def test_the_hours_call(line: Line, tmp_path: Path) -> None:
    ids = place(line, tmp_path, pause(6) + "2" + pause(9) + "2")
    assert ids[:2] == ["main.welcome", "main.how_can_we_help"]
    assert ids[-2:] == ["main.anything_else", "main.goodbye"]
    assert any(id.startswith("hours.") for id in ids)
    with line.engine.connect() as connection:
        assert connection.execute(sa.select(sessions.c.channel)).scalar_one() == "sip"


def test_the_paid_bill_call(line: Line, tmp_path: Path) -> None:
    keys = ["1", "10203040", "1", "5555555555554444#", "0831", "7392", "2"]
    ids = place(line, tmp_path, "".join(pause(6) + group for group in keys[:-1]) + pause(10) + keys[-1])
    wanted = ["main.how_can_we_help", "pay.ask_account", "pay.how_much", "pay.ask_card", "pay.ask_expiry"]
    wanted += ["pay.ask_security_code", "pay.approved", "main.anything_else", "main.goodbye"]
    assert [id for id in ids if id in wanted] == wanted
    with line.engine.connect() as connection:
        payment = connection.execute(sa.select(payments)).one()
        charge = connection.execute(sa.select(sandbox_charges)).one()
    assert (payment.status, payment.amount, payment.card_last4) == ("approved", 8450, "4444")
    assert (charge.status, charge.amount) == ("charged", 8450)
