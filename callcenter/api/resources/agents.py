"""Agents: presence, which they choose, and state, which the system knows; the screen pops of their offers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from callcenter.api.models import In, Out
from callcenter.api.operations import Call, operation
from callcenter.api.problems import Mistake, Problem
from callcenter.api.resources.queues import live
from callcenter.queues import popping, screenpop
from callcenter.queues.base import NoSuchOffer
from callcenter.queues.screenpop import ScreenPop

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]


class AgentOut(Out):
    id: str
    name: str
    presence: Literal["available", "unavailable", "offline"]
    reason: str
    state: Literal["offline", "unavailable", "idle", "ringing", "busy", "wrap_up"]
    queues: list[str]
    skills: dict[str, int]
    load: dict[str, int] = Field(description="contacts by medium, those in wrap-up included")


class AgentList(Out):
    items: list[AgentOut]


class PresenceIn(In):
    presence: Literal["available", "unavailable", "offline"]
    reason: Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]*)?$", max_length=40)] = Field(
        "", description="one of agents.yaml's, with unavailable"
    )
    device: Annotated[str, Field(pattern=r"^[!-~]*$", max_length=200)] = Field(
        "", description="where it rings: desk, a SIP address, a number; by default as in agents.yaml"
    )


class SchemaOut(Out):
    """A JSON Schema."""

    document: dict[str, Any] = Field(description="the schema itself, draft 2020-12")


def _agent(call: Call[Any, Any], id: str) -> AgentOut:
    queues = live(call)
    configured = queues.config.agents.get(id)
    if configured is None:
        raise Problem(404, "there is no such agent")
    presence, reason, _ = queues.presence_of(id)
    agent = queues.agent(id)
    return AgentOut(
        id=id,
        name=configured.name or id,
        presence=presence,
        reason=reason,
        state=agent.state if agent else "offline",
        queues=list(configured.queues),
        skills=dict(configured.skills),
        load=dict(agent.load) if agent else {},
    )


@operation("GET", "/agents", scope="agents:read", answer=AgentList, problems=(503,))
def list_agents(call: Call[None, None]) -> AgentList:
    """All agents of agents.yaml"""
    return AgentList(items=[_agent(call, id) for id in live(call).config.agents])


@operation("GET", "/agents/{agent_id}", scope="agents:read", answer=AgentOut, problems=(404, 503))
def get_agent(call: Call[None, None]) -> AgentOut:
    """One agent"""
    return _agent(call, call.path["agent_id"])


@operation(
    "PUT", "/agents/{agent_id}/presence", scope="agents:write", body=PresenceIn, answer=AgentOut, problems=(404, 503)
)
def set_presence(call: Call[PresenceIn, None]) -> AgentOut:
    """Sign an agent in or out, or change the presence"""
    id, queues = call.path["agent_id"], live(call)
    before = _agent(call, id)
    wanted = call.body
    if wanted.presence == "unavailable" and wanted.reason not in ("", *queues.config.people.reasons):
        reasons = ", ".join(queues.config.people.reasons)
        raise Problem(422, "there is no such reason", errors=[Mistake(pointer="/reason", detail=f"one of {reasons}")])
    comes = before.presence == "offline" and wanted.presence != "offline"
    if comes or (wanted.presence == "available" and wanted.device):
        queues.sign_in(id, device=wanted.device)
    queues.set_presence(id, wanted.presence, wanted.reason)
    return _agent(call, id)


@operation("GET", "/offers/{offer_id}/screen_pop", scope="agents:read", answer=ScreenPop, problems=(404, 503))
def get_screen_pop(call: Call[None, None]) -> ScreenPop:
    """What the agent of an offer sees of the contact"""
    queues, offer_id = live(call), call.path["offer_id"]
    sent = popping.kept(queues, offer_id)
    if sent is not None:
        return ScreenPop.model_validate(sent)
    try:
        return popping.build_on(call.conn, queues, offer_id)
    except NoSuchOffer:
        raise Problem(404, "there is no such offer") from None


@operation("GET", "/schemas/screen_pop", scope="agents:read", answer=SchemaOut)
def get_screen_pop_schema(call: Call[None, None]) -> SchemaOut:
    """The screen pop's JSON Schema"""
    return SchemaOut(document=screenpop.schema())
