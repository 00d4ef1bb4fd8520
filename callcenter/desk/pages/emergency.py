"""Emergency announcements: begun and ended from the floor page. None of it needs the store of queues."""

from __future__ import annotations

from typing import Any

from flask import Response
from werkzeug.exceptions import NotFound

from callcenter import emergency
from callcenter.db import reading
from callcenter.desk.audit_names import queue_labels
from callcenter.desk.routing import page
from callcenter.desk.visit import Refused, Visit


def shown(visit: Visit) -> list[dict[str, Any]]:
    """What is announced now, for the floor page."""
    with reading(visit.desk.engine) as conn:
        found = emergency.current(conn)
    labels = scopes(visit)
    return [
        {"scope": one.scope, "label": labels.get(one.scope, one.scope), "words": dict(one.words), "then": one.then,
         "by": one.by.partition(":")[2], "at": one.at, "id": one.id}
        for one in sorted(found.values(), key=lambda one: one.scope)
    ]  # fmt: skip


def scopes(visit: Visit) -> dict[str, str]:
    """Where something can be announced, with what people call it. Not to be called in a transaction."""
    return {emergency.ALL: visit.t("All numbers and channels")} | queue_labels(visit)


@page("/floor/emergencies", needs="floor.read", transaction="own")
def emergencies(visit: Visit) -> Response:
    """The part of the floor page that tells what is announced."""
    return visit.render("parts/emergencies.html", emergencies=shown(visit), end=visit.may("emergencies.write"))


@page("/floor/emergency", needs="emergencies.write", method="POST", transaction="own")
def begin_emergency(visit: Visit) -> Response:
    """Announce a prompt, or words in each language, from now on; for what is announced there, instead."""
    scope, prompt, then = visit.form("scope", 40), visit.form("prompt", 100), visit.form("then", 20)
    offered, places = visit.desk.flows.announcements(), scopes(visit)
    if scope not in places:
        raise Refused(visit.t("There is no such queue."))
    if prompt and prompt not in offered.prompts:
        raise Refused(visit.t("There is no such prompt."))
    if then not in emergency.THEN or (then == "voicemail" and not offered.voicemail):
        raise Refused(visit.t("That can't follow an announcement."))
    words = dict(offered.prompts[prompt]) if prompt else {
        language: visit.form(f"words_{language}", 4 * emergency.LONGEST) for language in offered.languages
    }  # fmt: skip
    with visit.desk.engine.begin() as conn:
        try:
            made = emergency.begin(
                conn, scope, words, then=then if scope == emergency.ALL else "continue",
                prompt=prompt, by=visit.user.by, at=visit.now,
            )  # fmt: skip
        except ValueError:
            most = emergency.LONGEST
            raise Refused(visit.t("Write what is to be said, at most %(most)s characters.", most=most)) from None
        visit.log("emergency.begun", f"scope:{scope}", words=dict(made.words), prompt=prompt, then=made.then)
        visit.write(conn)
    _told(visit, scope)
    return visit.go("floor", said=visit.t("It is announced from now on."))


@page("/floor/emergency/end", needs="emergencies.write", method="POST", transaction="own")
def end_emergency(visit: Visit) -> Response:
    scope = visit.form("scope", 40)
    with visit.desk.engine.begin() as conn:
        if scope not in emergency.current(conn):
            raise NotFound
        emergency.end(conn, scope)
        visit.log("emergency.ended", f"scope:{scope}")
        visit.write(conn)
    _told(visit, scope)
    return visit.go("floor", said=visit.t("It is announced no longer."))


def _told(visit: Visit, scope: str) -> None:
    visit.desk.floor.stale()
    visit.desk.messaging.publish("floor", "emergency", {"scope": scope})
