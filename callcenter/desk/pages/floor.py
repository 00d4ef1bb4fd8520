"""The live floor, and what supervisors do there."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import redis
from flask import Response, jsonify
from werkzeug.exceptions import NotFound, ServiceUnavailable

from callcenter import alerts, control, emergency
from callcenter.db import compact
from callcenter.desk.alert_words import sentence
from callcenter.desk.calling import SUPERVISORS, Calling, NotYours
from callcenter.desk.pages.emergency import scopes
from callcenter.desk.pages.emergency import shown as announced
from callcenter.desk.routing import link, page
from callcenter.desk.visit import Refused, Visit
from callcenter.queues import closing
from callcenter.queues.base import NoSuchOffer, UnknownQueue
from callcenter.queues.store import Queues

link(15, "floor", "Floor", icon="floor", needs="floor.read", key="o")

View = Callable[..., Response]


def on_queues(view: Callable[..., Response]) -> View:
    """A view of the live queues; what can't be done is told in words."""

    @functools.wraps(view)
    def guarded(visit: Visit, **path: str) -> Response:
        board = visit.desk.switchboard
        if board is None:
            raise Refused(visit.t("There are no queues here."))
        try:
            return view(visit, board.queues(), **path)
        except UnknownQueue:
            raise Refused(visit.t("There is no such queue.")) from None
        except redis.RedisError:
            raise ServiceUnavailable(visit.t("The queues don't answer. Try again in a moment.")) from None

    return guarded


@page("/floor", needs="floor.read", transaction="own")
def floor(visit: Visit) -> Response:
    """The page; its script asks for the state, again and again."""
    queues: dict[str, str] = {}
    reasons: tuple[str, ...] = ()
    board = visit.desk.switchboard
    if board is not None:
        with contextlib.suppress(redis.RedisError):  # the script says so, and goes on asking
            config = board.queues().config
            queues = {name: one.label or name for name, one in config.queues.items()}
            reasons = tuple(config.people.reasons)
    offered = visit.desk.flows.announcements()
    return visit.render(
        "floor.html",
        queues=queues,
        reasons=reasons,
        control=visit.may("floor.control"),
        announce=visit.may("emergencies.write"),
        end=visit.may("emergencies.write"),
        emergencies=announced(visit),
        scopes=scopes(visit),
        offered=offered,
        languages={one: visit.words.language_name(one) for one in offered.languages},
        longest=emergency.LONGEST,
    )


@page("/floor/state", needs="floor.read", transaction="own")
@on_queues
def floor_state(visit: Visit, queues: Queues) -> Response:
    watch = alerts.from_data(visit.desk.flows.data(alerts.FILE))
    state = visit.desk.floor.state(queues, visit.now.astimezone(visit.words.zone), watch)

    def write() -> str:
        said = [one | {"text": sentence(visit.words, one["limits"])} for one in state["alerts"]]
        return compact(state | {"alerts": said, "words": _words(visit, state)})

    return Response(visit.desk.floor.written(state, visit.words.language, write), mimetype="application/json")


@page("/floor/ticket", needs="floor.read", method="POST", transaction="own")
def floor_ticket(visit: Visit) -> Response:
    """Leave to follow the floor and nothing else, auditors too. Its events are many: only its page hears them."""
    ticket = visit.desk.messaging.ticket(visit.user.id, ["floor"])
    return jsonify({"ticket": ticket, "url": visit.desk.config.live_url})


def _words(visit: Visit, state: dict[str, Any]) -> dict[str, str]:
    """States and media as people read them."""
    said = {agent["state"] for agent in state["agents"]} | {one["state"] for one in state["waiting"]}
    said |= {one["medium"] for one in state["waiting"]} | {one["state"] for one in state["callbacks"]}
    said |= {one["medium"] for agent in state["agents"] for one in agent["contacts"]}
    return {word: visit.t(word) for word in sorted(said)}


