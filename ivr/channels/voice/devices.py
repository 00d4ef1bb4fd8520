"""What to dial for an agent: the device of agents.yaml, or the one that they signed in with."""

from __future__ import annotations

import os

import redis

from callcenter.acd.config import Config
from callcenter.acd.people import PhoneAccount
from callcenter.queues.store import Queues
from callcenter.softphones import Softphones
from ivr.channels.sip.registrar import LOCAL, Account


class Devices:
    """`sip:USER@local` is a telephone that is registered with us; `desk` is the browser's, where a page is open."""

    def __init__(self, queues: Queues, client: redis.Redis) -> None:
        self._queues = queues
        self._softphones = Softphones(client)

    def address(self, agent_id: str, device: str) -> str:
        """What to dial for this device, "" where it isn't there. Blocks; raises `redis.RedisError`."""
        if device == "desk":
            return self._softphones.address(agent_id) or ""
        if device.startswith("user:"):
            return f"sip:{device.removeprefix('user:')}@{LOCAL}"
        return device

    def of(self, agent_id: str) -> str:
        """What to dial for an agent, "" where nobody of that name has signed in."""
        agent = self._queues.agent(agent_id)
        return "" if agent is None else self.address(agent_id, agent.device)


def account(config: Config, user: str) -> Account | None:
    """The account of an agent's telephone, by its user name."""
    for agent in config.agents.values():
        phone = agent.phone
        if isinstance(phone, PhoneAccount) and phone.user == user:
            if phone.password_env is not None:
                password = os.environ.get(phone.password_env, "")
                return Account(user, password) if password else None
            digest = (phone.password_hash or "").lower()
            return Account(user, hashes={"MD5" if len(digest) == 32 else "SHA-256": digest})
    return None
