"""What all visits share: the database, the settings, the templates, the static files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from itsdangerous import URLSafeTimedSerializer
from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlalchemy.engine import Engine

from callcenter.attributes import Schema
from callcenter.desk import oidc
from callcenter.desk.calling import Switchboard
from callcenter.desk.floor import Floor
from callcenter.desk.hours_port import Hours
from callcenter.desk.permissions import ROLES
from callcenter.desk.ports import Company, Config, Flows, Messaging
from callcenter.desk.prompts_port import Prompts
from callcenter.desk.routing import all_links
from callcenter.desk.users import PREFERENCES
from callcenter.desk.visit import Visit
from callcenter.desk.words import LANGUAGES, Words
from callcenter.knowledge import NONE, Knowledge

STATIC = Path(__file__).parent / "static"
SPOKEN_BY_SCRIPTS = (
    "Connection lost. Trying again…",
    "Connected again.",
    "That didn't work. Try again.",
    "New message",
    "New contact",
    "is typing…",
    "offline",
    "idle",
    "ringing",
    "busy",
    "wrap_up",
    "unavailable",
    "Telephone off",
    "Telephone in another tab",
    "Telephone ready",
    "Connecting…",
    "No microphone",
    "Reconnecting…",
    "good",
    "fair",
    "poor",
    "Queue",
    "Agent",
    "Unknown",
    "closed",
    "outside its hours",
    "%(share)s in %(seconds)s s",
    "kept",
    "free",
    "when its turn comes",
    "now",
    "Actions",
    "All queues are closed.",
    "today",
    "usually",
    "Done.",
    "An evaluation of yours has news: see Quality.",
    "Close all queues",
    "Reopen all queues",
    "Play",
    "Stop",
    "Record",
    "Recorded: %(seconds)s s",
)
"""What the scripts say themselves: they find the words in the page."""


@dataclass(frozen=True)
class Desk:
    engine: Engine
    config: Config
    flows: Flows
    messaging: Messaging
    schema: Schema
    clock: Callable[[], datetime]
    switchboard: Switchboard | None = None
    hours: Hours | None = None
    prompts: Prompts | None = None
    knowledge: Knowledge = NONE

    @property
    def company(self) -> Company:
        return self.flows.company()

    @property
    def secure(self) -> bool:
        """Whether browsers reach us over TLS, so that cookies can be kept to it."""
        return self.config.base_url.startswith("https://")

    @cached_property
    def sign_on(self) -> oidc.Client | None:
        """The client of the OpenID Connect provider, where there is one."""
        if self.config.oidc is None:
            return None
        return oidc.Client(self.config.oidc, f"{self.config.base_url}/desk/oidc/return")

    @cached_property
    def floor(self) -> Floor:
        """The live floor, which this process looks at for all supervisors."""
        return Floor(self.engine)

    @cached_property
    def notices(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.config.key.derived("notice"))

    @cached_property
    def setups(self) -> URLSafeTimedSerializer:
        """Carries a new app's secret (sealed) from one page to the next."""
        return URLSafeTimedSerializer(self.config.key.derived("setup"))

    @cached_property
    def assets(self) -> str:
        """The version of the static files, part of their address: browsers may keep them for good."""
        found = hashlib.sha256()
        for path in sorted(STATIC.iterdir()):
            if path.is_file():
                found.update(path.name.encode() + path.read_bytes())
        return found.hexdigest()[:12]

    def words(self, language: str) -> Words:
        company = self.company
        return Words(language, company.country, ZoneInfo(company.timezone))

    def render(self, visit: Visit, template: str, **context: Any) -> str:
        words = visit.words
        user = visit.session.user if visit.session and visit.session.stage == "open" else None
        shared = {
            "visit": visit,
            "user": user,
            "now": visit.now,
            "_": visit.t,
            "words": words,
            "url": visit.url,
            "may": visit.may,
            "csrf": visit.csrf,
            "notice": visit.notice,
            "company": self.company,
            "links": [found for found in all_links() if visit.may(found.needs)] if user else [],
            "theme": user.preferences["theme"] if user else "auto",
            "shortcuts": user.preferences["shortcuts"] if user else "off",
            "asset": lambda name: visit.url("asset", version=self.assets, name=name),
            "script_words": {text: visit.t(text) for text in SPOKEN_BY_SCRIPTS},
            "languages": LANGUAGES,
            "roles": ROLES,
            "preferences": PREFERENCES,
        }
        return self._templates.get_template(template).render(shared | context)

    @cached_property
    def _templates(self) -> Environment:
        return Environment(
            loader=PackageLoader("callcenter.desk"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
