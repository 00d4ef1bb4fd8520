"""A floor with people on it, for tests of the supervisors' pages."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.engine import Engine

from callcenter import contacts, customers, events
from callcenter.acd.config import Config
from callcenter.queues import journal
from callcenter.queues.store import Queues
from callcenter.softphones import Softphones
from callcenter.tables import contacts as contacts_table
from tests.desk.support import Browser
from tests.valkey import Valkey

CONFIG = Config.from_files(
    {
        "queues": {
            "queues": {
                "sales": {"label": "Sales", "wrap_up": {"seconds": 60}},
                "billing": {"label": "Billing", "service_level": {"seconds": 30, "percent": 90}},
            }
        },
        "agents": {
            "agents": {
                "maria": {"name": "Maria Ortiz", "queues": ["sales"], "skills": {"sales": 5}},
                "tom": {"name": "Tom Baker", "queues": ["sales"], "skills": {"spanish": 3}},
                "sam": {"name": "Sam Lee", "queues": []},
            }
        },
    }
)


class Board:
    """The switchboard without a voice engine."""

    def __init__(self, valkey: Valkey) -> None:
        self._client = valkey.client(socket_timeout=2)
        self._queues = Queues(self._client, CONFIG)

    def queues(self) -> Queues:
        return self._queues

    def softphones(self) -> Softphones:
        return Softphones(self._client)

    def served(self, contact_id: str, agent_id: str) -> None:
        raise AssertionError("nothing here has a flow")


def arrive(
    engine: Engine, queues: Queues, queue: str, *, channel: str = "sip", caller: str, name: str = "", ago: float = 0.0,
    **more: Any,
) -> str:  # fmt: skip
    """A contact that joined a queue `ago` seconds before now."""
    at = datetime.fromtimestamp(queues.clock(), UTC) - timedelta(seconds=ago)
    with engine.begin() as conn:
        contact = contacts.start(conn, channel=channel, caller=caller, called="1", at=at, served_by="queue")
        if name:
            who = customers.create(conn, name=name, at=at)
            conn.execute(
                contacts_table.update().where(contacts_table.c.id == contact).values(customer_id=who)
            )  # fmt: skip
    queues.join(contact, queue, channel=channel, caller=caller, joined_at=at.timestamp(), **more)
    return contact


def talk(queues: Queues, contact: str, agent: str) -> str:
    """Connects a contact that waits with an agent; the offer."""
    from callcenter.acd.model import Proposal

    entry = queues.entry(contact)
    [offer] = queues.claim(Proposal(contact, entry["queue"], entry["medium"], (agent,)))
    assert queues.accept(offer)
    assert queues.connected(offer)
    return offer


def drain(engine: Engine, queues: Queues) -> None:
    journal.drain(engine, queues)


def post(browser: Browser, path: str, **body: Any) -> Any:
    return browser.client.post(
        path, data=json.dumps(body), content_type="application/json",
        headers={"X-CSRF-Token": browser.csrf, "Accept": "application/json"},
        environ_base={"REMOTE_ADDR": browser.address},
    )  # fmt: skip


def kinds(engine: Engine, contact: str) -> list[str]:
    with engine.connect() as conn:
        return [event.kind for event in events.of_contact(conn, contact)]
