"""open_case: what the customer wants settled becomes a case, which later contacts go on with."""

from __future__ import annotations

from typing import ClassVar

import sqlalchemy as sa
from pydantic import Field

from callcenter import cases
from callcenter.tables import case_contacts, contacts
from callcenter.tables import cases as cases_table
from ivr.actions import Action, ActionContext, ActionResult, Args, action

BY = "flow"


class OpenCaseArgs(Args):
    subject: str = Field(min_length=1, max_length=cases.LONGEST)


@action
class OpenCase(Action):
    """Open a case for whoever the contact is with. `known`: this contact is of a case with that subject, which isn't
    resolved. `unknown`: it isn't settled who it is."""

    name: ClassVar[str] = "open_case"
    Args = OpenCaseArgs
    exits: ClassVar[tuple[str, ...]] = ("opened", "known", "unknown")
    returns: ClassVar[dict[str, str]] = {"id": "text"}
    changes_world: ClassVar[bool] = True
    budget: ClassVar[float] = 5.0

    def run(self, context: ActionContext, args: OpenCaseArgs) -> ActionResult:
        subject = args.subject.strip()
        with context.engine.begin() as conn:
            contact = conn.execute(sa.select(contacts).where(contacts.c.id == context.contact_id)).one_or_none()
            if contact is None or contact.customer_id is None:
                return ActionResult("unknown", {"id": ""})
            same = (
                sa.select(cases_table.c.id)
                .join(case_contacts, case_contacts.c.case_id == cases_table.c.id)
                .where(
                    case_contacts.c.contact_id == context.contact_id,
                    cases_table.c.subject == subject,
                    cases_table.c.status != "resolved",
                )
            )
            known = conn.execute(same).scalars().first()
            if known is not None:
                return ActionResult("known", {"id": known})
            case = cases.open_case(
                conn, contact.customer_id, subject, by=BY, at=context.now, contact_id=context.contact_id
            )
            return ActionResult("opened", {"id": case.id})
