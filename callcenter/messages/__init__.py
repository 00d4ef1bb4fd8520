"""Channels of messages, and the carriers that take what we send: one file each, which registers what it has.

A channel's `Shape` says how messages look there; a carrier's `Sender` hands them over. What happens when a sender dies
in the middle is `callcenter.outbox`'s business; senders say by their exceptions, `keeps_ids` and `look_up` what can be
known.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Protocol

from callcenter.messages.splitting import split


class NotConfiguredError(Exception):
    """No sender for this channel: the words say which settings are missing."""


class RefusedError(Exception):
    """The carrier won't ever take this message."""


class UndeliverableError(RefusedError):
    """There is nobody at this address, the carrier says: it won't take any other message to it either. `code` is its
    own ("" for none)."""

    def __init__(self, words: str, code: str = "") -> None:
        super().__init__(words)
        self.code = code


class OptedOutError(RefusedError):
    """Whoever is at this address has told the carrier that they want nothing more from us. `code` is the carrier's own
    ("" for none)."""

    def __init__(self, words: str, code: str = "") -> None:
        super().__init__(words)
        self.code = code


class TemporaryError(Exception):
    """The carrier has not taken the message; it may work later."""


class UncertainError(Exception):
    """The carrier may have taken the message: it was handed over, and no answer came."""


@dataclass(frozen=True, slots=True)
class OutgoingFile:
    name: str
    media_type: str
    path: Path


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to send. `id` stays the same when it is tried again. `sender` is our address, "" for the channel's
    own; `meta` is what was queued with it, such as what it answers (`reply_to`)."""

    id: str
    to: str
    subject: str = field(repr=False)
    body: str = field(repr=False)
    sender: str = ""
    html: str = field(default="", repr=False)
    contact_id: str = ""
    author: str = "flow"
    meta: Mapping[str, Any] = field(default_factory=dict, repr=False)
    files: tuple[OutgoingFile, ...] = ()


class Sender(ABC):
    """A carrier. `keeps_ids`: it takes a message of the same id once, however often it is handed over."""

    keeps_ids: ClassVar[bool] = False

    @abstractmethod
    def send(self, message: Outgoing) -> str:
        """Hand the message to the carrier; returns the carrier's name for it. Raises RefusedError (UndeliverableError
        and OptedOutError where it is about the address), TemporaryError, UncertainError."""

    def look_up(self, message: Outgoing, since: datetime, known: Collection[str]) -> str | None:
        """What became of a message that was handed over at `since` or later by a process that died: the carrier's name
        for it, "" if the carrier never got it, `None` if that can't be known. `known` are names that other messages to
        the same address have. Raises TemporaryError."""
        return None


@dataclass(frozen=True, slots=True)
class Shape:
    """How messages look on a channel. `length` is in characters; `window` is how long after the customer's last
    message the carrier takes any other (templates aside); `plain` makes a text cheaper without changing what it says;
    `segments` counts what the carrier bills."""

    length: int = 100_000
    window: timedelta | None = None
    plain: Callable[[str], str] = str
    segments: Callable[[str], int] = lambda text: 0
    fits: Callable[[str], bool] | None = None

    def pieces(self, text: str) -> list[str]:
        """The text as messages, in order."""
        return split(self.plain(text), self.fits or (lambda piece: len(piece) <= self.length))


class SenderSettings(Protocol):
    """What senders read of the settings. "" is not set."""

    public_base_url: str
    data_dir: Path
    session_key: str
    redis_url: str
    twilio_account_sid: str
    twilio_auth_token: str
    twilio_from: str
    twilio_whatsapp_from: str
    twilio_messenger_from: str
    twilio_api_base: str
    sms_http_url: str
    sms_http_token: str
    sms_http_secret: str
    sms_http_from: str
    smtp_url: str
    mail_from: str
    mail_addresses: str
    mail_plus_address: bool


Factory = Callable[[SenderSettings], Sender]
_factories: dict[str, Factory] = {}
_shapes: dict[str, Shape] = {}


def sender(channel: str) -> Callable[[Factory], Factory]:
    """Register what makes a sender of a channel from the settings; it raises NotConfiguredError. Of several the first
    that is configured is used, in the order of their files."""

    def register(factory: Factory) -> Factory:
        before = _factories.get(channel)
        _factories[channel] = factory if before is None else _first_of(before, factory)
        return factory

    return register


def _first_of(one: Factory, other: Factory) -> Factory:
    def either(settings: SenderSettings) -> Sender:
        try:
            return one(settings)
        except NotConfiguredError as error:
            try:
                return other(settings)
            except NotConfiguredError as further:
                raise NotConfiguredError("; or ".join(filter(None, (str(further), str(error))))) from None

    return either


def shape(channel: str, found: Shape) -> Shape:
    """Register a channel's shape."""
    _shapes[channel] = found
    return found


@cache
def _import_all() -> None:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


def open_sender(channel: str, settings: SenderSettings) -> Sender:
    """Raises NotConfiguredError, also for a channel that nobody knows."""
    _import_all()
    if channel not in _factories:
        raise NotConfiguredError(f"there is no sender for {channel!r}")
    return _factories[channel](settings)


def shape_of(channel: str) -> Shape:
    """How messages look there; without limits where no file says."""
    _import_all()
    return _shapes.get(channel, Shape())
