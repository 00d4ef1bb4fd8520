"""How a queue chooses among the agents that fit: one file per strategy, which registers itself."""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from callcenter.acd.model import Agent

Skills = tuple[tuple[str, int], ...]


class Strategy(ABC):
    """An order of agents. `key` sorts them, the best first; ties go by the agent's id."""

    name: ClassVar[str]
    all_at_once: ClassVar[bool] = False
    """Whether every agent who fits is asked at once, and the first wins."""
    last_first: ClassVar[bool] = False
    """Whether the agent who served the customer last is waited for."""

    def scope(self, queue: str, skills: Skills) -> Hashable:
        """What the order depends on besides the agents: orders of the same scope are computed once."""
        return ()

    @abstractmethod
    def key(self, agent: Agent, queue: str, skills: Skills) -> tuple[Any, ...]: ...


_STRATEGIES: dict[str, Strategy] = {}


def strategy(kind: type[Strategy]) -> type[Strategy]:
    """Register a strategy under its name."""
    _STRATEGIES[kind.name] = kind()
    return kind


@cache
def strategies() -> Mapping[str, Strategy]:
    """Every strategy by its name."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return _STRATEGIES
