"""Addresses at our SIP endpoint under which a carrier reaches one agent's own telephone, once.

The address is the permission: 128 random bits, for one call that is about to come. Who may call us at all is still the
endpoint's affair (SIP_ALLOW, SIP_USERS).
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import asdict, dataclass
from typing import Any

import redis

SECONDS = 120
"""Longer than any offer's lease or order's ringing."""
_NAME = re.compile(r"agent-[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Extension:
    """`device` as in agents.yaml: `desk` or `user:NAME`. `caller` is shown on it."""

    agent: str
    device: str
    caller: str = ""


class Extensions:
    """Blocks; raises `redis.RedisError`."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def give(self, extension: Extension) -> str:
        """The user part of an address that leads there."""
        name = f"agent-{secrets.token_hex(16)}"
        self._client.set(f"cw:extension:{name}", json.dumps(asdict(extension)), ex=SECONDS)
        return name

    def take(self, name: str) -> Extension | None:
        """Where an address leads; `None` the second time, and for one that was never given."""
        found: Any = self._client.getdel(f"cw:extension:{name}") if is_extension(name) else None
        return None if found is None else Extension(**json.loads(found))


def is_extension(called: str) -> bool:
    """Whether a call to this name is one for an agent's telephone, not for a flow."""
    return _NAME.fullmatch(called) is not None
