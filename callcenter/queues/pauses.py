"""Contacts that do something else meanwhile, with their place kept: self-service, recording a message."""

from __future__ import annotations

from callcenter.queues.base import Base
from callcenter.queues.redis_hash import moment
from callcenter.queues.scripts import pauses as scripts

LONGEST = 900.0
"""Seconds after which a contact that stepped out is offered all the same, should nobody have said that it is back."""


class Pauses(Base):
    def pause(self, contact_id: str) -> bool:
        """Offer the contact to nobody until `resume`; its place is kept. False if it doesn't wait, or an agent has
        just accepted it."""
        return bool(self.run(scripts.PAUSE, self.now(), contact_id, moment(self.clock() + LONGEST)) == "yes")

    def resume(self, contact_id: str) -> bool:
        """The contact is back in the line. False if it wasn't out of it."""
        return bool(self.run(scripts.PAUSE, self.now(), contact_id, "0") == "yes")
