"""find_bill: what an account owes."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ivr.actions import Action, ActionContext, ActionResult, Args, action
from ivr.actions.bills import open_bill_source


class FindBillArgs(Args):
    account: str = Field(min_length=1, max_length=40)


@action
class FindBill(Action):
    """Look up the next bill to pay of an account. `balance` is 0 where nothing is due."""

    name: ClassVar[str] = "find_bill"
    Args = FindBillArgs
    exits: ClassVar[tuple[str, ...]] = ("found", "not_found")
    returns: ClassVar[dict[str, str]] = {
        "account": "digits",
        "bill": "text",
        "name": "text",
        "balance": "money",
        "currency": "text",
        "due_on": "date",
        "overdue": "boolean",
        "open_bills": "number",
        "email": "text",
        "phone": "phone",
    }
    budget: ClassVar[float] = 8.0

    def run(self, context: ActionContext, args: FindBillArgs) -> ActionResult:
        bill = open_bill_source(context.engine, context.settings).find(args.account, deadline=context.deadline)
        if bill is None:
            return ActionResult("not_found")
        return ActionResult(
            "found",
            {
                "account": bill.account,
                "bill": bill.id,
                "name": bill.name,
                "balance": bill.balance,
                "currency": bill.currency,
                "due_on": bill.due_on.isoformat() if bill.due_on else None,
                "overdue": bool(bill.balance and bill.due_on and bill.due_on < context.now.date()),
                "open_bills": bill.open_bills,
                "email": bill.email,
                "phone": bill.phone,
            },
        )
