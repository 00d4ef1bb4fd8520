"""A customer's free attributes as a form's fields, and back. Fields are called `attribute.NAME`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from callcenter.attributes import AttributeProblem, Choice, Schema, Text
from callcenter.desk.visit import Visit


@dataclass(frozen=True, slots=True)
class Field:
    """`shown` is for reading, `value` for the form; `choices` where there are only so many."""

    name: str
    label: str
    type: str
    value: str
    shown: str
    choices: tuple[str, ...]
    longest: int


def fields_of(schema: Schema, values: Mapping[str, Any], visit: Visit) -> list[Field]:
    found = []
    for name, kind in schema.attributes.items():
        value = values.get(name)
        text = "" if value is None else str(value)
        shown = text
        if isinstance(value, bool):
            text, shown = ("yes", visit.t("yes")) if value else ("no", visit.t("no"))
        elif kind.type == "money" and isinstance(value, int):
            text = shown = f"{value / 100:.2f}"
        choices = kind.values if isinstance(kind, Choice) else ("yes", "no") if kind.type == "boolean" else ()
        longest = kind.max_length if isinstance(kind, Text) else 40
        label = kind.label or name.replace("_", " ").capitalize()
        found.append(Field(name, label, kind.type, text, shown, choices, longest))
    return found


def values_of(schema: Schema, before: Mapping[str, Any], visit: Visit) -> dict[str, Any]:
    """What a form changed, checked by the schema; `None` for what was emptied. Raises `AttributeProblem`."""
    changed: dict[str, Any] = {}
    for name, kind in schema.attributes.items():
        if not visit.has(f"attribute.{name}"):
            continue
        text = visit.form(f"attribute.{name}", 1000).strip()
        value: Any = text or None
        if text:
            try:
                value = _value(kind.type, text)
            except ValueError:
                raise AttributeProblem([f"{kind.label or name}: {text}?"]) from None
        if value != before.get(name):
            changed[name] = value
    return schema.validate_values(changed)


def _value(type: str, text: str) -> Any:
    match type:
        case "boolean":
            return text == "yes"
        case "integer":
            return int(text)
        case "number":
            return float(text)
        case "money":
            return round(float(text) * 100)
    return text
