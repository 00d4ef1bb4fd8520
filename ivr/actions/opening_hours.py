"""opening_hours: whether the company is open, today's hours and the next opening."""

from __future__ import annotations

from typing import ClassVar

from pydantic import ValidationError

from ivr.actions import Action, ActionContext, ActionError, ActionResult, Args, action
from ivr.hours import BusinessHours, status


@action
class OpeningHours(Action):
    """Tell whether the company is open, today's hours and the next opening, by `business_hours.yaml`."""

    name: ClassVar[str] = "opening_hours"
    exits: ClassVar[tuple[str, ...]] = ("open", "closed")
    returns: ClassVar[dict[str, str]] = {
        "open_now": "boolean",
        "hours_today": "hours",
        "today": "any",
        "today_closed": "boolean",
        "open_all_day": "boolean",
        "closes_at": "time",
        "next_opens_on": "date",
        "next_opens_at": "time",
        "next_is": "text",
        "next_is_today": "boolean",
        "next_is_tomorrow": "boolean",
        "reason": "text",
    }
    budget: ClassVar[float] = 2.0

    def run(self, context: ActionContext, args: Args) -> ActionResult:
        data = context.files.get("business_hours")
        if data is None:
            raise ActionError("there is no business_hours.yaml beside the flows")
        try:
            hours = data if isinstance(data, BusinessHours) else BusinessHours.model_validate(data)
        except ValidationError as error:
            raise ActionError(f"business_hours.yaml is wrong: {error.error_count()} mistakes") from error
        now = status(hours, context.now, context.company.timezone)
        return ActionResult(
            "open" if now.open_now else "closed",
            {
                "open_now": now.open_now,
                "hours_today": ",".join(f"{part.opens_at}-{part.closes_at}" for part in now.today),
                "today": [{"opens_at": part.opens_at, "closes_at": part.closes_at} for part in now.today],
                "today_closed": not now.today,
                "open_all_day": now.open_all_day,
                "closes_at": f"{now.closes_at:%H:%M}" if now.closes_at else None,
                "next_opens_on": now.next_opens.date().isoformat() if now.next_opens else None,
                "next_opens_at": f"{now.next_opens:%H:%M}" if now.next_opens else None,
                "next_is": now.next_is,
                "next_is_today": now.next_is == "today",
                "next_is_tomorrow": now.next_is == "tomorrow",
                "reason": now.reason,
            },
        )
