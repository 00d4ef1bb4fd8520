"""Agents' telephones in the browser: how the web process talks to the gateway that holds them, over Redis.

    cw:softphone:<agent>      the SIP URI that rings the agent's browser, kept while its page is connected
    cw:softphone:state:<agent>  which page has the telephone, and its call, as JSON; kept as long
    cw:softphone:asked:<agent>  the contact for whose sake a colleague calls the agent, as JSON
    cw:softphone:gateway      the list that the gateway takes commands from
    cw:softphone:reply:<id>   the list that an answer comes on

The gateway is `ivr/channels/webrtc`: a browser speaks WebRTC to it, and it speaks SIP to our own engine, so that for
queues and bridges an agent's browser is a telephone like any other.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import redis

ADDRESS = "cw:softphone:"
STATE = "cw:softphone:state:"
ASKED = "cw:softphone:asked:"
COMMANDS = "cw:softphone:gateway"
REPLY = "cw:softphone:reply:"
ADDRESS_SECONDS = 15
ASKED_SECONDS = 6 * 3600
REPLY_SECONDS = 10
"""Gathering candidates and making keys takes well under a second; a page waits no longer than this."""


class NoGateway(Exception):
    """No gateway answers: `callwright phone` isn't running, or is too busy."""


class Elsewhere(Exception):
    """Another page of the same agent has the telephone."""


class Softphones:
    """The web process's side. Thread-safe; raises redis-py's errors."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def address(self, agent_id: str) -> str | None:
        """The SIP URI that rings the agent's browser; `None` while no page is connected."""
        found: Any = self._redis.get(ADDRESS + agent_id)
        return None if found is None else found.decode() if isinstance(found, bytes) else str(found)

    def state(self, agent_id: str) -> dict[str, Any]:
        """`page`, the one that has the agent's telephone ("" for none), and `call`: None, or its `id`, `caller` and
        whether it is `up`."""
        found: Any = self._redis.get(STATE + agent_id)
        return {"page": "", "call": None} if found is None else dict(json.loads(found))

    def ask_for(self, agent_id: str, contact_id: str, by: str, verb: str) -> None:
        """Note for whose sake an agent is about to be called."""
        told = json.dumps({"contact": contact_id, "by": by, "verb": verb})
        self._redis.set(ASKED + agent_id, told, ex=ASKED_SECONDS)

    def asked_for(self, agent_id: str) -> dict[str, str]:
        """What was noted last: `contact`, `by`, `verb`; {} where nothing was."""
        found: Any = self._redis.get(ASKED + agent_id)
        return {} if found is None else dict(json.loads(found))

    def connect(self, agent_id: str, page: str, sdp: str, *, take: bool = True) -> str:
        """The gateway's answer to a page's offer (SDP, RFC 8866). A later page takes the telephone over; a call that
        is up goes on there. Without `take` it is left to the page that has it. Raises `NoGateway`, `Elsewhere`, and
        ValueError for an offer that can't be answered."""
        reply = self._ask({"do": "connect", "agent": agent_id, "page": page, "sdp": sdp, "take": take})
        if reply.get("elsewhere"):
            raise Elsewhere(agent_id)
        if "sdp" not in reply:
            raise ValueError(reply.get("error", "the offer can't be answered"))
        return str(reply["sdp"])

    def answer(self, agent_id: str) -> bool:
        """Take the call that rings. False where none does any more."""
        return bool(self._ask({"do": "answer", "agent": agent_id}).get("done"))

    def hang_up(self, agent_id: str) -> bool:
        """End the agent's part of a call, or refuse the one that rings. False where there is none."""
        return bool(self._ask({"do": "hang_up", "agent": agent_id}).get("done"))

    def disconnect(self, agent_id: str, page: str) -> bool:
        """The page says goodbye. A call that is up waits for another page for a while."""
        return bool(self._ask({"do": "disconnect", "agent": agent_id, "page": page}).get("done"))

    def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        reply = REPLY + uuid.uuid4().hex
        with self._redis.pipeline() as pipe:
            pipe.lpush(COMMANDS, json.dumps({**command, "reply": reply}))
            pipe.expire(COMMANDS, REPLY_SECONDS)
            pipe.execute()
        deadline = time.monotonic() + REPLY_SECONDS
        while time.monotonic() < deadline:
            found: Any = self._redis.blpop([reply], timeout=1)  # shorter than any client's own timeout
            if found is not None:
                told: dict[str, Any] = json.loads(found[1])
                return told
        raise NoGateway("the telephone gateway doesn't answer: is `callwright phone` running?")
