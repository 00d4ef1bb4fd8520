"""A free port instead of a default that is taken; an error if it was chosen."""

from __future__ import annotations

import random
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr import ports
from ivr.settings import Settings


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        yield tcp.getsockname()[1]


@pytest.fixture
def taken_udp() -> Iterator[int]:
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        yield udp.getsockname()[1]


def defaults(monkeypatch: pytest.MonkeyPatch, **values: int) -> None:
    for name, value in values.items():
        monkeypatch.setattr(Settings.model_fields[name], "default", value)
    Settings.model_rebuild(force=True)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("PORT", raising=False)
    monkeypatch.delenv("SIP_PORT", raising=False)
    yield
    monkeypatch.undo()
    Settings.model_rebuild(force=True)


def test_a_taken_default_gives_way(monkeypatch: pytest.MonkeyPatch, taken: int, taken_udp: int) -> None:
    defaults(monkeypatch, port=taken, live_port=0, mail_in_port=0, sip_port=taken_udp)
    chosen = ports.choose(Settings(_env_file=None))
    assert chosen.web not in (0, taken)
    assert chosen.sip not in (0, taken_udp)
    assert [note.split(" is taken")[0] for note in chosen.notes] == [f"port {taken}", f"port {taken_udp}"]


def test_a_taken_port_that_was_set_is_an_error(taken: int) -> None:
    with pytest.raises(ports.PortTaken, match=f"port {taken} .* set SIP_PORT=0"):
        ports.choose(Settings(_env_file=None, port=0, live_port=0, sip_port=taken))


def test_port_0_is_a_free_one() -> None:
    chosen = ports.choose(Settings(_env_file=None, port=0, live_port=0, sip_port=0))
    assert chosen.notes == ()
    assert chosen.web != chosen.live
    assert ports.is_free("127.0.0.1", chosen.sip, (socket.SOCK_STREAM, socket.SOCK_DGRAM))


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's /proc")
def test_a_free_one_is_given_to_no_connection_meanwhile() -> None:
    """Our programs take seconds to start, and the system gives ports of these to whoever asks for any."""
    first_given = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    chosen = ports.choose(Settings(_env_file=None, port=0, live_port=0, sip_port=0, mail_in_port=0))
    assert max(chosen.web, chosen.live, chosen.sip, chosen.mail) < first_given


def test_two_who_ask_at_once_get_different_ones() -> None:
    def three() -> list[int]:
        random.seed(1)
        return [ports.free("127.0.0.1", (socket.SOCK_STREAM,)) for _ in range(3)]

    assert three() != three()


def test_no_port_is_free(monkeypatch: pytest.MonkeyPatch, taken: int) -> None:
    monkeypatch.setattr(ports, "QUIET", range(taken, taken + 1))
    with pytest.raises(OSError, match=f"no port from {taken} to {taken} is free on 127.0.0.1"):
        ports.free("127.0.0.1", (socket.SOCK_STREAM,))


def test_an_address_of_another_machine_is_no_taken_port() -> None:
    with pytest.raises(OSError, match=r"\S"):
        ports.choose(Settings(_env_file=None, host="192.0.2.1", port=8080))
