"""resolve_case: what the customer wanted is settled."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from callcenter import cases
from ivr.actions import Action, ActionContext, ActionResult, Args, action
from ivr.actions.open_case import BY


class ResolveCaseArgs(Args):
    case: str = Field(min_length=1, max_length=64)
    reason: str = Field("", max_length=1000)


@action
class ResolveCase(Action):
    """Resolve a case of this contact's; one that is resolved stays so. `unknown`: the contact has no such case."""

    name: ClassVar[str] = "resolve_case"
    Args = ResolveCaseArgs
    exits: ClassVar[tuple[str, ...]] = ("done", "unknown")
    changes_world: ClassVar[bool] = True
    budget: ClassVar[float] = 5.0

    def run(self, context: ActionContext, args: ResolveCaseArgs) -> ActionResult:
        with context.engine.begin() as conn:
            try:
                if context.contact_id not in cases.contacts_of(conn, args.case):
                    return ActionResult("unknown")
                cases.change(conn, args.case, "resolved", by=BY, at=context.now, reason=args.reason)
            except cases.UnknownCase:
                return ActionResult("unknown")
        return ActionResult("done")
