"""check_code: settle who it is by a one-time code."""

from __future__ import annotations

from typing import ClassVar

import sqlalchemy as sa
from pydantic import Field

from callcenter import customers, events, identifiers, one_time_codes, recognition
from callcenter.tables import contacts
from ivr.actions import Action, ActionContext, ActionResult, Args, action
from ivr.actions._who import possible


class CheckCodeArgs(Args):
    id: str = Field(max_length=64, description="what `send_code` returned")
    code: str = Field(max_length=40, repr=False)


@action
class CheckCode(Action):
    """Compare a code with the one that `send_code` sent. The right one settles that the contact is with the customer
    whose address it went to; `several`: those share that address, too. `over`: it was guessed too often, or is too
    old."""

    name: ClassVar[str] = "check_code"
    Args = CheckCodeArgs
    exits: ClassVar[tuple[str, ...]] = ("settled", "wrong", "over", "several")
    returns: ClassVar[dict[str, str]] = {"name": "text", "language": "text"}
    budget: ClassVar[float] = 5.0

    def run(self, context: ActionContext, args: CheckCodeArgs) -> ActionResult:
        region = context.company.country
        nobody = {"name": "", "language": ""}
        with context.engine.begin() as conn:
            row = conn.execute(sa.select(contacts).where(contacts.c.id == context.contact_id)).one_or_none()
            address = one_time_codes.address(conn, args.id)
            if row is None or address is None:
                return ActionResult("over", nobody)
            fits = one_time_codes.check(conn, args.id, args.code, context.now)
            asked = {"question": "one_time_code", "fits": fits}
            events.record(conn, row.id, context.session_id, "verified", asked, context.now)
            if not fits:
                live = one_time_codes.live(conn, args.id, context.now)
                return ActionResult("wrong" if live else "over", nobody)
            people = possible(conn, row, region)
            owners = [one.customer_id for one in identifiers.identify(conn, *address)]
            found = [owner for owner in owners if people is None or owner in people]
            if len(found) != 1:
                return ActionResult("several", nobody)
            [only] = found
            owner = identifiers.owner(conn, only, *address) or only
            identifiers.add(conn, owner, *address, at=context.now, proof="one_time_code")
            if row.customer_id is None or people is None:
                recognition.settle(conn, row.id, only, proof="one_time_code", at=context.now, region=region)
            customer = customers.get(conn, only)
        return ActionResult("settled", {"name": customer.name, "language": customer.language})
