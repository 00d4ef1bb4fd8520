"""The editors' schemas accept what the loader accepts, and refuse what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ivr.actions import specs
from ivr.flow.registry import verbs
from ivr.flow.schema import company_schema, flow_schema, intents_schema
from ivr.flow.yaml_source import parse, read
from tests.flow import sample

ROOT = Path(__file__).parents[2]


def validator(schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


FLOW = validator(flow_schema(sample.ACTIONS))


@pytest.mark.parametrize("text", [sample.MAIN, sample.BILL, sample.HELPDESK])
def test_accepts_the_sample(text: str) -> None:
    FLOW.validate(parse(text).plain())


def test_accepts_the_demo() -> None:
    real = validator(flow_schema(specs()))
    flows = [file for file in (read(path).plain() for path in (ROOT / "flows").glob("*.yaml")) if "steps" in file]
    assert len(flows) > 5
    for flow in flows:
        real.validate(flow)
    validator(company_schema()).validate(read(ROOT / "flows" / "company.yaml").plain())
    validator(intents_schema()).validate(read(ROOT / "flows" / "intents.yaml").plain())


def test_a_verb_may_be_an_option_of_another() -> None:
    FLOW.validate(parse("steps: {a: {transfer: caller, say: Wait., exits: {busy: end, no_answer: end}}}").plain())


@pytest.mark.parametrize(
    "text",
    [
        "start: a",
        "steps: {}",
        "steps: {a: {}}",
        "steps: {A: {say: x}}",
        "steps: {end: {say: x}}",
        "steps: {a: {sya: x}}",
        "steps: {a: {say: x, nxt: b}}",
        "steps: {a: {say: {b: c}}}",
        "steps: {a: {menu: x}}",
        "steps: {a: {menu: x, choices: []}}",
        "steps: {a: {menu: x, choices: [{key: 1}]}}",
        "steps: {a: {ask: x, as: digit}}",
        "steps: {a: {action: find_bil}}",
        "steps: {a: {ask: x, as: digits, length: many}}",
        "steps: {a: {say: x, ask: y, as: digits}}",
    ],
)
def test_refuses(text: str) -> None:
    assert not FLOW.is_valid(parse(text).plain())


def test_company() -> None:
    company = validator(company_schema())
    company.validate(parse(sample.COMPANY).plain())
    assert not company.is_valid({"name": "x", "curency": "USD"})
    assert not company.is_valid({"currency": "USD"})


def test_every_verb_has_words_for_the_editor() -> None:
    step = flow_schema(sample.ACTIONS)["$defs"]["step"]
    assert step["properties"].keys() == verbs().keys()
    assert all(known["description"] for known in step["properties"].values())
