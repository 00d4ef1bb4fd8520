"""Structured logs: one line an event, JSON for machines or coloured for people, the call's ids in every line.

Bind the ids once with `about`; they follow the thread or task (contextvars). The standard library's loggers
(gunicorn, SQLAlchemy, RQ) end in the same stream. Card numbers are never logged on purpose; `mask` is the last line
of defence against one that slips in.
"""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, TextIO

import structlog

from ivr.flow import cards

_RUN = re.compile(r"(?<![\w+.])\d(?:[ -]?\d){11,18}(?![\w])")
"""12 to 19 digits, perhaps in groups, that stand alone: not in a hexadecimal id, not after the + of a phone number."""


def mask(text: str) -> str:
    """The text with everything that looks like a card number (ISO/IEC 7812-1: length and check digit) as dots."""
    return _RUN.sub(lambda found: "••••" if cards.luhn(re.sub(r"[ -]", "", found[0])) else found[0], text)


class _Masked:
    """A renderer whose lines have been through `mask`."""

    def __init__(self, renderer: Any) -> None:
        self._renderer = renderer

    def __call__(self, logger: Any, name: str, event: MutableMapping[str, Any]) -> str:
        return mask(str(self._renderer(logger, name, event)))


def _one_line(logger: Any, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What is logged is one line: the text of a stranger in it draws no lines of its own, and steers no terminal."""
    said = event.get("event")
    if isinstance(said, str) and not said.isprintable():
        event["event"] = _plain(said)
    return event


def _plain(text: str, kept: str = "") -> str:
    return "".join(sign if sign.isprintable() or sign in kept else repr(sign)[1:-1] for sign in text)


def _traceback(out: TextIO, exc_info: Any) -> None:
    held = io.StringIO()
    structlog.dev.plain_traceback(held, exc_info)
    out.write(_plain(held.getvalue(), kept="\n\t"))


class _Line:
    """What a structlog logger writes through: the finished line, in one piece. The standard library's way through
    records, handlers and their locks takes more than twice as long."""

    out: ClassVar[TextIO] = sys.stderr
    """Of all loggers: those that have been used keep their line, and follow when logging is set up again."""

    def __init__(self, name: str) -> None:
        self.name = name

    def msg(self, line: str) -> None:
        with suppress(OSError, ValueError):  # nobody reads any more: no reason to end a call
            self.out.write(line + "\n")
            self.out.flush()

    debug = info = warning = error = critical = exception = msg


def configure(format: str = "auto", *, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Set logging up for this process. `format` is json, console, or auto (console on a terminal). May be called
    again. Raises ValueError for another format."""
    if format not in ("auto", "json", "console"):
        raise ValueError(f"LOG_FORMAT is json, console or auto, not {format!r}")
    out = stream or sys.stderr
    terminal = out.isatty()
    pretty = format == "console" or (format == "auto" and terminal)
    shared: list[Any] = [
        _one_line,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    if not pretty:
        shared.append(structlog.processors.format_exc_info)
    renderer: Any = (
        # The renderer's own tracebacks show local variables: a card number may be one.
        structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=_traceback)
        if pretty
        else structlog.processors.JSONRenderer(sort_keys=True)
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _Masked(renderer)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    _Line.out = out
    structlog.configure(
        processors=[*shared, _Masked(renderer)],
        logger_factory=lambda name="": _Line(name),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )


@contextmanager
def about(**ids: str) -> Iterator[Mapping[str, str]]:
    """Put ids (call, contact, session) in every line that is logged within."""
    with structlog.contextvars.bound_contextvars(**ids):
        yield ids
