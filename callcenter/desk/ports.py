"""What the desk is given: settings, the company, and the flows of the voice engine, which it doesn't know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy.engine import Connection

from callcenter.desk.secret import Key
from callcenter.desk.sessions import Lifetime


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenID Connect provider. `name` is what the button says."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str


@dataclass(frozen=True, slots=True)
class Config:
    """`base_url` is how browsers reach us; files outside of `folders` are never served. `live_url` is where
    `callwright live` is reached, "" where it isn't; `ice_servers` are what pages connect their telephones by, each with
    `urls`, and for TURN `username` and `credential`."""

    base_url: str
    key: Key
    folders: tuple[Path, ...]
    files_dir: Path
    life: Lifetime = field(default_factory=lambda: Lifetime(timedelta(hours=2), timedelta(hours=12)))
    oidc: Provider | None = None
    live_url: str = ""
    ice_servers: tuple[Mapping[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Company:
    """`country` is ISO 3166, `timezone` of the tz database."""

    name: str
    timezone: str
    country: str


@dataclass(frozen=True, slots=True)
class Announcements:
    """What supervisors may announce: the company's `languages`, `prompts` by id and language that are there to be
    chosen, and whether flows have a `voicemail` to go on to."""

    languages: tuple[str, ...] = ("en",)
    prompts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    voicemail: bool = False


@dataclass(frozen=True, slots=True)
class FlowSummary:
    name: str
    steps: int


@dataclass(frozen=True, slots=True)
class FlowCounts:
    """What happened in a flow: how often each step was entered, each (step, exit) taken, and at which steps callers
    left."""

    entered: Mapping[str, int]
    taken: Mapping[tuple[str, str], int]
    left: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Version:
    """`hash` of a published version; the first of a list answers new calls."""

    hash: str
    at: datetime


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A mistake in the files at hand; `where` is file:line:column."""

    where: str
    what: str
    fix: str
    warning: bool


class FlowsRefused(Exception):
    """The files have mistakes; nothing was changed."""

    def __init__(self, problems: Sequence[FileProblem]) -> None:
        super().__init__(f"{len(problems)} mistakes")
        self.problems = problems


class OtherChanges(Exception):
    """Other files at hand aren't published either, and would be with what was changed. Nothing has changed."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(", ".join(names))
        self.names = tuple(names)


class CannotWrite(Exception):
    """A file can't be written by this server, or not here; its text says why, in English."""


class Flows(Protocol):
    """The published flows. All of it may take a while: never call it in a transaction."""

    def company(self) -> Company:
        """Of the published version; something plain where there is none."""

    def announcements(self) -> Announcements:
        """Of the published version; one language and nothing to choose from where there is none."""

    def flows(self) -> list[FlowSummary]:
        """Of the published version, by name."""

    def versions(self) -> list[Version]:
        """The newest first."""

    def picture(self, name: str) -> str:
        """A flow of the published version as SVG. Raises KeyError."""

    def picture_with(self, name: str, counts: FlowCounts) -> str:
        """The same, with what happened written into it. Raises KeyError."""

    def problems(self) -> list[FileProblem]:
        """Of the files at hand, whether published or not."""

    def changed(self) -> bool:
        """Whether the files at hand differ from the published version."""

    def publish(self) -> str:
        """Publish the files at hand; gives the hash. Raises `FlowsRefused`."""

    def roll_back(self, hash: str) -> None:
        """Raises KeyError."""

    def data(self, name: str) -> object:
        """What a file beside the flows holds (`canned`, `agents`), `None` where it isn't there."""

    def openings(self, name: str, first: date, days: int) -> Sequence[tuple[datetime, datetime]] | None:
        """When it is open by a file of opening hours, on so many days from `first` on, in order; `None` where the file
        isn't there."""


class Messaging(Protocol):
    """Sending, and telling pages: what needs carriers, Redis and signed tickets."""

    def write(
        self, conn: Connection, contact_id: str, body: str, *, author: str, at: datetime, files: Sequence[str] = (),
        dedupe_key: str | None = None,
    ) -> str:  # fmt: skip
        """Queue what an agent writes in a thread, once for each `dedupe_key`; gives the message's id. Raises
        LookupError where it is no thread."""

    def deliver(self, contact_id: str, message_id: str) -> None:
        """After the commit: send it at once, in the background, and tell the pages."""

    def publish(self, topic: str, kind: str, data: Mapping[str, Any]) -> None:
        """After the commit: tell the pages that follow a topic (see `callcenter.live`)."""

    def ticket(self, subject: str, topics: Sequence[str]) -> str:
        """What a page shows to the live process; for a minute."""
