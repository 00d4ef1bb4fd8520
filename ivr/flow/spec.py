"""What a flow must know of an action to use it: its name, arguments and exits. `ivr.actions` makes these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Argument:
    required: bool = True
    secret: bool = False


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """`exits` besides the implied `failed`; `returns` names what it gives back, with the kind of each value;
    `budget` in seconds; `changes_world` tells that going back behind it makes no sense (a payment); `says` are the
    prompts that it writes to customers of its own accord, where the catalogue has them."""

    name: str
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    exits: tuple[str, ...] = ("done",)
    returns: Mapping[str, str] = field(default_factory=dict)
    budget: float = 10.0
    changes_world: bool = False
    summary: str = ""
    says: tuple[str, ...] = ()
