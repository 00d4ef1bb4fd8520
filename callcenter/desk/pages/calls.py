"""Offers, calls and presence, for the agent's page: JSON for its scripts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import redis
from flask import Response, jsonify
from werkzeug.exceptions import ServiceUnavailable

from callcenter import contacts, events
from callcenter.campaigns import skipping
from callcenter.desk import call_state, payments
from callcenter.desk.calling import Calling, NotYours, args_of
from callcenter.desk.routing import page
from callcenter.desk.visit import Refused, Visit
from callcenter.messages.inbound import CHANNELS, handle_all
from callcenter.queues.base import CodeRequired, UnknownAgent
from callcenter.softphones import Elsewhere, NoGateway

SDP_BYTES = 20_000
View = Callable[..., Response]


def calling(view: Callable[..., Response]) -> View:
    """A view of an agent's own affairs: what can't be done is told in words."""

    @functools.wraps(view)
    def guarded(visit: Visit, **path: str) -> Response:
        if visit.user.agent_id is None:
            raise Refused(visit.t("You are no agent: an admin can make you one."))
        if visit.desk.switchboard is None:
            raise Refused(visit.t("There are no queues here."))
        try:
            return view(visit, Calling(visit.desk.switchboard, visit.user.agent_id), **path)
        except NotYours:
            raise Refused(visit.t("Somebody else has it, or it is over.")) from None
        except UnknownAgent:
            raise Refused(visit.t("agents.yaml doesn't know you.")) from None
        except CodeRequired:
            raise Refused(visit.t("This queue wants a code.")) from None
        except (NoGateway, redis.RedisError):
            raise ServiceUnavailable(visit.t("The queues don't answer. Try again in a moment.")) from None

    return guarded


@page("/agent", needs="calls.take")
@calling
def agent_status(visit: Visit, mine: Calling) -> Response:
    status = mine.status()
    for one in (*status["offers"], (status.get("phone") or {}).get("call")):
        if one and one.get("contact"):
            one["payment"] = mine.payment(one["contact"])
            one["call"] = asdict(call_state.fold(events.of_contact(visit.conn, one["contact"])))
    return jsonify(status)


@page("/agent/targets", needs="calls.take")
@calling
def agent_targets(visit: Visit, mine: Calling) -> Response:
    """Whom a call can be handed to."""
    return jsonify(mine.targets())


@page("/agent/presence", needs="calls.take", method="POST")
@calling
def agent_presence(visit: Visit, mine: Calling) -> Response:
    presence, reason = visit.form("presence", 20), visit.form("reason", 40)
    try:
        mine.be(presence, reason)
    except ValueError:
        raise Refused(visit.t("There is no such presence.")) from None
    visit.log("agent.presence", f"agent:{mine.agent_id}", presence=presence, reason=reason)
    return jsonify(mine.status())


@page("/offers/<offer_id>/accept", needs="calls.take", method="POST")
@calling
def offer_accept(visit: Visit, mine: Calling, offer_id: str) -> Response:
    offer = mine.accept(offer_id)
    if offer.medium != "voice" and contacts.set_served_by(visit.conn, offer.contact_id, visit.user.by, visit.now):
        handle_all(visit.conn, offer.contact_id, visit.now)
        told = {"served_by": visit.user.by}
        visit.after.append(
            lambda: visit.desk.messaging.publish(f"contact:{offer.contact_id}", "served_by", told)
        )  # fmt: skip
    visit.log("offer.accepted", f"contact:{offer.contact_id}", offer=offer_id)
    return jsonify({"contact": offer.contact_id, "go": visit.url("contact", contact_id=offer.contact_id)})


@page("/offers/<offer_id>/reject", needs="calls.take", method="POST")
@calling
def offer_reject(visit: Visit, mine: Calling, offer_id: str) -> Response:
    mine.reject(offer_id)
    visit.log("offer.rejected", f"offer:{offer_id}")
    return jsonify(mine.status())


@page("/offers/<offer_id>/call", needs="calls.take", method="POST")
@calling
def offer_call(visit: Visit, mine: Calling, offer_id: str) -> Response:
    """Whom a campaign would call is called."""
    offer = mine.call(offer_id)
    visit.log("offer.call", f"contact:{offer.contact_id}", offer=offer_id)
    return jsonify(mine.status())


@page("/offers/<offer_id>/skip", needs="calls.take", method="POST")
@calling
def offer_skip(visit: Visit, mine: Calling, offer_id: str) -> Response:
    """They aren't, for a reason."""
    reason = visit.form("reason", 40)
    if reason not in skipping.reasons(mine.queues.context(mine.offer(offer_id)["contact"])):
        raise Refused(visit.t("Choose a reason."))
    contact_id, given = mine.skip(offer_id)
    if not skipping.skip(visit.conn, contact_id, given, mine.agent_id, reason, visit.now):
        raise NotYours(offer_id)
    visit.log("offer.skipped", f"contact:{contact_id}", offer=offer_id, reason=reason)
    visit.after.append(lambda: mine.leave_out(contact_id))
    return jsonify(mine.status())


