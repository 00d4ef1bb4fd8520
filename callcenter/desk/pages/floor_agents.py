"""What supervisors do with agents: sign them out, set their presence, change their skills for today."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from flask import Response, jsonify

from callcenter.acd import skills
from callcenter.desk.pages.floor import on_queues
from callcenter.desk.routing import page
from callcenter.desk.visit import Refused, Visit
from callcenter.queues.base import UnknownAgent
from callcenter.queues.store import Queues


@page("/floor/agents/sign_out", needs="agents.control", method="POST")
@on_queues
def floor_sign_out(visit: Visit, queues: Queues) -> Response:
    agent = visit.form("agent", 40)
    if not queues.sign_out(agent, "supervisor"):
        raise Refused(visit.t("This agent isn't signed in."))
    visit.log("agent.signed_out", f"agent:{agent}")
    visit.after.append(visit.desk.floor.stale)
    return jsonify({"done": True})


@page("/floor/agents/presence", needs="agents.control", method="POST")
@on_queues
def floor_presence(visit: Visit, queues: Queues) -> Response:
    """`to` is `available`, or one of the admin's reasons for being unavailable; `why` is for the audit log."""
    agent, to, why = visit.form("agent", 40), visit.form("to", 40), visit.form("why", 200).strip()
    if not why:
        raise Refused(visit.t("Say why: it is written down."))
    presence, reason = ("available", "") if to == "available" else ("unavailable", to)
    if presence == "unavailable" and not reason:
        raise Refused(visit.t("There is no such presence."))
    try:
        done = queues.set_presence(agent, presence, reason)
    except ValueError:
        raise Refused(visit.t("There is no such presence.")) from None
    if not done:
        raise Refused(visit.t("This agent isn't signed in."))
    visit.log("agent.presence", f"agent:{agent}", presence=presence, reason=reason, why=why)
    visit.after.append(visit.desk.floor.stale)
    return jsonify({"done": True})


@page("/floor/agents/skills", needs="agents.control", method="POST")
@on_queues
def floor_skills(visit: Visit, queues: Queues) -> Response:
    """The fields `skill_NAME` are levels from 0 to 10, until the company's midnight; without any, all is as
    configured."""
    agent = visit.form("agent", 40)
    try:
        levels = {
            name: int(visit.form(f"skill_{name}", 4))
            for name in skills.known(queues.config)
            if visit.has(f"skill_{name}")
        }
        until = _midnight(visit)
        done = queues.change_skills(agent, levels, until=until.timestamp(), by=visit.user.by)
    except UnknownAgent:
        raise Refused(visit.t("agents.yaml doesn't know this agent.")) from None
    except ValueError:
        raise Refused(visit.t("A level is 0 to 10.")) from None
    if done:
        changed = skills.changes(queues.config.agents[agent].skills, levels)
        visit.log("agent.skills", f"agent:{agent}", skills=changed, until=until.isoformat() if changed else "")
    visit.after.append(visit.desk.floor.stale)
    return jsonify({"done": done})


def _midnight(visit: Visit) -> datetime:
    """When the company's day ends."""
    zone = visit.words.zone
    tomorrow = visit.now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), zone)
