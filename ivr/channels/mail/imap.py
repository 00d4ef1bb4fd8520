"""Fetches mails from a mailbox by IMAP (RFC 9051), and marks them once they are stored."""

from __future__ import annotations

import imaplib
import ssl
import threading
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import structlog
from imap_tools import BaseMailBox, ImapToolsError, MailBox, MailBoxStartTls, MailBoxUnencrypted
from sqlalchemy.exc import SQLAlchemyError

from callcenter.mail.intake import Intake, RefusedMail
from callcenter.mail.loopback import is_loopback

log = structlog.get_logger("callwright.mail.imap")

TIMEOUT = 30.0
BACK_OFF = (1.0, 5.0, 15.0, 60.0, 300.0)
IDLE_SECONDS = 5.0
"""How long a stop may take while the server has nothing to say."""
PREVIEW = 512 * 1024
"""Bytes that are read of a mail that is too large: its text stands first."""
TRIES = 5
"""After so many a mail that can't be taken is flagged and left alone."""
TROUBLE = (ImapToolsError, imaplib.IMAP4.error, OSError, EOFError)


@dataclass(frozen=True, slots=True)
class ImapAccount:
    """`tls` is whole (imaps), start (STARTTLS) or none, which is for this machine only."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    folder: str
    tls: str

    @classmethod
    def read(cls, url: str) -> ImapAccount:
        """From imaps://user:password@imap.example.com/INBOX, or imap:// with STARTTLS. Raises ValueError."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in ("imap", "imaps") or not parts.hostname or not parts.username:
            raise ValueError("IMAP_URL must be imaps://USER:PASSWORD@HOST[:PORT][/FOLDER]")
        whole = parts.scheme == "imaps"
        tls = "whole" if whole else "none" if is_loopback(parts.hostname) else "start"
        return cls(
            parts.hostname,
            port or (993 if whole else 143),
            unquote(parts.username),
            unquote(parts.password or ""),
            unquote(parts.path.strip("/")) or "INBOX",
            tls,
        )

    def open(self) -> BaseMailBox:
        """A connection that is signed in, with the folder selected. Raises what `TROUBLE` names."""
        context = ssl.create_default_context()
        box: BaseMailBox
        if self.tls == "whole":
            box = MailBox(self.host, self.port, timeout=TIMEOUT, ssl_context=context)
        elif self.tls == "start":
            box = MailBoxStartTls(self.host, self.port, timeout=TIMEOUT, ssl_context=context)
        else:
            box = MailBoxUnencrypted(self.host, self.port, timeout=TIMEOUT)
        box.login(self.user, self.password, initial_folder=self.folder)
        return box


class ImapPoller:
    """Takes what is unseen in a folder; then it is marked as seen, or moved to `done`. Looks again when the server
    tells of new mail (IDLE, RFC 2177), and at least every `seconds`. `run` is for a thread of its own."""

    def __init__(self, account: ImapAccount, intake: Intake, *, done: str = "", seconds: float, max_bytes: int) -> None:
        self._account = account
        self._intake = intake
        self._done = done
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._failed: Counter[str] = Counter()
        self.stopping = threading.Event()

    def run(self) -> None:
        """Until `stopping` is set. Whatever goes wrong is logged and tried again."""
        failures = 0
        while not self.stopping.is_set():
            try:
                with self._account.open() as box:
                    if failures:
                        log.info("the mailbox answers again", host=self._account.host)
                    failures = 0
                    self._watch(box)
            except TROUBLE as error:
                if failures == 0:
                    log.warning("no mailbox", host=self._account.host, why=_words(error))
            except SQLAlchemyError as error:
                log.error("mails stay where they are: they can't be stored", error=type(error).__name__)
            except Exception as error:
                log.exception("the mailbox can't be read", error=type(error).__name__)
            if not self.stopping.is_set():
                self.stopping.wait(BACK_OFF[min(failures, len(BACK_OFF) - 1)])
                failures += 1

    def _watch(self, box: BaseMailBox) -> None:
        idles = "IDLE" in box.client.capabilities
        while not self.stopping.is_set():
            _told(box)  # of what is fetched now
            self.fetch(box)
            waited = 0.0
            while waited < self._seconds and not self.stopping.is_set() and not _told(box):
                pause = min(IDLE_SECONDS, self._seconds - waited)
                waited += pause
                if not idles:
                    self.stopping.wait(pause)
                elif box.idle.wait(timeout=pause):
                    break

    def fetch(self, box: BaseMailBox) -> int:
        """Take all that is unseen, the oldest first; returns how many were stored. Raises what `TROUBLE` names, and
        SQLAlchemy's errors when the database is away."""
        taken = 0
        for uid in box.uids("UNSEEN", charset=None):
            if self.stopping.is_set():
                break
            taken += self._take(box, uid)
        return taken

    def _take(self, box: BaseMailBox, uid: str) -> bool:
        size = _size(box, uid)
        if size < 0:  # somebody else has taken it away
            return False
        large = size > self._max_bytes
        data = _content(box, uid, f"<0.{PREVIEW}>" if large else "")
        try:
            found = self._intake(data, cut=large)
        except RefusedMail as error:
            log.warning("mail refused; it stays in the mailbox, flagged", uid=uid, why=str(error))
            box.flag(uid, ("\\Seen", "\\Flagged"), True)
            return False
        except (SQLAlchemyError, OSError):
            raise
        except Exception as error:
            self._failed[uid] += 1
            log.exception("a mail can't be taken", uid=uid, error=type(error).__name__)
            if self._failed[uid] >= TRIES:
                box.flag(uid, ("\\Seen", "\\Flagged"), True)
            return False
        # Should this fail, the mail comes again, and is known by its digest.
        if self._done:
            box.move(uid, self._done)
        else:
            box.flag(uid, "\\Seen", True)
        log.info("mail taken", kind=found.verdict.kind, message=found.message_id, contact=found.contact_id)
        return True


def _told(box: BaseMailBox) -> bool:
    """Whether the server told of mails beside its answers to commands since this was asked: it tells once, and then
    IDLE has nothing to say of them (RFC 9051 section 5.2)."""
    return box.client.response("EXISTS")[1] != [None]


def _size(box: BaseMailBox, uid: str) -> int:
    """In bytes; -1 where there is no such mail any more."""
    _, data = box.client.uid("fetch", uid, "(RFC822.SIZE)")
    line = data[0] if data and isinstance(data[0], bytes) else b""
    _, _, rest = line.partition(b"RFC822.SIZE ")
    digits = rest.split(b" ")[0].rstrip(b")")
    return int(digits) if digits.isdigit() else -1


def _content(box: BaseMailBox, uid: str, part: str) -> bytes:
    """The bytes as they are, without marking the mail as seen (imap-tools gives them parsed, which may fail)."""
    _, data = box.client.uid("fetch", uid, f"(BODY.PEEK[]{part})")
    return next((bytes(each[1]) for each in data if isinstance(each, tuple)), b"")


def _words(error: BaseException) -> str:
    """What went wrong, without what was sent: a password may be in it."""
    return f"{type(error).__name__}: {error}"[:200] if isinstance(error, OSError) else type(error).__name__
