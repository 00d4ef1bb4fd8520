"""The mail process: every way in, one intake."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from callcenter.mail.compose import our_addresses
from callcenter.mail.intake import Intake
from ivr.channels.mail.imap import ImapAccount, ImapPoller
from ivr.channels.mail.server import MailServer
from ivr.conversations import Conversations
from ivr.published import NothingPublished
from ivr.settings import Settings

log = structlog.get_logger("callwright.mail")

Ready = Callable[[str], None]
"""Called with each way in that is open, for people."""


def make_intake(settings: Settings, conversations: Conversations) -> Intake:
    """Raises ValueError for wrong MAIL_ADDRESSES."""
    runner = conversations.runner

    def region() -> str:
        try:
            return runner.published.current().company.country
        except NothingPublished:
            return ""

    return Intake(
        runner.engine,
        our_addresses(settings.mail_addresses, settings.mail_from),
        conversations.take,
        files_dir=settings.files_dir,
        clock=runner.now,
        per_hour=settings.mail_answers_per_hour,
        region=region,
    )


class MailService:
    """SMTP, LMTP and IMAP as the settings say."""

    def __init__(self, settings: Settings, intake: Intake) -> None:
        """Raises ValueError for a wrong IMAP_URL."""
        self._settings = settings
        self.server = MailServer(intake, max_bytes=settings.mail_max_bytes, connections=settings.mail_in_connections)
        self.poller: ImapPoller | None = None
        if settings.imap_url:
            self.poller = ImapPoller(
                ImapAccount.read(settings.imap_url),
                intake,
                done=settings.imap_done,
                seconds=settings.imap_seconds,
                max_bytes=settings.mail_max_bytes,
            )
        self._polling: threading.Thread | None = None

    async def start(self, ready: Ready = lambda way: None) -> tuple[str, int] | None:
        """Open every way in; returns the address of SMTP. Raises `OSError`."""
        address = None
        if self._settings.mail_in:
            address = await self.server.listen_smtp(self._settings.mail_in_host, self._settings.mail_in_port)
            ready(f"smtp://{address[0]}:{address[1]}")
        if self._settings.lmtp_socket:
            await self.server.listen_lmtp(Path(self._settings.lmtp_socket))
            ready(f"LMTP on {self._settings.lmtp_socket}")
        if self.poller is not None:
            self._polling = threading.Thread(target=self.poller.run, name="imap", daemon=True)
            self._polling.start()
            ready(f"IMAP from {ImapAccount.read(self._settings.imap_url).host}")
        return address

    async def close(self) -> None:
        """Close every way in; what is being stored is finished first."""
        if self.poller is not None:
            self.poller.stopping.set()
        await self.server.close()
        if self._polling is not None:
            await asyncio.to_thread(self._polling.join, 20)

    async def run(self, ready: Ready) -> None:
        """Serve until SIGTERM or SIGINT."""
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        try:
            await self.start(ready)
            await stopping.wait()
        finally:
            await self.close()
