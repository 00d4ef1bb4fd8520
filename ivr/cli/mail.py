"""callwright mail"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, Failure, command


@command
class Mail(Command):
    """Receive email by SMTP (MAIL_IN_HOST, MAIL_IN_PORT), by LMTP (LMTP_SOCKET) and from a mailbox (IMAP_URL), and have
    the published flows answer it. On SIGTERM, what has arrived is stored first."""

    name: ClassVar[str] = "mail"
    help: ClassVar[str] = "receive email"

    def run(self, arguments: argparse.Namespace) -> int:
        import asyncio

        from ivr import logs
        from ivr.assembly import make_conversations, make_runner
        from ivr.channels.mail.service import MailService, make_intake
        from ivr.embedded import NoRedis
        from ivr.settings import Settings

        settings = Settings()
        try:
            logs.configure(settings.log_format)
            runner = make_runner(settings)
            service = MailService(settings, make_intake(settings, make_conversations(settings, runner)))
        except (ValueError, NoRedis) as error:
            raise Failure(str(error)) from None
        try:
            asyncio.run(service.run(_ready))
        except OSError as error:
            where = error.filename or f"{settings.mail_in_host}:{settings.mail_in_port}"
            why = f"mail can't listen on {where} ({error.strerror})"
            raise Failure(why, "set MAIL_IN_HOST and MAIL_IN_PORT, or LMTP_SOCKET") from None
        finally:
            runner.close()
        return 0


def _ready(way: str) -> None:
    print(f"mail: {way}", flush=True)
