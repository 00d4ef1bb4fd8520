"""Takes mails by SMTP (RFC 5321) and LMTP (RFC 2033). A mail is answered with 250 once it is stored, and with 451 while
it can't be: then the other server keeps it and tries again."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy.exc import SQLAlchemyError

from callcenter.mail.intake import Intake, RefusedMail

log = structlog.get_logger("callwright.mail")
logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd would log every line of every mail

THREADS = 4
"""Mails that are parsed and stored at once."""
MOST_RECIPIENTS = 100
"""RFC 5321, 4.5.3.1.8."""
IDLE_SECONDS = 300.0
"""RFC 5321, 4.5.3.2.7."""
CLOSING_SECONDS = 20.0
LINE = 256 * 1024
"""Octets of a line. RFC 5321 has 1000, but much software sends whole paragraphs and attachments in one."""


class _Handler:
    """What aiosmtpd calls, see https://aiosmtpd.aio-libs.org/en/latest/handlers.html"""

    def __init__(self, intake: Intake, pool: ThreadPoolExecutor, most_recipients: int) -> None:
        self._intake = intake
        self._pool = pool
        self._most = most_recipients

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address not in self._intake.ours:
            return "550 5.1.1 no such mailbox here"
        if len(envelope.rcpt_tos) >= self._most:
            return "452 4.5.3 too many recipients; send it to the others by itself"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 recipient ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        data = content if isinstance(content, bytes) else str(content or "").encode("utf-8", "surrogateescape")
        server.storing = True  # type: ignore[attr-defined]
        sender = (envelope.mail_from or "").strip("<>")
        work = partial(self._intake, data, tuple(envelope.rcpt_tos), sender)
        try:
            taken = await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except RefusedMail as error:
            log.info("mail refused", why=str(error))
            return f"550 5.6.0 {error}"
        except (SQLAlchemyError, OSError) as error:
            log.error("a mail can't be stored now", error=type(error).__name__)
            return "451 4.3.0 can't be stored now; try again later"
        except Exception as error:
            log.exception("a mail can't be taken", error=type(error).__name__)
            return "451 4.3.0 can't be taken now; try again later"
        log.info("mail taken", kind=taken.verdict.kind, message=taken.message_id, contact=taken.contact_id)
        return f"250 2.0.0 stored {taken.message_id}".rstrip()


class _Busy(asyncio.Protocol):
    """For connections beyond the limit."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"421 4.3.2 too many connections; try again later\r\n")
        transport.close()


class MailServer:
    """SMTP and LMTP on the running loop. `max_bytes` is the largest mail, `connections` how many there may be at once;
    `name` is what it greets with."""

    def __init__(self, intake: Intake, *, max_bytes: int, connections: int, name: str = "") -> None:
        self._intake = intake
        self._max_bytes = max_bytes
        self._connections = connections
        self._name = name or socket.gethostname()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="mail")
        self._servers: list[asyncio.Server] = []
        self._open: set[Any] = set()
        self._none_open = asyncio.Event()
        self._closing = False
        self._sockets: list[Path] = []

    async def listen_smtp(self, host: str, port: int) -> tuple[str, int]:
        """Returns the address that it listens on. Raises `OSError`."""
        server = await asyncio.get_running_loop().create_server(
            self._factory(SMTP, MOST_RECIPIENTS), host, port, backlog=128
        )
        self._servers.append(server)
        bound = server.sockets[0].getsockname()
        return str(bound[0]), int(bound[1])

    async def listen_lmtp(self, path: Path) -> None:
        """On a Unix socket that our user and group may write to. Raises `OSError`, also for a file in its place."""
        await asyncio.to_thread(_make_room, path)
        # One recipient a mail: RFC 2033, 4.2 wants an answer for each after DATA, and aiosmtpd gives one.
        server = await asyncio.get_running_loop().create_unix_server(self._factory(LMTP, 1), str(path), backlog=128)
        os.chmod(path, 0o660)
        self._servers.append(server)
        self._sockets.append(path)

    async def close(self) -> None:
        """Take no new mails; those that are being stored are answered first."""
        self._closing = True
        for server in self._servers:
            server.close()
        for connection in list(self._open):
            if not connection.storing:
                connection.transport.write(b"421 4.3.2 closing\r\n")
                connection.transport.close()
        if self._open:
            self._none_open.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._none_open.wait(), CLOSING_SECONDS)
        for connection in list(self._open):
            connection.transport.abort()
        self._pool.shutdown(wait=False)
        for path in self._sockets:
            path.unlink(missing_ok=True)

    def _factory(self, kind: type[SMTP], most_recipients: int) -> Any:
        server = self
        handler = _Handler(self._intake, self._pool, most_recipients)

        class Connection(kind):  # type: ignore[valid-type, misc]
            line_length_limit = LINE
            storing = False

            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                server._open.add(self)
                super().connection_made(transport)

            def connection_lost(self, error: Exception | None) -> None:
                server._open.discard(self)
                super().connection_lost(error)
                if not server._open:
                    server._none_open.set()

            async def push(self, status: Any) -> None:
                await super().push(status)
                if self.storing:
                    self.storing = False
                    if server._closing and self.transport is not None:
                        self.transport.close()

        def make() -> asyncio.BaseProtocol:
            if len(server._open) >= server._connections:
                log.warning("too many connections", connections=len(server._open))
                return _Busy()
            made: asyncio.BaseProtocol = Connection(
                handler,
                data_size_limit=server._max_bytes,
                enable_SMTPUTF8=True,
                hostname=server._name,
                ident="Callwright",
                timeout=IDLE_SECONDS,
                loop=asyncio.get_running_loop(),
            )
            return made

        return make


def _make_room(path: Path) -> None:
    """For a socket: one that a process which died has left goes."""
    if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
        raise FileExistsError(errno.EEXIST, "LMTP_SOCKET is not a socket", str(path))
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
