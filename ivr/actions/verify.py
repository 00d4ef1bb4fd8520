"""verify: settle which of several customers it is by one question."""

from __future__ import annotations

from typing import Any, ClassVar

import sqlalchemy as sa
from pydantic import Field

from callcenter import customers, events, recognition, verifying
from callcenter.tables import contacts
from ivr.actions import Action, ActionContext, ActionResult, Args, action


class VerifyArgs(Args):
    question: str = Field(description="account, or an attribute of customer.yaml such as postcode")
    answer: str = Field(max_length=200, repr=False)


@action
class Verify(Action):
    """Compare one answer with all customers whom the contact's number or address may mean. If it fits one of them, the
    contact is theirs from now on, with all that was said in it. How often one may guess is the flow's to limit."""

    name: ClassVar[str] = "verify"
    Args = VerifyArgs
    exits: ClassVar[tuple[str, ...]] = ("settled", "wrong")
    returns: ClassVar[dict[str, str]] = {"name": "text", "language": "text"}
    budget: ClassVar[float] = 5.0

    def run(self, context: ActionContext, args: VerifyArgs) -> ActionResult:
        country = context.company.country
        with context.engine.begin() as conn:
            row = conn.execute(sa.select(contacts).where(contacts.c.id == context.contact_id)).one_or_none()
            if row is None:
                return ActionResult("wrong", _nobody())
            # Whoever is settled already is asked whether they are that one.
            possible = (
                [customers.root(conn, row.customer_id)]
                if row.customer_id is not None
                else [one.customer_id for one in recognition.candidates(conn, row.id, region=country)]
            )
            found = verifying.resolve(conn, possible, args.question, args.answer, region=country)
            fits = {"question": args.question, "fits": found is not None}
            events.record(conn, row.id, context.session_id, "verified", fits, context.now)
            if found is None:
                return ActionResult("wrong", _nobody())
            if row.customer_id is None:
                recognition.settle(conn, row.id, found, proof="pin", at=context.now, region=country)
            customer = customers.get(conn, found)
        return ActionResult("settled", {"name": customer.name, "language": customer.language})


def _nobody() -> dict[str, Any]:
    return {"name": "", "language": ""}
