"""What the ids of audit entries are called, and where they lead: looked up for a whole page at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from markupsafe import Markup, escape
from sqlalchemy.engine import Connection

from callcenter.desk import users
from callcenter.desk.audit import Entry
from callcenter.desk.visit import Visit
from callcenter.record_tables import cases, customers, files
from callcenter.tables import contacts, recordings

FIELDS = {"customer": "customer", "absorbed": "customer", "other": "customer", "contact": "contact", "case": "case",
          "agent": "agent", "agent_id": "agent", "queue": "queue", "coached": "user"}  # fmt: skip
"""Fields of an entry's data that hold an id, and of what."""
ALL_QUEUES = "*"


class Names:
    """Those that some entries need. `queues` are the labels of queues by name."""

    def __init__(self, conn: Connection, visit: Visit, entries: Iterable[Entry], queues: Mapping[str, str]) -> None:
        self._visit, self._queues = visit, queues
        ids: dict[str, set[str]] = {}
        for entry in entries:
            kind, _, id = entry.target.partition(":")
            ids.setdefault(kind, set()).add(id)
            for field, what in FIELDS.items():
                if isinstance(entry.data.get(field), str):
                    ids.setdefault(what, set()).add(entry.data[field])
        found = users.listed(conn)
        self._users = {user.id: user.name for user in found}
        self.people = {user.login: user.name for user in found}
        self._agents = {user.agent_id: user.name for user in found if user.agent_id}
        self._contacts = {
            id: f"{visit.t(channel)} {caller}" if channel != "chat" else visit.t(channel)
            for id, channel, caller in _rows(conn, contacts, ids.get("contact"), "channel", "caller")
        }
        self._customers = dict(_rows(conn, customers, ids.get("customer"), "name"))
        self._cases = dict(_rows(conn, cases, ids.get("case"), "subject"))
        self._files = dict(_rows(conn, files, ids.get("file"), "name"))
        self._recordings = dict(_rows(conn, recordings, ids.get("recording"), "kind"))

    def target(self, target: str) -> Markup:
        """What an entry is about, as a link where there is a page of it."""
        kind, _, id = target.partition(":")
        return self.of(kind, id) if id else Markup("{}").format(target)

    def of(self, kind: str, id: str) -> Markup:
        """One thing by its name; what isn't there any more, or was never known, by its id."""
        t = self._visit.t
        match kind:
            case "customer" if id in self._customers:
                return self._link(self._customers[id] or t("nobody has given a name"), "customer", customer_id=id)
            case "contact" if id in self._contacts:
                return self._link(self._contacts[id], "contact", contact_id=id)
            case "case" if id in self._cases:
                return self._link(self._cases[id], "case", case_id=id)
            case "file" if id in self._files:
                return self._link(self._files[id], "file", file_id=id)
            case "recording" if id in self._recordings:
                return self._link(t(self._recordings[id]), "recording", recording_id=id)
            case "user" if id in self._users:
                return self._link(self._users[id], "person", user_id=id)
            case "agent":
                return escape(self._agents.get(id, id))
            case "queue" | "scope":
                return escape(t("all queues") if id in ("", ALL_QUEUES, "all") else self._queues.get(id, id))
            case "flows":
                return self._link(id[:12], "flows")
            case "hours":
                return self._link(id, "hours_of", name=id)
            case "prompt" if "/" in id:
                language, _, name = id.partition("/")
                return self._link(f"{name} ({self._visit.words.language_name(language)})", "prompt", language=language,
                                  prompt_id=name)  # fmt: skip
            case "login":
                return escape(id)
        return escape(f"{kind}:{id}")

    def _link(self, label: str, page: str, **values: str) -> Markup:
        return Markup('<a href="{}">{}</a>').format(self._visit.url(page, **values), label)


def queue_labels(visit: Visit) -> dict[str, str]:
    """What people call each queue. Not to be called in a transaction."""
    data: Any = visit.desk.flows.data("queues")
    queues: Any = data.get("queues") if isinstance(data, dict) else None
    return {str(name): str((one or {}).get("label") or name) for name, one in (queues or {}).items()}


def _rows(conn: Connection, table: sa.Table, ids: set[str] | None, *columns: str) -> list[Any]:
    if not ids:
        return []
    query = sa.select(table.c.id, *(table.c[name] for name in columns)).where(table.c.id.in_(sorted(ids)))
    return list(conn.execute(query))
