"""UDP ports for RTP (even) and RTCP (the next one), RFC 3550 section 11."""

from __future__ import annotations

import errno
import os
import socket
from collections import deque
from typing import Any

_ATTEMPTS = 64
_RECEIVE_BUFFER = 65536
"""Bytes of kernel buffer a port: about 80 packets; a flood fills no more than that."""


class NoPortFree(Exception):
    """No pair of ports could be bound."""


class PortPairs:
    """Hands out bound socket pairs on one local address, from a range or from what the system has free.

    In a range the port that was freed longest ago comes next, so that a late packet of an ended call finds nobody.
    """

    def __init__(self, host: str, ports: tuple[int, int] | None) -> None:
        self._host = host
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        first_last = range(0) if ports is None else range(ports[0] + ports[0] % 2, ports[1], 2)
        self._free = None if ports is None else deque(first_last)

    def take(self, wanted: int = 0) -> tuple[socket.socket, socket.socket]:
        """(RTP, RTCP), bound and non-blocking; `wanted` is an RTP port that is to be had again. Raises `NoPortFree`."""
        if wanted:
            return self._take_again(wanted)
        # All of a range: others may sit on many of its ports. Those go to its end, so that they cost this only once.
        for _ in range(_ATTEMPTS if self._free is None else len(self._free)):
            port = 0 if self._free is None else self._free.popleft()
            try:
                return self._bind_pair(port)
            except OSError as error:
                if self._free is not None:
                    self._free.append(port)
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise NoPortFree(f"{self._host}: {error.strerror}") from error
        raise NoPortFree(f"no free pair of ports on {self._host}")

    def _take_again(self, port: int) -> tuple[socket.socket, socket.socket]:
        try:
            pair = self._bind_pair(port)
        except OSError as error:
            raise NoPortFree(f"{self._host}:{port}: {error.strerror}") from error
        if self._free is not None and port in self._free:
            self._free.remove(port)
        return pair

    def give_back(self, port: int) -> None:
        if self._free is not None:
            self._free.append(port)

    def _bind_pair(self, port: int) -> tuple[socket.socket, socket.socket]:
        rtp = self._bind(port)
        try:
            chosen = rtp.getsockname()[1]
            if chosen % 2 == 0:
                return rtp, self._bind(chosen + 1)
            # the system gave an odd port: it serves for RTCP if its lower neighbour is free
            return self._bind(chosen - 1), rtp
        except OSError:
            rtp.close()
            raise

    def _bind(self, port: int) -> socket.socket:
        sock = socket.socket(self._family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            sock.bind((self._host, port))
        except OSError:
            sock.close()
            raise
        return sock


def renew(sock: socket.socket, address: Any) -> None:
    """Put a fresh socket, connected to nobody, in the place of one bound to `address`, under the same descriptor.

    No moment passes in which the port is closed. connect(2) to AF_UNSPEC should do this too, but on some kernels a
    socket that was disconnected so receives nothing more. The descriptor has to be registered with epoll again.
    """
    with socket.socket(sock.family, socket.SOCK_DGRAM) as fresh:
        fresh.setblocking(False)
        fresh.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        for one in (sock, fresh):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        fresh.bind(address)
        os.dup2(fresh.fileno(), sock.fileno(), inheritable=False)
    # only for that moment: nobody else may bind the port
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
