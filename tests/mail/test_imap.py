"""Fetching from a real mailbox: Dovecot, run by us on a free port of this machine."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from imap_tools import MailBoxUnencrypted

from callcenter.mail.addresses import OurAddresses
from callcenter.mail.classify import Verdict
from callcenter.mail.intake import RefusedMail, Taken
from ivr import ports
from ivr.channels.mail.imap import ImapAccount, ImapPoller
from tests.mail import made
from tests.mail.support import Office
from tests.tools import need

CONFIG = """
protocols = imap
log_path = {folder}/log
base_dir = {folder}/run
state_dir = {folder}/state
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 0
first_valid_gid = 0
mail_location = maildir:{folder}/mail
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
"""


@pytest.fixture(scope="module")
def dovecot() -> Iterator[str]:
    """The URL of a mailbox."""
    # Dovecot doesn't serve root's mail: then it runs as nobody, in a folder of nobody's.
    user = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    folder = Path(tempfile.mkdtemp(prefix="dovecot"))
    os.chown(folder, user.pw_uid, user.pw_gid)
    port = ports.free("127.0.0.1", (socket.SOCK_STREAM,))
    group = grp.getgrgid(user.pw_gid).gr_name
    config = folder / "dovecot.conf"
    config.write_text(
        CONFIG.format(folder=folder, user=user.pw_name, group=group, uid=user.pw_uid, gid=user.pw_gid, port=port)
    )
    config.chmod(0o644)
    drop: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
    command = [need("dovecot", "dovecot-imapd"), "-F", "-c", str(config)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, **drop)
    assert process.stderr is not None
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None:
                    log = folder / "log"
                    pytest.fail(f"Dovecot ended: {process.stderr.read()!r} {log.read_text() if log.exists() else ''}")
                threading.Event().wait(0.05)
        yield f"imap://office:secret@127.0.0.1:{port}/INBOX"
    finally:
        process.terminate()
        process.wait(30)
        process.stderr.close()
        shutil.rmtree(folder)


@pytest.fixture
def box(dovecot: str) -> Iterator[Any]:
    """An empty mailbox."""
    account = ImapAccount.read(dovecot)
    with MailBoxUnencrypted(account.host, account.port).login("office", "secret") as found:
        found.delete(found.uids())
        if not found.folder.exists("Done"):
            found.folder.create("Done")
        found.folder.set("Done")
        found.delete(found.uids())
        found.folder.set("INBOX")
        yield found


class Kept:
    def __init__(self, *errors: Exception | None) -> None:
        self.ours = OurAddresses.read("support@example.com")
        self.taken: list[tuple[bytes, bool]] = []
        self.errors = list(errors)
        self.came = threading.Semaphore(0)

    def __call__(self, data: bytes, *, cut: bool = False) -> Taken:
        if self.errors and (error := self.errors.pop(0)):
            raise error
        self.taken.append((data, cut))
        self.came.release()
        return Taken(Verdict("person"))


def poller(dovecot: str, intake: Any, **options: Any) -> ImapPoller:
    given = {"seconds": 30, "max_bytes": 100_000, **options}
    return ImapPoller(ImapAccount.read(dovecot), intake, **given)


def flags(box: Any) -> list[set[str]]:
    box.client.noop()
    return [set(message.flags) & {"\\Seen", "\\Flagged"} for message in box.fetch(mark_seen=False)]


def test_unseen_mails_are_taken_in_order_and_marked(dovecot: str, box: Any) -> None:
    first, second = made.read("gmail_web_en"), made.read("hostile_html")
    box.append(first, "INBOX")
    box.append(second, "INBOX")
    kept = Kept()
    looking = poller(dovecot, kept)
    with looking._account.open() as connection:
        assert looking.fetch(connection) == 2
        assert looking.fetch(connection) == 0
    assert [data for data, _ in kept.taken] == [first, second]
    assert flags(box) == [{"\\Seen"}, {"\\Seen"}]


def test_taken_mails_are_moved_where_that_is_wanted(dovecot: str, box: Any) -> None:
    box.append(made.read("gmail_web_en"), "INBOX")
    looking = poller(dovecot, Kept(), done="Done")
    with looking._account.open() as connection:
        assert looking.fetch(connection) == 1
    box.client.noop()
    assert box.uids() == []
    box.folder.set("Done")
    assert len(box.uids()) == 1


def test_a_mail_that_cannot_be_stored_stays_unseen(dovecot: str, box: Any) -> None:
    box.append(made.read("gmail_web_en"), "INBOX")
    kept = Kept(sa.exc.OperationalError("x", None, Exception()))
    looking = poller(dovecot, kept)
    with looking._account.open() as connection:
        with pytest.raises(sa.exc.OperationalError):
            looking.fetch(connection)
        assert flags(box) == [set()]
        assert looking.fetch(connection) == 1
    assert flags(box) == [{"\\Seen"}]


def test_a_mail_that_is_refused_is_flagged_and_the_next_is_taken(dovecot: str, box: Any) -> None:
    box.append(made.read("two_senders"), "INBOX")
    box.append(made.read("gmail_web_en"), "INBOX")
    looking = poller(dovecot, Kept(RefusedMail("no")))
    with looking._account.open() as connection:
        assert looking.fetch(connection) == 1
    assert flags(box) == [{"\\Seen", "\\Flagged"}, {"\\Seen"}]


def test_a_mail_that_breaks_us_is_left_alone_in_the_end(dovecot: str, box: Any) -> None:
    box.append(made.read("gmail_web_en"), "INBOX")
    looking = poller(dovecot, Kept(*[KeyError("bug")] * 5))
    with looking._account.open() as connection:
        for _ in range(4):
            assert looking.fetch(connection) == 0
            assert flags(box) == [set()]
        assert looking.fetch(connection) == 0
    assert flags(box) == [{"\\Seen", "\\Flagged"}]


def test_only_the_first_bytes_of_a_large_mail_are_read(dovecot: str, box: Any) -> None:
    large = made.read("two_megabytes_of_text")
    box.append(large, "INBOX")
    kept = Kept()
    looking = poller(dovecot, kept)
    with looking._account.open() as connection:
        assert looking.fetch(connection) == 1
    assert kept.taken == [(large[: 512 * 1024], True)]


def test_new_mail_is_noticed_while_waiting(dovecot: str, box: Any) -> None:
    kept = Kept()
    looking = poller(dovecot, kept, seconds=3600)  # so it is the server that tells
    thread = threading.Thread(target=looking.run)
    thread.start()
    try:
        box.append(made.read("gmail_web_en"), "INBOX")
        assert kept.came.acquire(timeout=60)
        box.append(made.read("iphone_en"), "INBOX")
        assert kept.came.acquire(timeout=60)
    finally:
        looking.stopping.set()
        thread.join(60)
    assert not thread.is_alive()


def test_mail_that_comes_while_another_is_taken_is_noticed(dovecot: str, box: Any) -> None:
    """The server tells of it in its answer to a command, and not again when IDLE begins."""

    class Meanwhile(Kept):
        def __call__(self, data: bytes, *, cut: bool = False) -> Taken:
            if not self.taken:
                box.append(made.read("iphone_en"), "INBOX")
            return super().__call__(data, cut=cut)

    kept = Meanwhile()
    looking = poller(dovecot, kept, seconds=3600)
    thread = threading.Thread(target=looking.run)
    thread.start()
    try:
        box.append(made.read("gmail_web_en"), "INBOX")
        assert kept.came.acquire(timeout=60)
        assert kept.came.acquire(timeout=60)
    finally:
        looking.stopping.set()
        thread.join(60)
    assert not thread.is_alive()


def test_a_mail_from_the_mailbox_is_answered(dovecot: str, box: Any, office: Office) -> None:
    box.append(b"Delivered-To: office@example.com\r\n" + made.read("subject_only"), "INBOX")
    looking = poller(dovecot, office.intake)
    with looking._account.open() as connection:
        assert looking.fetch(connection) == 1
    assert [sent.to for sent in office.carrier.sent] == ["bob@provider.example"]


def test_a_server_that_is_not_there_is_tried_again() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        looking = poller(f"imap://office:secret@127.0.0.1:{unused.getsockname()[1]}", Kept())
        thread = threading.Thread(target=looking.run)
        thread.start()
        looking.stopping.set()
        thread.join(60)
        assert not thread.is_alive()


@pytest.mark.parametrize("url", ["imap.example.com", "imaps://imap.example.com", "http://a:b@c", "imaps://a:b@c:port"])
def test_wrong_urls_are_told(url: str) -> None:
    with pytest.raises(ValueError, match="IMAP_URL"):
        ImapAccount.read(url)


def test_passwords_leave_this_machine_by_tls_only() -> None:
    assert ImapAccount.read("imaps://me%40x:p%2Fw@imap.example.com/Support%20desk") == ImapAccount(
        "imap.example.com", 993, "me@x", "p/w", "Support desk", "whole"
    )
    assert ImapAccount.read("imap://me:pw@imap.example.com").tls == "start"
    assert ImapAccount.read("imap://me:pw@127.0.0.1:1143").tls == "none"
    assert "p/w" not in repr(ImapAccount.read("imaps://me:p%2Fw@imap.example.com"))
