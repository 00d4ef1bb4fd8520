"""How a verb registers itself."""

from __future__ import annotations

from ivr.flow.model import StepModel

VERBS: dict[str, type[StepModel]] = {}


def verb(step: type[StepModel]) -> type[StepModel]:
    """Register a verb's class under its `verb` name."""
    VERBS[step.verb] = step
    return step


__all__ = ["VERBS", "StepModel", "verb"]
