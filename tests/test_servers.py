"""The web server that tests talk to."""

from __future__ import annotations

import socket
import struct
import threading
from urllib.parse import urlsplit

import pytest

from tests.servers import Server, serving


@pytest.mark.parametrize(("fault", "shown"), [(None, False), (ValueError("a slip of the test"), True)])
def test_only_faults_of_the_test_are_shown(
    fault: Exception | None, shown: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    over = threading.Event()
    shut = Server.shutdown_request

    def watched(self: Server, request: socket.socket) -> None:
        shut(self, request)
        over.set()

    def answer(handler: object) -> None:
        if fault is not None:
            raise fault

    monkeypatch.setattr(Server, "shutdown_request", watched)
    with serving(answer) as url:
        with socket.create_connection((str(urlsplit(url).hostname), int(urlsplit(url).port or 0))) as peer:
            if fault is None:  # a reset in the middle of a request, not an end
                peer.sendall(b"GET / HT")
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
                assert peer.recv(1) == b""
        assert over.wait(60)
    told = capsys.readouterr().err
    assert "a slip of the test" in told if shown else told == ""
