"""JSON Schemas (draft 2020-12) of the admin's files, made from the models, so that editors complete and check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from ivr.flow.intents import IntentsFile
from ivr.flow.model import NAME, Company, StepModel
from ivr.flow.registry import answers, verbs
from ivr.flow.shape import fields
from ivr.flow.spec import ActionSpec

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NAME: Final = "^" + NAME.pattern.removesuffix("\\Z") + "$"


def flow_schema(actions: Mapping[str, ActionSpec]) -> dict[str, Any]:
    """The schema of a flow's file. `actions` are offered by name, with what they are for."""
    known = verbs()
    refs, definitions = models_json_schema([(model, "validation") for model in known.values()], by_alias=True)
    defs: dict[str, Any] = definitions["$defs"]
    by_verb = {model.verb: ref["$ref"] for (model, _), ref in refs.items() if issubclass(model, StepModel)}
    for verb, ref in by_verb.items():
        _complete(verb, defs[ref.rpartition("/")[2]], actions)
    defs["step"] = {
        "type": "object",
        "description": "One step: one verb, its options, and where its exits lead.",
        "minProperties": 1,
        "properties": {verb: {"description": _summary(model)} for verb, model in sorted(known.items())},
        "anyOf": [{"required": [verb]} for verb in sorted(known)],
        "allOf": [{"if": _is(verb), "then": {"$ref": ref}} for verb, ref in sorted(by_verb.items())],
    }
    return {
        "$schema": DIALECT,
        "title": "Callwright flow",
        "type": "object",
        "required": ["steps"],
        "additionalProperties": False,
        "properties": {
            "start": {"type": "string", "description": "the first step; by default the first that is written"},
            "note": {"type": "string", "description": "a remark for whoever reads this file"},
            "steps": {
                "type": "object",
                "description": "the steps by name",
                "minProperties": 1,
                "propertyNames": {"pattern": _NAME, "not": {"enum": ["end", "person", "back", "return"]}},
                "additionalProperties": {"$ref": "#/$defs/step"},
            },
        },
        "$defs": defs,
    }


def company_schema() -> dict[str, Any]:
    """The schema of company.yaml."""
    return {"$schema": DIALECT, **Company.model_json_schema(by_alias=True), "title": "Callwright company"}


def intents_schema() -> dict[str, Any]:
    """The schema of intents.yaml."""
    schema = {"$schema": DIALECT, **IntentsFile.model_json_schema(by_alias=True), "title": "Callwright intents"}
    # A slot may be its type alone: `amount: money`.
    slots = schema["$defs"]["Intent"]["properties"]["slots"]
    for name, spec in slots["patternProperties"].items():
        slots["patternProperties"][name] = {"anyOf": [{"enum": sorted(answers())}, spec]}
    return schema


def _is(verb: str) -> dict[str, Any]:
    """The condition under which a step is of this verb: its key is there, and not as the option of another verb."""
    others = [
        {"required": [other]} for other, model in sorted(verbs().items()) if other != verb and verb in fields(model)
    ]
    return {"required": [verb], "not": {"anyOf": others}} if others else {"required": [verb]}


def _complete(verb: str, schema: dict[str, Any], actions: Mapping[str, ActionSpec]) -> None:
    """Put in the names that only the program knows."""
    properties = schema["properties"]
    if verb == "action" and actions:
        listed = "; ".join(f"{name}: {_first(spec.summary)}" for name, spec in sorted(actions.items()))
        properties["action"] |= {"enum": sorted(actions), "description": f"the action's name. {listed}"}
    if verb == "ask":
        properties["as"] |= {"enum": sorted(answers())}


def _summary(model: type[StepModel]) -> str:
    return _first(model.__doc__ or "")


def _first(text: str) -> str:
    return " ".join(text.split("\n\n")[0].split())
