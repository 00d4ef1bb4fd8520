"""`python -m ivr.channels.sip.media FD HOST LOW HIGH CPU`: the media process; started by `Media.start()`."""

from __future__ import annotations

import signal
import socket
import sys

from ivr.channels.sip.media.engine import serve


def main() -> None:
    descriptor, host, low, high, cpu = sys.argv[1:6]
    # a stop signal goes to the whole group: calls in progress end when the signalling process says so
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ports = (int(low), int(high)) if low else None
    with socket.socket(fileno=int(descriptor)) as control:
        serve(control, host, ports, int(cpu) if cpu else None)


if __name__ == "__main__":
    main()
