"""The agent's place of work: presence, offers and calls above, every other page of the desk below, so that a call
goes on whatever page is opened."""

from __future__ import annotations

import json
import re
from typing import Any

from flask import Response
from markupsafe import Markup

from callcenter import events
from callcenter.desk import call_state, users
from callcenter.desk.calling import Calling, NotYours
from callcenter.desk.markdown import rendered
from callcenter.desk.pages.calls import calling
from callcenter.desk.routing import link, page
from callcenter.desk.users import InvalidUser
from callcenter.desk.visit import Refused, Visit, local_path
from callcenter.queues.popping import build_on

link(5, "work", "Work", icon="phone", needs="calls.take", key="w")


@page("/work", needs="calls.take")
def work(visit: Visit) -> Response:
    agents = _agents(visit)
    if visit.user.agent_id not in agents:
        return visit.render("work_none.html", agents=agents)
    ice = json.dumps(visit.desk.config.ice_servers)
    return visit.render("work.html", at=local_path(visit.arg("at")) or visit.url("home"), ice=ice)


@page("/work/agent", needs="users.write", method="POST")
def become_agent(visit: Visit) -> Response:
    """Whoever may change users makes himself an agent."""
    agent_id, me = visit.form("agent_id", 64), visit.user
    if agent_id not in _agents(visit):
        raise Refused(visit.t("There is no such agent."))
    try:
        users.change(visit.conn, me.id, agent_id=agent_id)
    except InvalidUser as error:
        raise Refused(visit.t(str(error))) from None
    visit.log("user.changed", f"user:{me.id}", agent_id=agent_id)
    return visit.go("work")


def _agents(visit: Visit) -> dict[str, str]:
    """The names in flows/agents.yaml, by id."""
    data = visit.desk.flows.data("agents")
    agents = data.get("agents") if isinstance(data, dict) else None
    if not isinstance(agents, dict):
        return {}
    return {str(id): str((one or {}).get("name") or id) for id, one in agents.items()}


@page("/offers/<offer_id>/card", needs="calls.take")
@calling
def offer_card(visit: Visit, mine: Calling, offer_id: str) -> Response:
    """What an agent sees of an offer, a call or its wrap-up."""
    offer = mine.offer(offer_id)
    # The page may be quicker than what the router sends.
    pop: dict[str, Any] = offer["pop"] or build_on(visit.conn, mine.queues, offer_id).model_dump(mode="json")
    return visit.render(
        "parts/offer.html",
        offer=offer,
        pop=pop,
        guide=_guide(offer["guide"], pop.get("slots", {})),
        call=call_state.fold(events.of_contact(visit.conn, offer["contact"])),
        names=_agents(visit),
    )


@page("/phone/card", needs="calls.take")
@calling
def phone_card(visit: Visit, mine: Calling) -> Response:
    """A call of the telephone that is no offer. Raises `NotYours` where there is none."""
    found = mine.telephone()["call"]
    if found is None:
        raise NotYours(mine.agent_id)
    call = call_state.fold(events.of_contact(visit.conn, found["contact"]))
    return visit.render("parts/asked.html", ring=found, call=call, serves=call.serving == mine.agent_id,
                        names=_agents(visit))  # fmt: skip


def _guide(text: str, slots: dict[str, Any]) -> Markup:
    """A queue's guide (Markdown) with slots filled in, as in {account}; HTML in either stays text."""

    def fill(found: re.Match[str]) -> str:
        value = slots.get(found[1])
        return re.sub(r"([\\`*_{}\[\]<>()#+.!|-])", r"\\\1", str(value)) if value is not None else "…"

    return rendered(re.sub(r"\{([a-z][a-z0-9_]*)\}", fill, text))
