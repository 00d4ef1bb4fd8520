"""survey: keep what a customer thinks of the service."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from callcenter import surveys
from ivr.actions import Action, ActionContext, ActionResult, Args, action


class SurveyArgs(Args):
    kind: Literal["csat", "nps", "ces"] = "csat"
    score: int
    comment: str = Field("", max_length=surveys.LONGEST_COMMENT)


@action
class Survey(Action):
    """Store a score in the event log, for the reports. Exit `out_of_range` where the scale doesn't have it."""

    name: ClassVar[str] = "survey"
    Args = SurveyArgs
    exits: ClassVar[tuple[str, ...]] = ("done", "out_of_range")
    changes_world: ClassVar[bool] = True
    budget: ClassVar[float] = 5.0

    def run(self, context: ActionContext, args: SurveyArgs) -> ActionResult:
        try:
            with context.engine.begin() as conn:
                # The same attempt again, or another answer to the same question: the first one counts.
                surveys.keep(
                    conn, context.contact_id, context.session_id, args.kind, args.score, context.now, args.comment
                )
        except surveys.OutOfScale:
            return ActionResult("out_of_range")
        return ActionResult("done")
