"""identify: whether it is clear who the contact is with."""

from __future__ import annotations

from typing import Any, ClassVar

import sqlalchemy as sa

from callcenter import customers, recognition
from callcenter.db import reading
from callcenter.tables import contacts
from ivr.actions import Action, ActionContext, ActionResult, action


@action
class Identify(Action):
    """Tell who the contact is with, as far as its number or address says. `several`: the telephone is shared, and one
    verifying question (the action `verify`) settles who it is."""

    name: ClassVar[str] = "identify"
    exits: ClassVar[tuple[str, ...]] = ("known", "several", "unknown")
    returns: ClassVar[dict[str, str]] = {"name": "text", "language": "text", "candidates": "number"}
    budget: ClassVar[float] = 5.0

    def run(self, context: ActionContext, args: Any) -> ActionResult:
        with reading(context.engine) as conn:
            row = conn.execute(sa.select(contacts).where(contacts.c.id == context.contact_id)).one_or_none()
            if row is None:
                return ActionResult("unknown", _nobody())
            if row.customer_id is not None:
                found = customers.get(conn, row.customer_id)
                data = {"name": found.name, "language": found.language, "candidates": 1}
                return ActionResult("unknown" if found.provisional else "known", data)
            country = context.company.country
            candidates = recognition.candidates(conn, context.contact_id, region=country)
        if len(candidates) > 1:
            return ActionResult("several", {**_nobody(), "candidates": len(candidates)})
        return ActionResult("unknown", _nobody())


def _nobody() -> dict[str, Any]:
    return {"name": "", "language": "", "candidates": 0}
