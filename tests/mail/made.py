"""Mails that are too large or too odd to be kept as files."""

from __future__ import annotations

import struct
from base64 import encodebytes
from collections.abc import Callable
from pathlib import Path

import yaml

FOLDER = Path(__file__).parent / "mails"
OUR_MESSAGE = "0006441b2c3d4e0001a1b2c3d4e5f607"
"""The id of the message of ours that the mails answer or are about."""

HEADERS = (
    "From: Bob <bob@provider.example>\nTo: support@example.com\nSubject: A question\n"
    "Message-ID: <{name}@provider.example>\nMIME-Version: 1.0\n"
)


def nested_a_thousand_times() -> str:
    parts = [f'Content-Type: multipart/mixed; boundary="b{depth}"\n\n--b{depth}\n' for depth in range(1000)]
    return HEADERS.format(name="deep") + "".join(parts) + "Content-Type: text/plain\n\nat the bottom\n"


def five_hundred_parts() -> str:
    parts = "".join(f"--p\nContent-Type: text/plain\n\nline {number}\n" for number in range(500))
    return HEADERS.format(name="parts") + f'Content-Type: multipart/mixed; boundary="p"\n\n{parts}--p--\n'


def a_million_parts() -> str:
    return HEADERS.format(name="tiny") + 'Content-Type: multipart/mixed; boundary="p"\n\n' + "--p\n\nx\n" * 1_000_000


def a_million_headers() -> str:
    return HEADERS.format(name="headers") + "X: y\n" * 1_200_000 + "\nbelow them all\n"


def two_megabytes_of_text() -> str:
    lines = "".join(f"This is line {number} of a log that somebody has put into a mail.\n" for number in range(30_000))
    return HEADERS.format(name="huge") + f"Content-Type: text/plain\n\nWhat does line 7 mean?\n\n{lines}"


def one_line_of_a_megabyte() -> str:
    return HEADERS.format(name="line") + "Content-Type: text/plain\n\nOn " + "a" * 1_000_000 + "\n"


def a_million_newlines() -> str:
    return HEADERS.format(name="lines") + "Content-Type: text/plain\n\nstart" + "\n" * 1_000_000 + "end\n"


def a_megabyte_of_nested_html() -> str:
    return HEADERS.format(name="html") + "Content-Type: text/html\n\n<p>First words</p>" + "<div>" * 200_000 + "deep"


def html_of_attributes() -> str:
    many = " ".join(f"a{number}=1" for number in range(60_000))
    return HEADERS.format(name="attributes") + f"Content-Type: text/html\n\n<p>First words</p><p {many}>after</p>\n"


def sixty_servers() -> str:
    hops = "".join(
        f"Received: from mx{number}.example by mx{number + 1}.example; 18 Nov 2026\n" for number in range(60)
    )
    return hops + HEADERS.format(name="hops") + "Content-Type: text/plain\n\nround and round\n"


def thousands_of_recipients() -> str:
    many = ",\n ".join(f"person{number}@provider.example" for number in range(5000))
    return HEADERS.format(name="many") + f"Cc: {many}\nContent-Type: text/plain\n\nHello all\n"


def nested_comments_in_from() -> str:
    return HEADERS.format(name="comments").replace("Bob ", "(" * 5000) + "Content-Type: text/plain\n\nHello\n"


def winmail_dat() -> str:
    return _winmail(tnef("minutes.txt", b"What was decided."))


def winmail_dat_broken() -> str:
    return _winmail(tnef("minutes.txt", b"What was decided.")[:40] + b"\xff" * 40)


def _winmail(data: bytes) -> str:
    return (
        HEADERS.format(name="tnef") + 'Content-Type: multipart/mixed; boundary="t"\n\n--t\nContent-Type: text/plain\n\n'
        "The file is in a winmail.dat.\n"
        '--t\nContent-Type: application/ms-tnef; name="winmail.dat"\nContent-Transfer-Encoding: base64\n'
        f'Content-Disposition: attachment; filename="winmail.dat"\n\n{encodebytes(data).decode()}\n--t--\n'
    )


def tnef(name: str, data: bytes) -> bytes:
    """A message with one file, as [MS-OXTNEF] section 2.1 lays it out."""

    def attribute(level: int, number: int, kind: int, value: bytes) -> bytes:
        return struct.pack("<BHHL", level, number, kind, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)

    return (
        struct.pack("<LH", 0x223E9F78, 1)
        + attribute(1, 0x9006, 8, struct.pack("<L", 0x00010000))  # attTnefVersion
        + attribute(1, 0x9007, 6, struct.pack("<LL", 1252, 0))  # attOemCodepage
        + attribute(2, 0x9002, 6, struct.pack("<HLHHL", 1, 0xFFFFFFFF, 0, 0, 0))  # attAttachRendData
        + attribute(2, 0x8010, 1, name.encode() + b"\0")  # attAttachTitle
        + attribute(2, 0x800F, 6, data)  # attAttachData
    )


MADE: tuple[Callable[[], str], ...] = (
    nested_a_thousand_times,
    five_hundred_parts,
    a_million_parts,
    a_million_headers,
    two_megabytes_of_text,
    one_line_of_a_megabyte,
    a_million_newlines,
    a_megabyte_of_nested_html,
    html_of_attributes,
    sixty_servers,
    thousands_of_recipients,
    nested_comments_in_from,
    winmail_dat,
    winmail_dat_broken,
)


def read(name: str) -> bytes:
    """A mail of the table as it comes over the wire."""
    made = next((each for each in MADE if each.__name__ == name), None)
    data = (FOLDER / f"{name}.eml").read_bytes() if made is None else made().encode()
    return data.replace(b"\n", b"\r\n")


def names() -> list[str]:
    return sorted([*(path.stem for path in FOLDER.glob("*.eml")), *(each.__name__ for each in MADE)])


def table() -> dict[str, dict[str, object]]:
    """What is expected of each mail, by name."""
    found: dict[str, dict[str, object]] = yaml.safe_load((FOLDER.parent / "mails.yaml").read_text())
    return found
