"""What tests of the queues share."""

from __future__ import annotations

from callcenter.acd.model import Place
from callcenter.queues.store import Queues


def placed(queues: Queues, contact_id: str) -> Place:
    """Where a contact stands that has to have a place."""
    found = queues.place(contact_id)
    assert found is not None, f"{contact_id} has no place"
    return found
