"""A session: the run of a flow inside a contact. Immutable; `step` makes the next one.

Stored as JSON between any two Inputs, so a call survives the process that served it. Secrets are handed to `seal`
on the way out and to `unseal` on the way in; one that can't be unsealed any more is simply no longer filled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ivr.flow.secret import Secret, masked

Place = tuple[str, str]
"""A step: the flow's name and the step's name."""

VOICE = frozenset({"voice", "keys", "record", "transfer", "secret"})
"""What a telephone call can do."""
SPEECH = VOICE | {"words", "spoken_secrets"}
"""What a telephone call can do where speech is recognised whatever the language, secrets by ourselves."""
TEXT = frozenset({"text", "words"})
"""What a thread of messages can do."""
ASSISTED = frozenset({"voice", "keys", "secret", "assisted"})
"""What a step can do that an agent has begun, who stays on the line: the customer has keys alone. It is a session of
its own within the contact: its end is not the contact's, and nothing in it leads to a person, who is there already."""
QUEUE = frozenset({"queue"})
"""What any of them can do besides, where there are queues."""


def speech(languages: Iterable[str]) -> frozenset[str]:
    """What a telephone call can do where speech is recognised in these languages."""
    return VOICE | {"spoken_secrets"} | {f"words.{language}" for language in languages}


@dataclass(frozen=True, slots=True)
class Session:
    """`stack` is where the call stands, innermost flow last; `trail` is where # goes back to; `waiting` is what the
    current step waits for, `None` if nothing; `seq` counts the Inputs taken;
    `attestation` is how far the network vouches for the caller's number (`callcenter.attestation`);
    `answered` are slots that the customer has filled lately, in earlier conversations; `announced` are the
    announcements that were made to it."""

    id: str
    contact_id: str
    channel: str
    capabilities: frozenset[str]
    flow_hash: str
    language: str
    caller: str = ""
    called: str = ""
    attestation: str = ""
    seq: int = 0
    stack: tuple[Place, ...] = ()
    slots: Mapping[str, Any] = field(default_factory=dict)
    waiting: Mapping[str, Any] | None = None
    tries: Mapping[str, int] = field(default_factory=dict)
    trail: tuple[tuple[Place, ...], ...] = ()
    calls: int = 0
    answered: tuple[str, ...] = ()
    announced: tuple[str, ...] = ()
    ended: bool = False
    outcome: str = ""

    def to_json(self, seal: Callable[[str], str]) -> dict[str, Any]:
        """JSON types only."""
        data: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        data["capabilities"] = sorted(self.capabilities)
        data["slots"] = _seal(self.slots, seal)
        data["waiting"] = _seal(self.waiting, seal)
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any], unseal: Callable[[str], str | None]) -> Session:
        """The opposite of `to_json`. `unseal` gives `None` for what it can't open."""
        fields = dict(data)
        fields["capabilities"] = frozenset(data["capabilities"])
        fields["stack"] = _places(data["stack"])
        fields["trail"] = tuple(_places(stack) for stack in data["trail"])
        fields["answered"] = tuple(data.get("answered", ()))
        fields["announced"] = tuple(data.get("announced", ()))
        fields["slots"] = _unseal(data["slots"], unseal)
        fields["waiting"] = _unseal(data["waiting"], unseal)
        return cls(**fields)

    def snapshot(self) -> dict[str, Any]:
        """The slots as anybody may see them: secrets are dots."""
        shown: dict[str, Any] = masked(dict(self.slots))
        return shown


def _places(stack: Any) -> tuple[Place, ...]:
    return tuple((flow, step) for flow, step in stack)


def _seal(value: Any, seal: Callable[[str], str]) -> Any:
    if isinstance(value, Secret):
        return {"$secret": seal(value.reveal())}
    if isinstance(value, Mapping):
        return {key: _seal(item, seal) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_seal(item, seal) for item in value]
    return value


def _unseal(value: Any, unseal: Callable[[str], str | None]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"$secret"}:
            opened = unseal(value["$secret"])
            return None if opened is None else Secret(opened)
        return {key: _unseal(item, unseal) for key, item in value.items()}
    if isinstance(value, list):
        return [_unseal(item, unseal) for item in value]
    return value
