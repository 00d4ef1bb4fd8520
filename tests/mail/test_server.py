"""SMTP and LMTP: who may send what, and when a mail is taken."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from callcenter.db import open_database, reading
from callcenter.mail.addresses import OurAddresses
from callcenter.mail.classify import Verdict
from callcenter.mail.intake import Intake, Taken
from callcenter.tables import messages
from ivr.channels.mail.server import MailServer
from tests.mail.support import DANA, US, Office

MAIL = "From: Dana <dana.reyes@gmail.example>\r\nTo: support@example.com\r\nSubject: Hi\r\n\r\nWhat are your hours?\r\n"


class Kept:
    """Stands for the intake: keeps what it is given."""

    def __init__(self, act: Callable[[], Any] = lambda: None) -> None:
        self.ours = OurAddresses.read("support@example.com,@ours.example")
        self.taken: list[tuple[bytes, tuple[str, ...], str | None]] = []
        self.act = act

    def __call__(self, data: bytes, recipients: tuple[str, ...] = (), envelope_sender: str | None = None) -> Taken:
        self.act()
        self.taken.append((data, recipients, envelope_sender))
        return Taken(Verdict("person"), message_id=f"m{len(self.taken)}")


@contextmanager
def serving(intake: Any, *, lmtp: Path | None = None, **options: Any) -> Iterator[tuple[str, int]]:
    """The server on a loop of its own, closed in order."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    given = {"max_bytes": 100_000, "connections": 5, "name": "mx.example.com", **options}

    async def start() -> tuple[MailServer, tuple[str, int]]:
        server = MailServer(intake, **given)
        if lmtp is not None:
            await server.listen_lmtp(lmtp)
        return server, await server.listen_smtp("127.0.0.1", 0)

    try:
        server, address = asyncio.run_coroutine_threadsafe(start(), loop).result(60)
        try:
            yield address
        finally:
            asyncio.run_coroutine_threadsafe(server.close(), loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_a_mail_is_taken_with_its_envelope() -> None:
    kept = Kept()
    with serving(kept) as address, smtplib.SMTP(*address) as client:
        client.sendmail(DANA, ["support+tag@EXAMPLE.com", "any@ours.example"], MAIL)
        client.sendmail("", [US], MAIL + ".a line with a dot\r\n")
    assert kept.taken[0] == (MAIL.encode(), ("support+tag@EXAMPLE.com", "any@ours.example"), DANA)
    assert kept.taken[1][2] == ""
    assert kept.taken[1][0].endswith(b"\r\n.a line with a dot\r\n")


def test_mails_for_others_are_refused() -> None:
    kept = Kept()
    with serving(kept) as address, smtplib.SMTP(*address) as client:
        client.ehlo()
        client.mail(DANA)
        assert client.rcpt("somebody@elsewhere.example")[0] == 550
        assert client.rcpt("support@evil-example.com")[0] == 550
        assert client.docmd("DATA")[0] == 503  # no recipient is left
    assert kept.taken == []


def test_a_mail_that_is_too_large_is_refused() -> None:
    kept = Kept()
    with serving(kept) as address, smtplib.SMTP(*address) as client:
        client.ehlo()
        assert client.esmtp_features["size"] == "100000"
        with pytest.raises(smtplib.SMTPSenderRefused):  # by the size that the client tells
            client.sendmail(DANA, [US], MAIL + "x" * 100_001)
        client.mail(DANA)
        client.rcpt(US)
        code, _ = client.data((MAIL + "x\r\n" * 100_000).encode())
        assert code == 552
        client.sendmail(DANA, [US], MAIL)
    assert len(kept.taken) == 1


def test_long_lines_are_taken() -> None:
    kept = Kept()
    with serving(kept) as address, smtplib.SMTP(*address) as client:
        client.sendmail(DANA, [US], MAIL + "x" * 50_000 + "\r\n")
    assert len(kept.taken[0][0]) > 50_000


@pytest.mark.parametrize(
    "error", [sa.exc.OperationalError("x", None, Exception()), OSError(28, "full"), KeyError("bug")]
)
def test_a_mail_that_cannot_be_stored_is_left_to_the_sender(error: Exception) -> None:
    def fail() -> None:
        raise error

    kept = Kept(fail)
    with serving(kept) as address, smtplib.SMTP(*address) as client:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.sendmail(DANA, [US], MAIL)
        assert refused.value.smtp_code == 451
        kept.act = lambda: None
        assert client.sendmail(DANA, [US], MAIL) == {}
    assert len(kept.taken) == 1


def test_a_database_that_is_away_is_451(office: Office) -> None:
    """The real intake on a PostgreSQL that nobody answers at."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        engine = open_database(f"postgresql://nobody@127.0.0.1:{unused.getsockname()[1]}/none")
        intake = Intake(engine, office.intake.ours, office.desk.conversations.take,
                        files_dir=office.desk.chosen.files_dir, clock=office.desk.runner.now)  # fmt: skip
        with serving(intake) as address, smtplib.SMTP(*address) as client:
            with pytest.raises(smtplib.SMTPDataError) as refused:
                client.sendmail(DANA, [US], MAIL)
            assert refused.value.smtp_code == 451
        engine.dispose()


def test_250_means_stored(office: Office) -> None:
    with serving(office.intake) as address, smtplib.SMTP(*address) as client:
        client.ehlo()
        client.mail(DANA)
        client.rcpt(US)
        code, words = client.data(MAIL.encode())
        other = open_database(office.desk.chosen.database)  # as another process sees it
        with reading(other) as conn:
            stored = conn.execute(sa.select(messages.c.id).where(messages.c.direction == "in")).scalars().all()
        other.dispose()
    assert code == 250
    assert words.decode().split()[-1] in stored


def test_a_mail_without_one_sender_is_refused(office: Office) -> None:
    with serving(office.intake) as address, smtplib.SMTP(*address) as client:
        with pytest.raises(smtplib.SMTPDataError, match="one mailbox") as refused:
            client.sendmail(DANA, [US], "From: a@b.example, c@d.example\r\n\r\nHi\r\n")
        assert refused.value.smtp_code == 550


def test_connections_have_a_limit() -> None:
    with serving(Kept(), connections=2) as address:
        with smtplib.SMTP(*address), smtplib.SMTP(*address) as second:
            with pytest.raises(smtplib.SMTPConnectError) as refused:
                smtplib.SMTP(*address)
            assert refused.value.smtp_code == 421
            second.sendmail(DANA, [US], MAIL)  # those that are there go on
        with smtplib.SMTP(*address) as next_one:
            assert next_one.noop()[0] == 250


def test_a_mail_that_is_being_stored_is_finished_when_the_server_stops() -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        began.set()
        assert go_on.wait(60)

    kept = Kept(slow)
    answers: list[Any] = []
    with serving(kept) as address:
        client, idle = smtplib.SMTP(*address), smtplib.SMTP(*address)
        sending = threading.Thread(target=lambda: answers.append(client.sendmail(DANA, [US], MAIL)))
        sending.start()
        assert began.wait(60)
        threading.Timer(0.2, go_on.set).start()
    sending.join()
    assert answers == [{}]
    assert len(kept.taken) == 1
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.noop()
    assert idle.noop()[0] == 421  # told before it was closed
    client.close()
    idle.close()


def test_lmtp_takes_one_recipient_a_mail(tmp_path: Path) -> None:
    path = tmp_path / "mail" / "lmtp.sock"
    kept = Kept()
    with serving(kept, lmtp=path):
        assert path.stat().st_mode & 0o777 == 0o660
        with smtplib.LMTP(str(path)) as client:
            refused = client.sendmail(DANA, [US, "info@ours.example"], MAIL)
            assert {who: code for who, (code, _) in refused.items()} == {"info@ours.example": 452}
            assert client.sendmail(DANA, ["info@ours.example"], MAIL) == {}
    assert [recipients for _, recipients, _ in kept.taken] == [(US,), ("info@ours.example",)]
    assert not path.exists()


def test_a_socket_that_was_left_is_replaced_and_a_file_is_not(tmp_path: Path) -> None:
    path = tmp_path / "lmtp.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with serving(Kept(), lmtp=path), smtplib.LMTP(str(path)) as client:
        assert client.noop()[0] == 250
    path.write_text("precious")
    with pytest.raises(FileExistsError), serving(Kept(), lmtp=path):
        pass
    assert path.read_text() == "precious"


@pytest.mark.parametrize("wrong", ["support", "a@b@c,", "two words@example.com", "@exa mple", "support+x@example.com"])
def test_wrong_addresses_are_told(wrong: str) -> None:
    with pytest.raises(ValueError, match="MAIL_ADDRESSES"):
        OurAddresses.read(wrong)
