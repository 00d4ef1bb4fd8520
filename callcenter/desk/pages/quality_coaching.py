"""Coaching, for those who give it; agents have theirs on their own page."""

from __future__ import annotations

from datetime import date

from flask import Response, request
from werkzeug.exceptions import BadRequest, NotFound

from callcenter import evaluations, quality_coaching
from callcenter.desk import evaluation_forms as forms
from callcenter.desk import users
from callcenter.desk.pages.quality import today
from callcenter.desk.permissions import SELF
from callcenter.desk.routing import one, page
from callcenter.desk.users import UnknownUser
from callcenter.desk.visit import Refused, Visit
from callcenter.quality_coaching import LONGEST_GOAL, LONGEST_NOTE
from callcenter.quality_tables import evaluations as table

MOST = 200
LINKED = 20
"""Evaluations to choose from, the newest."""


@page("/quality/coaching", needs="quality.read")
def coaching_list(visit: Visit) -> Response:
    """All of it; of one agent (`user`) with the form to add to it."""
    user_id = visit.arg("user", 64)
    everybody = [user for user in users.listed(visit.conn) if user.active]
    chosen = next((user for user in everybody if user.id == user_id), None)
    linked = []
    if chosen is not None:
        linked = evaluations.listed(visit.conn, table.c.user_id == chosen.id, table.c.status != "draft", limit=LINKED)
    return visit.render(
        "quality_coaching.html", chosen=chosen, everybody=everybody, linked=linked, today=today(visit),
        coaching=quality_coaching.listed(visit.conn, user_id=chosen.id if chosen else None, limit=MOST),
        people=forms.people(visit.conn), longest_goal=LONGEST_GOAL, longest_note=LONGEST_NOTE,
    )  # fmt: skip


@page("/quality/coaching", needs="quality.evaluate", method="POST")
def add_coaching(visit: Visit) -> Response:
    try:
        user = users.get(visit.conn, visit.form("user", 64))
    except UnknownUser:
        raise NotFound from None
    if user.id == visit.user.id:
        raise Refused(visit.t("Nobody coaches themselves."))
    try:
        due_on = date.fromisoformat(visit.form("due_on", 10))
    except ValueError:
        raise Refused(visit.t("Choose the day until which it is to be done.")) from None
    chosen = request.form.getlist("evaluation")
    if len(chosen) > LINKED or any(len(id) > 64 for id in chosen):
        raise BadRequest("too many evaluations")
    try:
        coaching_id = quality_coaching.add(
            visit.conn, user_id=user.id, author_id=visit.user.id, goal=one(visit.form("goal", LONGEST_GOAL)),
            note=visit.form("note", LONGEST_NOTE), due_on=due_on, at=visit.now, evaluation_ids=chosen,
        )  # fmt: skip
    except ValueError:
        raise Refused(visit.t("Write the goal.")) from None
    except LookupError:
        raise NotFound from None
    visit.log("coaching.added", f"coaching:{coaching_id}", coached=user.id)
    visit.after.append(lambda: visit.desk.messaging.publish(user.by, "evaluation", {"coaching": coaching_id}))
    return visit.go("coaching_list", user=user.id, said=visit.t("The agent can see it now."))


@page("/quality/coaching/<coaching_id>/done", needs=SELF, method="POST")
def finish_coaching(visit: Visit, coaching_id: str) -> Response:
    """By who is coached, or by somebody who evaluates."""
    try:
        found = quality_coaching.get(visit.conn, coaching_id)
    except LookupError:
        raise NotFound from None
    if found.user_id != visit.user.id and not visit.may("quality.evaluate"):
        raise NotFound  # who has nothing to do with it doesn't learn that it is there
    if not quality_coaching.finish(visit.conn, coaching_id, by=visit.user.id, at=visit.now):
        raise Refused(visit.t("It was ticked off already."))
    visit.log("coaching.done", f"coaching:{coaching_id}", coached=found.user_id)
    return visit.go_to(visit.back(), said=visit.t("Ticked off."))
