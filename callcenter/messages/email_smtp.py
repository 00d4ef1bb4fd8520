"""Mail through an SMTP server (RFC 5321), with TLS where the server offers it (RFC 3207) or by smtps://."""

from __future__ import annotations

import smtplib
import ssl
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import Any
from urllib.parse import unquote, urlsplit

from callcenter.messages import NotConfiguredError, Outgoing, RefusedError, Sender, TemporaryError, sender, setting

TIMEOUT = 15.0


class SmtpMail(Sender):
    def __init__(self, url: str, sender_address: str) -> None:
        """`url` is smtp://[USER:PASSWORD@]HOST[:PORT] or smtps://…; a password is only sent over TLS. Raises
        ValueError for anything else."""
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("SMTP_URL must be smtp://USER:PASSWORD@HOST:PORT")
        self.tls = parts.scheme == "smtps"
        self.host, self.port = parts.hostname, parts.port or (465 if self.tls else 587)
        self.user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self.sender_address = sender_address

    def send(self, message: Outgoing) -> str:
        mail = EmailMessage()
        try:
            mail["From"], mail["To"], mail["Subject"] = self.sender_address, message.to, message.subject
            domain = parseaddr(self.sender_address)[1].rpartition("@")[2] or "localhost"
            mail["Message-ID"] = f"<{message.id}@{domain}>"  # the same each time: a second copy is recognised
            mail["Date"] = formatdate()
            mail.set_content(message.body)
            if len(mail["To"].addresses) != 1:
                raise RefusedError("not one mail address")
        except (ValueError, MessageError, IndexError):
            raise RefusedError("the address or subject can't stand in a mail") from None
        try:
            self._deliver(mail)
        except smtplib.SMTPRecipientsRefused as error:
            self._refused(*next(iter(error.recipients.values())))
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            self._refused(error.smtp_code, error.smtp_error)
        except (smtplib.SMTPException, OSError) as error:
            raise TemporaryError(f"the mail server {self.host}: {type(error).__name__}") from None
        return str(mail["Message-ID"])

    def _deliver(self, mail: EmailMessage) -> None:
        context = ssl.create_default_context()
        connection = (
            smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT, context=context)
            if self.tls
            else smtplib.SMTP(self.host, self.port, timeout=TIMEOUT)
        )
        with connection as smtp:
            smtp.ehlo_or_helo_if_needed()
            secure = self.tls
            if not secure and smtp.has_extn("starttls"):
                smtp.starttls(context=context)
                secure = True
            if self.user:
                if not secure:
                    raise TemporaryError(f"the mail server {self.host} offers no TLS for the password")
                smtp.login(self.user, self._password)
            smtp.send_message(mail)

    def _refused(self, code: int, words: bytes | str) -> None:
        text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
        raise (RefusedError if code >= 500 else TemporaryError)(f"the mail server answered {code} {text}"[:300])


@sender("email")
def open_mail(settings: Any) -> Sender:
    url, address = setting(settings, "SMTP_URL"), setting(settings, "MAIL_FROM")
    if not url or not address:
        missing = ", ".join(name for name in ("SMTP_URL", "MAIL_FROM") if not setting(settings, name))
        raise NotConfiguredError(f"no mail sender is configured: set {missing}")
    try:
        return SmtpMail(url, address)
    except ValueError as error:
        raise NotConfiguredError(str(error)) from None
