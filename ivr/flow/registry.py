"""One file, one verb or answer type: modules of a package register what they define by a decorator."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from ivr.flow.answer import ANSWERS, AnswerType
from ivr.flow.verb import VERBS, StepModel


@cache
def verbs() -> Mapping[str, type[StepModel]]:
    """Every verb by its name, from the modules in `ivr/flow/verbs/`."""
    import_all("ivr.flow.verbs")
    return VERBS


@cache
def answers() -> Mapping[str, AnswerType]:
    """Every answer type by its name, from the modules in `ivr/flow/answers/`."""
    import_all("ivr.flow.answers")
    return ANSWERS


@cache
def import_all(package: str) -> None:
    """Import every module of a package, so that what they define registers itself."""
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        importlib.import_module(f"{package}.{module.name}")
