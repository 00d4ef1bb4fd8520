"""Which ports to listen on: what the settings say, or a free one where a default is taken."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Collection
from dataclasses import dataclass

from ivr.settings import Settings

QUIET = range(20001, 32768)
"""Where `free` looks: above the usual ports for RTP, below those that systems give to whoever asks for any port, which
begin at 32768 on Linux and at 49152 elsewhere (RFC 6335, section 6). There, a program that takes seconds to start would
sometimes find its port gone: to a connection that somebody opened meanwhile."""


class PortTaken(Exception):
    """A port that was asked for is taken; the message says which."""


@dataclass(frozen=True, slots=True)
class Ports:
    """`notes` says which defaults were taken."""

    web: int
    sip: int
    live: int
    mail: int
    notes: tuple[str, ...] = ()


def choose(settings: Settings) -> Ports:
    """Raises `PortTaken` for a port that was set and can't be had; a default gives way to a free one. Port 0 asks for
    a free one too. Raises OSError for an address that isn't this machine's."""
    notes = []
    chosen = {}
    for name, host, kinds in (
        ("port", settings.host, (socket.SOCK_STREAM,)),
        ("live_port", settings.host, (socket.SOCK_STREAM,)),
        ("sip_port", settings.sip_host, (socket.SOCK_STREAM, socket.SOCK_DGRAM)),
        ("mail_in_port", settings.mail_in_host, (socket.SOCK_STREAM,)),
    ):
        wanted = getattr(settings, name)
        if wanted and is_free(host, wanted, kinds):
            chosen[name] = wanted
            continue
        if wanted and name in settings.model_fields_set:
            raise PortTaken(f"port {wanted} on {host} is taken by another program; set {name.upper()}=0 for a free one")
        chosen[name] = free(host, kinds, chosen.values())
        if wanted:
            notes.append(f"port {wanted} is taken, so {name.upper()} is {chosen[name]} this time; set it to choose")
    return Ports(chosen["port"], chosen["sip_port"], chosen["live_port"], chosen["mail_in_port"], tuple(notes))


def is_free(host: str, port: int, kinds: tuple[socket.SocketKind, ...]) -> bool:
    """Whether all kinds of socket can be bound there. Raises OSError where the address isn't this machine's."""
    try:
        for kind in kinds:
            _bind(host, port, kind).close()
    except OSError as error:
        if port == 0:
            raise
        with _bind(host, 0, kinds[0]):  # the port's fault, or the address's? then this raises
            pass
        del error
        return False
    return True


def free(host: str, kinds: tuple[socket.SocketKind, ...], chosen: Collection[int] = ()) -> int:
    """A port for a program that is yet to start: one that all kinds of socket can be bound to, and none of those
    `chosen` before, on which nobody listens yet. Raises OSError where the address isn't this machine's, or all are
    taken."""
    # Not by the seed of the tests, or of anybody: two who ask at once must not get the same.
    for port in random.SystemRandom().sample(QUIET, len(QUIET)):
        if port not in chosen and is_free(host, port, kinds):
            return port
    raise OSError(errno.EADDRINUSE, f"no port from {QUIET[0]} to {QUIET[-1]} is free on {host}")


def _bind(host: str, port: int, kind: socket.SocketKind) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)[0]
    probe = socket.socket(family, kind, protocol)
    try:
        if kind == socket.SOCK_STREAM:
            # Connections of the last run that linger in TIME_WAIT don't take the port (man 7 socket).
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        if kind == socket.SOCK_STREAM:
            probe.listen()
    except OSError:
        probe.close()
        raise
    return probe
