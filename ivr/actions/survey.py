"""survey: keep what a customer thinks of the service."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from callcenter import events
from ivr.actions import Action, ActionContext, ActionResult, Args, action

SCALES = {"csat": (1, 5), "nps": (0, 10), "ces": (1, 7)}
"""The least and the highest score: customer satisfaction, net promoter score, customer effort score."""


class SurveyArgs(Args):
    kind: Literal["csat", "nps", "ces"] = "csat"
    score: int
    comment: str = Field("", max_length=2000)


@action
class Survey(Action):
    """Store a score in the event log, for the reports. Exit `out_of_range` where the scale doesn't have it."""

    name: ClassVar[str] = "survey"
    Args = SurveyArgs
    exits: ClassVar[tuple[str, ...]] = ("done", "out_of_range")
    changes_world: ClassVar[bool] = True
    budget: ClassVar[float] = 5.0

    def run(self, context: ActionContext, args: SurveyArgs) -> ActionResult:
        least, most = SCALES[args.kind]
        if not least <= args.score <= most:
            return ActionResult("out_of_range")
        data = {"kind": args.kind, "score": args.score, **({"comment": args.comment} if args.comment else {})}
        with context.engine.begin() as conn:
            known = [event for event in events.of_contact(conn, context.contact_id) if event.kind == "survey"]
            # The same attempt again, or another answer to the same question: the first one counts.
            if all(event.data.get("kind") != args.kind for event in known):
                events.record(conn, context.contact_id, context.session_id, "survey", data, context.now)
        return ActionResult("done")
