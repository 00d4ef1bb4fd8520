"""Packets of strangers at the port that an agent's browser talks to."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest
from aioice import stun

from ivr.channels.webrtc import guard
from tests.channels.webrtc.test_gateway import Desk, Page, run, talk

pytestmark = [pytest.mark.timeout(120), pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def port_of(page: Page) -> tuple[str, int]:
    """Where the page's packets go."""
    (transceiver,) = page.connection.getTransceivers()
    (pair,) = transceiver.sender.transport.transport._connection._nominated.values()
    host, port = pair.remote_addr
    return host, port


def stun_request(*attributes: tuple[int, bytes]) -> bytes:
    body = b"".join(struct.pack("!HH", kind, len(value)) + value for kind, value in attributes)
    return struct.pack("!HHI12s", 1, len(body), stun.COOKIE, b"x" * 12) + body


JUNK = {
    "nothing": b"",
    "one byte": b"\x80",
    "RTP that is too long": b"\x80\x00" + bytes(3000),
    "RTCP that is too long": b"\x80\xc8" + bytes(3000),
    "RTP": b"\x80\x00" + bytes(170),
    "RTCP": b"\x81\xc8" + bytes(26),
    "DTLS alert": b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02\x02\x28",
    "DTLS hello": b"\x16\xfe\xfd" + bytes(8) + b"\x00\x40" + b"\x01" + bytes(63),
    "STUN without a password": stun_request(),
    "STUN with half an attribute": stun_request((0x0020, b"\x00")),
    "STUN of a made-up name": stun_request((0x0006, b"\xff\xfe\xfd\xfc"), (0x0008, bytes(20))),
    "STUN that is cut": stun_request((0x0006, b"name"))[:-3],
}


def test_a_stranger_does_not_end_a_call(redis_url: str, tmp_path: Path) -> None:
    async def story(made: Desk) -> None:
        page = await Page(made.phones).connect()
        host, port = port_of(page)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as stranger:
            for data in JUNK.values():
                for _ in range(20):
                    stranger.sendto(data, (host, port))
        await talk(made, page, tmp_path / "agent.wav")
        assert made.gateway._phones["ana"].page == "one"
        await page.connection.close()

    run(redis_url, story)


class Known:
    """As much of an ICE connection as the guard looks at."""

    class Pair:
        remote_addr = ("192.0.2.1", 4000)

    def __init__(self) -> None:
        self._check_list: list[Known.Pair] = []
        self._nominated: dict[int, Known.Pair] = {}


@pytest.mark.parametrize("kind", JUNK)
def test_what_is_let_in(kind: str) -> None:
    ice, taken = Known(), list[bytes]()
    receive = guard._guarded(ice, lambda data, address: taken.append(data))
    receive(JUNK[kind], ("192.0.2.9", 4000, 0, 0))
    receive(JUNK[kind], ("192.0.2.1", 4000, 0, 0))
    everybody = [JUNK[kind]] * 2 if kind == "STUN without a password" else []
    assert taken == everybody  # ICE answers that it is unauthorised (RFC 8445 section 7.3)
    ice._nominated[1] = Known.Pair()
    taken.clear()
    receive(JUNK[kind], ("192.0.2.9", 4000, 0, 0))
    receive(JUNK[kind], ("192.0.2.1", 4001, 0, 0))
    assert taken == everybody
    receive(JUNK[kind], ("192.0.2.1", 4000))
    assert (len(taken) > len(everybody)) == (kind in GOOD)


GOOD = {"RTP", "RTCP", "DTLS alert", "DTLS hello", "STUN without a password"}
"""What a page may send; whether it is authentic is for others to say."""
