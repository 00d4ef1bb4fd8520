"""Bounces: reports about a mail of ours that was or wasn't delivered (RFC 3464), and the notes in plain words that some
servers send instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from callcenter.mail.headers import message_ids
from callcenter.mail.model import Mail

Action = Literal["failed", "delayed", "delivered"]
_ACTIONS: dict[str, Action] = {"failed": "failed", "delayed": "delayed", "delivered": "delivered"}
"""RFC 3464, 2.3.3; "relayed" and "expanded" tell nothing final."""
_DAEMONS = re.compile(r"(?:mailer-daemon|postmaster|mail-?daemon|mail\.?delivery.*)@?", re.IGNORECASE)
_SUBJECT = re.compile(
    r"undeliver(?:ed|able)|delivery (?:status notification|failure|has failed|incomplete|delayed)|failure notice"
    r"|returned mail|mail delivery (?:failed|system)|unzustellbar|nicht zustellbar|no se (?:puede|ha podido) entregar"
    r"|no entregable|non remis|[ée]chec de (?:la )?remise|mancato recapito|warning: message .{1,60} delayed",
    re.IGNORECASE,
)
_DELAYED = re.compile(
    r"\bdelayed\b|will (?:be retried|retry)|delivery incomplete|still trying|no action is required", re.I
)
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_REPLY_CODE = re.compile(r"(?<![\d.])([45]\d\d)[ -](?=[A-Za-z#<\d])")
_RETURNED_ID = re.compile(r"^Message-ID:\s*(<[^<>\s]{1,500}>)", re.IGNORECASE | re.MULTILINE)
_NOBODY = re.compile(r"5\.(?:1\.(?:0|1|2|3|6|10)|2\.1|4\.4)")
"""RFC 3463 and RFC 7505: no such mailbox or domain, moved away, disabled, no way there. Others (full, too large, taken
for spam) say nothing against the address."""
_NOBODY_WORDS = re.compile(
    r"(?:user|recipient|mailbox|address|account|domain|host)\b[^.;]{0,60}"
    r"(?:unknown|not exist|n['’]t exist|not found|disabled|no longer|not a valid|invalid)"
    r"|(?:unknown|invalid|no such) (?:local )?(?:user|recipient|mailbox|address|account|person|domain)",
    re.IGNORECASE,
)
LONGEST_REASON = 300


def status_in(words: str) -> str:
    """The enhanced status code (RFC 3463) in a server's words; "" if there is none."""
    found = _STATUS.search(words)
    return found[1] if found else ""


def says_nobody(status: str, reason: str) -> bool:
    """Whether a failure for good is about the address, so that nothing else can be delivered there either. A status
    that says no more than "failed" (5.0.0) leaves it to the words."""
    if status in ("", "5.0.0"):
        return _NOBODY_WORDS.search(reason) is not None
    return _NOBODY.fullmatch(status) is not None


@dataclass(frozen=True, slots=True)
class Bounce:
    """What became of a mail. `status` is an enhanced status code (RFC 3463), "" where none is told; `reason` the
    other server's words; `about` the ids of the mail, the likeliest first."""

    action: Action
    recipient: str
    status: str
    reason: str
    about: tuple[str, ...]

    @property
    def nobody(self) -> bool:
        """Whether it says that there is nobody at the address."""
        return self.action == "failed" and says_nobody(self.status, self.reason)


def read(mail: Mail, envelope_sender: str | None = None) -> Bounce | None:
    """The bounce that a mail is, or None. `envelope_sender` is "" for the null sender, None where it isn't known."""
    blocks = [block for block in mail.reports if "action" in block]
    if blocks:
        return _reported(mail, blocks)
    return _told(mail) if _is_note(mail, envelope_sender) else None


def _reported(mail: Mail, blocks: list[Mapping[str, str]]) -> Bounce | None:
    def weight(block: Mapping[str, str]) -> int:
        return ["failed", "delayed", "delivered"].index(block["action"].lower())

    known = sorted((block for block in blocks if block["action"].lower() in _ACTIONS), key=weight)
    if not known:
        return None
    block = known[0]
    found = _STATUS.search(block.get("status", "")) or _STATUS.search(block.get("diagnostic-code", ""))
    recipient = block.get("original-recipient") or block.get("final-recipient", "")
    reason = re.sub(r"^\s*\w+\s*;\s*", "", block.get("diagnostic-code", ""))
    return Bounce(
        _ACTIONS[block["action"].lower()],
        recipient.partition(";")[2].strip() or recipient.strip(),
        found[1] if found else "",
        reason[:LONGEST_REASON],
        _about(mail),
    )


def _is_note(mail: Mail, envelope_sender: str | None) -> bool:
    if mail.header("x-failed-recipients"):  # Exim: https://www.exim.org/exim-html-current/doc/html/spec_html/
        return True
    daemon = mail.sender is not None and _DAEMONS.match(mail.sender.address.partition("@")[0] + "@") is not None
    nobody = envelope_sender == "" or mail.header("return-path") == "<>"
    return (daemon or nobody) and _SUBJECT.search(mail.subject) is not None


def _told(mail: Mail) -> Bounce:
    text = mail.text[:20_000]
    note = re.split(
        r"^-{3,} ?(?:Below this line|This is a copy|Original message).*", text, maxsplit=1, flags=re.M | re.I
    )[0]
    status = _STATUS.search(note)
    code = _REPLY_CODE.search(note)
    late = _DELAYED.search(mail.subject) or _DELAYED.search(note)
    lines = [line.strip() for line in note.split("\n")]
    telling = next((line for line in lines if _STATUS.search(line) or _REPLY_CODE.search(line)), "")
    recipients = mail.header("x-failed-recipients") or " ".join(re.findall(r"<([^<>\s@]+@[^<>\s@]+)>", note)[:1])
    told = status[1] if status else f"{code[1][0]}.0.0" if code else ""
    return Bounce("delayed" if late else "failed", recipients, told, telling[:LONGEST_REASON], _about(mail))


def _about(mail: Mail) -> tuple[str, ...]:
    """The returned headers name it; else what the report answers; else what stands in its words."""
    ids = [
        *(each for value in mail.returned.get("message-id", ()) for each in message_ids(value)),
        *mail.in_reply_to,
        *reversed(mail.references),
        *(each for value in _RETURNED_ID.findall(mail.text[:100_000]) for each in message_ids(value)),
    ]
    return tuple(dict.fromkeys(ids))