@page("/floor/contacts/<contact_id>/priority", needs="floor.control", method="POST")
@on_queues
def floor_priority(visit: Visit, queues: Queues, contact_id: str) -> Response:
    given = visit.form("priority", 10).strip()
    try:
        done = queues.set_priority(contact_id, int(given))
    except ValueError:
        raise Refused(visit.t("A priority is 0 to 100.")) from None
    return _done(visit, done, "queue.priority", contact_id, priority=int(given))


@page("/floor/contacts/<contact_id>/move", needs="floor.control", method="POST")
@on_queues
def floor_move(visit: Visit, queues: Queues, contact_id: str) -> Response:
    to = visit.form("queue", 40)
    return _done(visit, queues.move(contact_id, to, why="supervisor"), "queue.moved", contact_id, queue=to)


@page("/floor/calls/<contact_id>/order", needs="floor.control", method="POST")
@on_queues
def floor_order(visit: Visit, queues: Queues, contact_id: str) -> Response:
    """Listen, whisper, join, take over: the supervisor's own telephone is called. Hanging up leaves the call."""
    mine = visit.user.agent_id
    if mine is None:
        raise Refused(visit.t("You are no agent, so you have no telephone here: an admin can make you one."))
    if queues.agent(mine) is None:
        raise Refused(visit.t("Sign in on the page Work first: your telephone there is called."))
    verb = visit.form("verb", 20)
    if verb not in SUPERVISORS:
        raise Refused(visit.t("That can't be ordered."))
    entry = queues.entry(contact_id)
    if entry.get("state") != "connected" or entry.get("medium") != "voice":
        raise Refused(visit.t("This call is over."))
    assert visit.desk.switchboard is not None
    try:
        order = Calling(visit.desk.switchboard, mine).order(contact_id, verb, {}, supervises=True)
    except NotYours:
        raise Refused(visit.t("That can't be ordered.")) from None
    visit.log(f"call.{verb}", f"contact:{contact_id}", order=order)
    return jsonify({"order": order})


@page("/floor/calls/<contact_id>/end", needs="agents.control", method="POST")
@on_queues
def floor_end(visit: Visit, queues: Queues, contact_id: str) -> Response:
    """End another's call, for both sides, as if the agent had put down the receiver."""
    why = visit.form("why", 200).strip()
    if not why:
        raise Refused(visit.t("Say why: it is written down."))
    entry = queues.entry(contact_id)
    if entry.get("state") != "connected" or entry.get("medium") != "voice":
        raise Refused(visit.t("This call is over."))
    try:
        agent = queues.offer(entry.get("offer", "")).agent_id
    except NoSuchOffer:
        raise Refused(visit.t("This call is over.")) from None
    order = control.order(queues.client, contact_id, "hang_up", by=agent)
    visit.log("call.ended", f"contact:{contact_id}", agent=agent, why=why, order=order)
    visit.after.append(visit.desk.floor.stale)
    return jsonify({"order": order})


@page("/floor/switch", needs="floor.control", method="POST")
@on_queues
def floor_switch(visit: Visit, queues: Queues) -> Response:
    """Close a queue, or all with `*`, whatever the hours say; or reopen."""
    name, to = visit.form("queue", 40), visit.form("to", 10)
    if name != closing.ALL:
        queues.queue(name)
    if to == "closed":
        done = closing.close(visit.conn, name, by=visit.user.by, at=visit.now)
    elif to == "open":
        done = closing.reopen(visit.conn, name)
    else:
        raise NotFound
    if done:
        visit.log(f"queue.{'closed' if to == 'closed' else 'reopened'}", f"queue:{name}")
        told = {"queue": name, "to": to}
        visit.after.append(lambda: visit.desk.messaging.publish("floor", "queue.switched", told))
    visit.after.append(visit.desk.floor.stale)
    return jsonify({"done": done})


def _done(visit: Visit, done: bool, action: str, contact_id: str, **data: Any) -> Response:
    if not done:
        raise Refused(visit.t("This contact no longer waits."))
    visit.log(action, f"contact:{contact_id}", **data)
    visit.after.append(visit.desk.floor.stale)
    return jsonify({"done": True})
