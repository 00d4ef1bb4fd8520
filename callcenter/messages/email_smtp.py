"""Mail through an SMTP server (RFC 5321), with TLS where the server offers it (RFC 3207) or by smtps://."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

from callcenter.mail import bounces, unsubscribing
from callcenter.mail.addresses import OurAddresses
from callcenter.mail.compose import compose
from callcenter.mail.loopback import is_loopback
from callcenter.messages import (
    NotConfiguredError,
    Outgoing,
    RefusedError,
    Sender,
    SenderSettings,
    TemporaryError,
    UncertainError,
    UndeliverableError,
    sender,
)

TIMEOUT = 15.0


class _Smtp(smtplib.SMTP):
    """Tells a connection that broke after the whole mail was handed over from one that broke before: the server
    must take the mail with its answer to the final dot (RFC 5321, 4.2.5), which then is not known."""

    _handed = False

    def send(self, data: Any) -> None:
        super().send(data)
        self._handed = isinstance(data, bytes) and data.endswith(b"\r\n.\r\n")

    def data(self, message: Any) -> tuple[int, bytes]:
        try:
            return super().data(message)
        except smtplib.SMTPResponseException:
            raise
        except OSError as error:
            if self._handed:
                raise UncertainError(f"no answer of the mail server: {type(error).__name__}") from None
            raise


class _SmtpTls(_Smtp, smtplib.SMTP_SSL):
    pass


class SmtpMail(Sender):
    """`ours` are the addresses that mails come in at, None if none do: then answers get no plus-address either."""

    def __init__(
        self,
        url: str,
        sender_address: str,
        ours: OurAddresses | None = None,
        *,
        plus_address: bool = True,
        unsubscribe: Callable[[str], str] | None = None,
    ) -> None:
        """`url` is smtp://[USER:PASSWORD@]HOST[:PORT] or smtps://…; a password is only sent over TLS. The certificate
        must be trusted, except on this machine itself. Raises ValueError for anything else."""
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("SMTP_URL must be smtp://USER:PASSWORD@HOST:PORT")
        self.tls = parts.scheme == "smtps"
        self.host, self.port = parts.hostname, parts.port or (465 if self.tls else 587)
        self.user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self.sender_address = sender_address
        self._ours = ours
        self._plus = plus_address
        self._unsubscribe = unsubscribe

    def send(self, message: Outgoing) -> str:
        stop = self._unsubscribe(message.id) if self._unsubscribe is not None else ""
        mail = compose(message, self.sender_address, self._ours, plus_address=self._plus, unsubscribe=stop)
        try:
            self._deliver(mail)
        except smtplib.SMTPRecipientsRefused as error:
            self._refused(*next(iter(error.recipients.values())), recipient=True)
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            self._refused(error.smtp_code, error.smtp_error)
        except smtplib.SMTPNotSupportedError:
            raise RefusedError("the mail server takes no addresses beyond ASCII (SMTPUTF8)") from None
        except ssl.SSLCertVerificationError as error:
            reason = f"its certificate isn't trusted ({error.verify_message})"
            raise TemporaryError(f"the mail server {self.host}: {reason}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise TemporaryError(f"the mail server {self.host}: {type(error).__name__}") from None
        return str(mail["Message-ID"])

    def _deliver(self, mail: EmailMessage) -> None:
        context = self._context()
        connection: smtplib.SMTP = (
            _SmtpTls(self.host, self.port, timeout=TIMEOUT, context=context)
            if self.tls
            else _Smtp(self.host, self.port, timeout=TIMEOUT)
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
                self._sign_in(smtp)
            smtp.send_message(mail)

    def _sign_in(self, smtp: smtplib.SMTP) -> None:
        try:
            smtp.login(self.user, self._password)
        except smtplib.SMTPNotSupportedError:
            raise TemporaryError(f"the mail server {self.host} takes no password: SMTP_URL has one") from None

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if is_loopback(self.host):  # distributions set mail servers up with a certificate that signs itself
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _refused(self, code: int, words: bytes | str, *, recipient: bool = False) -> None:
        text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
        status = bounces.status_in(text)
        if recipient and code >= 500 and bounces.says_nobody(status or f"{code // 100}.0.0", text):
            raise UndeliverableError(f"the mail server answered {code} {text}"[:300], status)
        raise (RefusedError if code >= 500 else TemporaryError)(f"the mail server answered {code} {text}"[:300])


@sender("email")
def open_mail(settings: SenderSettings) -> Sender:
    url, address = settings.smtp_url, settings.mail_from
    if not url or not address:
        missing = ", ".join(name for name, value in (("SMTP_URL", url), ("MAIL_FROM", address)) if not value)
        raise NotConfiguredError(f"no mail sender is configured: set {missing}")
    try:
        # An answer must not go to an address that nobody has set up to be read.
        ours = OurAddresses.read(settings.mail_addresses) if settings.mail_addresses else None
        return SmtpMail(
            url, address, ours, plus_address=settings.mail_plus_address, unsubscribe=unsubscribing.links(settings)
        )
    except ValueError as error:
        raise NotConfiguredError(str(error)) from None
