"""SIPp (Debian: sip-tester) on one of our scenarios, once, from free ports."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from pathlib import Path

from ivr import ports
from tests.tools import need

SCENARIOS = Path(__file__).parent / "scenarios"


def free_port() -> int:
    """A UDP port of which the next even one is taken to be free as well."""
    return ports.free("127.0.0.1", (socket.SOCK_DGRAM,))


def command(
    scenario: str, server: tuple[str, int], *, transport: str = "u1", seconds: int = 50, **keys: str
) -> list[str]:
    """`keys` fill `[name]` in the scenario."""
    sipp = need("sipp", "sip-tester")
    port, media_port = (keys.pop(name, "") or free_port() for name in ("port", "media_port"))
    options = f"-m 1 -i 127.0.0.1 -p {port} -mi 127.0.0.1 -mp {media_port}"
    given = [word for name, value in keys.items() for word in ("-key", name, value)]
    return [
        sipp, f"{server[0]}:{server[1]}", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-s", "ivr", *options.split(),
        "-t", transport, "-nostdin", "-timeout", f"{seconds}s", "-timeout_error", "-trace_err",
        # Without this SIPp's digest covers another URI than the one it asks for.
        "-auth_uri", f"ivr@{server[0]}:{server[1]}", *given,
    ]  # fmt: skip


async def run(scenario: str, server: tuple[str, int], folder: Path, *, seconds: int = 50, **keys: str) -> None:
    """Run a scenario in `folder`. Raises AssertionError with SIPp's own words where the call did not go as written."""
    process = await asyncio.create_subprocess_exec(
        *command(scenario, server, seconds=seconds, **keys),
        cwd=folder,
        env=os.environ | {"TERM": "dumb"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, f"{scenario}: {_why(folder) or said.decode(errors='replace')[-2000:]}"


def _why(folder: Path) -> str:
    return "".join(path.read_text(errors="replace") for path in folder.glob("*_errors.log"))
