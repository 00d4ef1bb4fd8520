"""Mail servers with a certificate that signs itself: as distributions set them up."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult

from callcenter.messages import Outgoing, TemporaryError, email_smtp
from callcenter.messages.email_smtp import SmtpMail
from tests.channels.sip.tls import make_certificate
from tests.smtp import FreePort

MESSAGE = Outgoing(id="0006441b2c3d4e0001a1b2c3d4e5f607", to="dana@gmail.example", subject="Your bill", body="42.10")
FROM = "Acme Utilities <support@example.com>"


class Server:
    """What came in, and whether it came over TLS and with the password."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.secure: list[bool] = []
        self.passwords: list[bytes] = []
        self.controller = FreePort(self, tls_context=context, authenticator=self._authenticate)

    @property
    def url(self) -> str:
        return f"127.0.0.1:{self.controller.port}"

    def _authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.passwords.append(data.password)
        return AuthResult(success=True)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.secure.append(session.ssl is not None)
        return "250 taken"


class WithoutAuth:
    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, name: str, told: list[str]) -> list[str]:
        session.host_name = name
        return [line for line in told if "AUTH" not in line]


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*make_certificate(tmp_path))
    return context


@pytest.fixture
def server(tls: ssl.SSLContext) -> Iterator[Server]:
    server = Server(tls)
    server.controller.start()
    yield server
    server.controller.stop()


def test_on_this_machine_any_certificate_will_do(server: Server) -> None:
    SmtpMail(f"smtp://office:secret@{server.url}", FROM).send(MESSAGE)
    assert server.secure == [True]
    assert server.passwords == [b"secret"]


def test_elsewhere_the_certificate_must_be_trusted(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(email_smtp, "is_loopback", lambda host: False)
    with pytest.raises(TemporaryError, match=r"its certificate isn't trusted \(self-signed certificate\)"):
        SmtpMail(f"smtp://office:secret@{server.url}", FROM).send(MESSAGE)
    assert not server.passwords
    assert not server.secure


def test_a_server_that_takes_no_password_is_named(tls: ssl.SSLContext) -> None:
    controller = FreePort(WithoutAuth(), tls_context=tls)
    controller.start()
    try:
        with pytest.raises(TemporaryError, match=r"127\.0\.0\.1 takes no password: SMTP_URL has one"):
            SmtpMail(f"smtp://office:secret@127.0.0.1:{controller.port}", FROM).send(MESSAGE)
    finally:
        controller.stop()
