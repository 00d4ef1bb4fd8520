"""Carriers of messages: one file per channel's sender."""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any


class NotConfiguredError(Exception):
    """No sender for this channel: the words say which settings are missing."""


class RefusedError(Exception):
    """The carrier won't ever take this message."""


class TemporaryError(Exception):
    """It may work later."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to send. `id` stays the same when it is tried again."""

    id: str
    to: str
    subject: str
    body: str


class Sender(ABC):
    @abstractmethod
    def send(self, message: Outgoing) -> str:
        """Hand the message to the carrier; returns the carrier's name for it. Raises RefusedError, TemporaryError."""


Factory = Callable[[Any], Sender]
_factories: dict[str, Factory] = {}


def sender(channel: str) -> Callable[[Factory], Factory]:
    """Register what makes the sender of a channel from the settings; it raises NotConfiguredError."""

    def register(factory: Factory) -> Factory:
        _factories[channel] = factory
        return factory

    return register


@cache
def _import_all() -> None:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


def open_sender(channel: str, settings: Any) -> Sender:
    """Raises NotConfiguredError, also for a channel that nobody knows."""
    _import_all()
    if channel not in _factories:
        raise NotConfiguredError(f"there is no sender for {channel!r}")
    return _factories[channel](settings)


def setting(settings: Any, name: str) -> str:
    """A setting by its environment name, from a mapping or from an object's lower-case attribute; "" if missing."""
    value = settings.get(name) if isinstance(settings, Mapping) else getattr(settings, name.lower(), "")
    return str(value or "")
