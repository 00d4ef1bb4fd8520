"""What a model found wrong in an admin's file, in words for whoever wrote the file."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from ivr.flow.problems import nearest

REFERENCE = "see the reference for what may stand here"
EXPECTED = {
    "model_type": ("names and values are expected here", "write them as `name: value`, each on its line below"),
    "model_attributes_type": (
        "names and values are expected here",
        "write them as `name: value`, each on its line below",
    ),
    "dict_type": ("names and values are expected here", "write them as `name: value`, each on its line below"),
    "list_type": ("a list is expected here", "write it as [one, two], or each on its line after `- `"),
    "tuple_type": ("a list is expected here", "write it as [one, two], or each on its line after `- `"),
    "string_type": ("a text is expected here", 'put numbers, dates and words like yes in quotes: "1"'),
    "bool_type": ("yes or no is expected here", "write true or false"),
    "bool_parsing": ("yes or no is expected here", "write true or false"),
    "int_type": ("a whole number is expected here", "write it in digits, without quotes"),
    "int_parsing": ("a whole number is expected here", "write it in digits, without quotes"),
    "float_type": ("a number is expected here", "write it in digits, without quotes"),
    "float_parsing": ("a number is expected here", "write it in digits, without quotes"),
}
"""Pydantic's kinds of mistakes that its own words don't make clear to others than programmers: what and fix."""

PATTERNS = {
    r"^[A-Z]{2}$": "write the two capital letters of a country: US",
    r"^[A-Z]{2}(-[A-Z]{2})?$": "write the letters of a country, or of a state or province: DE, US-CA",
    r"^[A-Z]{3}$": "write the three capital letters of a currency: USD",
    r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$": "write it as 21:00-08:00",
}
"""What to write where a text has to fit one of these."""


def fields(model: type[BaseModel]) -> tuple[str, ...]:
    """A model's keys as they are written in YAML."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


def told(model: type[BaseModel], detail: Mapping[str, Any]) -> tuple[str, str, str]:
    """(what is wrong, what to do, the problem's code) of one of the errors of a pydantic `ValidationError`."""
    path = tuple(detail["loc"])
    # Whoever writes `friday: [8am-2pm]` knows the place as friday, not as its first entry.
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    kind, said = detail["type"], detail["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        known = {key for found in _models(model, path[:-1]) for key in fields(found)}
        fix = nearest(str(path[-1]), known) if known else "remove it, or check its spelling in the reference"
        return f"'{path[-1]}' is not known here", fix, "unknown_key"
    if kind == "missing":
        return f"'{name}' is missing", f"add `{name}:`", "missing_key"
    what, fix = EXPECTED.get(kind, (said, REFERENCE))
    if kind == "string_pattern_mismatch":
        what, fix = "it can't be that", PATTERNS.get(detail["ctx"]["pattern"], REFERENCE)
    if kind == "value_error":
        what, _, fix = said.partition("; ")
        if what.startswith("write "):
            return f"'{name}' can't be read" if name else "this can't be read", said, "invalid"
        fix = fix or REFERENCE
    return f"'{name}': {what}" if name else what, fix, "invalid"


def _models(model: type[BaseModel], path: tuple[str | int, ...]) -> Iterator[type[BaseModel]]:
    """The models that may stand at a place; none where it can't be told."""
    kinds: list[Any] = [model]
    for part in path:
        kinds = [inner for kind in _plain(kinds) for inner in _within(kind, part)]
    yield from (kind for kind in _plain(kinds) if isinstance(kind, type) and issubclass(kind, BaseModel))


def _plain(kinds: list[Any]) -> Iterator[Any]:
    """Without `Annotated` around them, and unions as their members."""
    for kind in kinds:
        if get_origin(kind) is Annotated:
            yield from _plain([get_args(kind)[0]])
        elif get_origin(kind) in (Union, types.UnionType):
            yield from _plain(list(get_args(kind)))
        else:
            yield kind


def _within(kind: Any, part: str | int) -> Iterator[Any]:
    """What may stand under a key or at an index; `kind` itself for a name that pydantic gave one of several models."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = next((field for name, field in kind.model_fields.items() if (field.alias or name) == part), None)
        if field is not None:
            yield field.annotation
        elif part == kind.__name__:
            yield kind
    elif get_args(kind):
        yield get_args(kind)[-1 if isinstance(part, str) else 0]