@page("/offers/<offer_id>/done", needs="calls.take", method="POST", transaction="own")
@calling
def offer_done(visit: Visit, mine: Calling, offer_id: str) -> Response:
    try:
        offer = mine.done(offer_id, visit.form("code", 40), visit.form("note", 10_000))
    except CodeRequired:
        raise
    except ValueError:
        raise Refused(visit.t("This queue has no such code.")) from None
    with visit.desk.engine.begin() as conn:
        contact: Any = contacts.get(conn, offer.contact_id)
        visit.log("offer.done", f"contact:{offer.contact_id}", offer=offer_id)
        visit.write(conn)
    thread = contact is not None and contact.channel in CHANNELS and contact.ended_at is None
    if thread and contact.served_by == visit.user.by and visit.desk.switchboard is not None:
        visit.desk.switchboard.served(offer.contact_id, mine.agent_id)
    return jsonify(mine.status())


@page("/calls/<contact_id>/order", needs="calls.take", method="POST")
@calling
def call_order(visit: Visit, mine: Calling, contact_id: str) -> Response:
    verb = visit.form("verb", 20)
    try:
        order = mine.order(
            contact_id,
            verb,
            args_of(visit.form("args", 2000)),
            supervises=visit.may("floor.control"),
            serves=_serves(visit, mine, contact_id),
        )
    except ValueError:
        raise Refused(visit.t("That can't be ordered.")) from None
    visit.log(f"call.{verb}", f"contact:{contact_id}", order=order)
    return jsonify({"order": order})


def _serves(visit: Visit, mine: Calling, contact_id: str) -> bool:
    """Whether the customer was handed over to this agent."""
    return call_state.fold(events.of_contact(visit.conn, contact_id)).serving == mine.agent_id


@page("/calls/<contact_id>/bills", needs="calls.take")
@calling
def call_bills(visit: Visit, mine: Calling, contact_id: str) -> Response:
    """What the caller on the line may pay, for the agent who has them."""
    if not mine.talks_to(contact_id) and not _serves(visit, mine, contact_id):
        raise NotYours(contact_id)
    visit.look("customer.bills", f"contact:{contact_id}")
    return jsonify([asdict(one) | {"due_on": one.due_on and visit.words.date(one.due_on)}
                    for one in payments.open_bills(visit.conn, contact_id)])  # fmt: skip


@page("/phone", needs="calls.take", method="POST", transaction="own", largest=4 * SDP_BYTES)
@calling
def phone_connect(visit: Visit, mine: Calling) -> Response:
    """The browser's telephone: an offer (SDP) from the page, the gateway's answer."""
    assert visit.desk.switchboard is not None
    try:
        answer = visit.desk.switchboard.softphones().connect(
            mine.agent_id, visit.form("page", 64), visit.form("sdp", SDP_BYTES), take=visit.form("take", 3) != "no"
        )
    except Elsewhere:
        return jsonify({"elsewhere": True})
    except ValueError:
        raise Refused(visit.t("The telephone can't be connected.")) from None
    return jsonify({"sdp": answer})


@page("/phone/answer", needs="calls.take", method="POST")
@calling
def phone_answer(visit: Visit, mine: Calling) -> Response:
    """Take a call that is no offer: a colleague asks, or hands somebody over."""
    assert visit.desk.switchboard is not None
    if not visit.desk.switchboard.softphones().answer(mine.agent_id):
        raise NotYours(mine.agent_id)
    visit.log("phone.answered", f"agent:{mine.agent_id}")
    return jsonify({})


@page("/phone/hang_up", needs="calls.take", method="POST")
@calling
def phone_hang_up(visit: Visit, mine: Calling) -> Response:
    assert visit.desk.switchboard is not None
    if not visit.desk.switchboard.softphones().hang_up(mine.agent_id):
        raise NotYours(mine.agent_id)
    visit.log("phone.hung_up", f"agent:{mine.agent_id}")
    return jsonify({})


@page("/phone/bye", needs="calls.take", method="POST", transaction="own")
@calling
def phone_bye(visit: Visit, mine: Calling) -> Response:
    assert visit.desk.switchboard is not None
    return jsonify({"done": visit.desk.switchboard.softphones().disconnect(mine.agent_id, visit.form("page", 64))})
