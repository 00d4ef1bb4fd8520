"""Pairs of ports from a range."""

from __future__ import annotations

import errno
import socket

import pytest

from ivr.channels.sip.media.ports import NoPortFree, PortPairs

Pair = tuple[socket.socket, socket.socket]


def test_a_range_is_searched_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program may sit on the first hundred pairs."""
    tried: list[int] = []
    ours = (socket.socket(), socket.socket())

    def bind(self: PortPairs, port: int) -> Pair:
        tried.append(port)
        if port < 20_200:
            raise OSError(errno.EADDRINUSE, "in use")
        return ours

    monkeypatch.setattr(PortPairs, "_bind_pair", bind)
    pairs = PortPairs("127.0.0.1", (20_000, 20_210))
    assert pairs.take() == ours
    assert tried[-1] == 20_200
    tried.clear()
    assert pairs.take() == ours
    assert tried == [20_202], "ports of others are not tried again first"
    for one in ours:
        one.close()


def test_a_range_without_a_free_pair_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def bind(self: PortPairs, port: int) -> Pair:
        raise OSError(errno.EADDRINUSE, "in use")

    monkeypatch.setattr(PortPairs, "_bind_pair", bind)
    with pytest.raises(NoPortFree):
        PortPairs("127.0.0.1", (20_000, 20_010)).take()
