"""docs/queues.md tells every setting, and the default that it has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from callcenter.acd.config import Queue, QueuesFile
from callcenter.acd.fields import Model, duration
from callcenter.acd.people import Agent, AgentsFile, Penalties

DOC = (Path(__file__).parents[2] / "docs" / "queues.md").read_text()
ROWS = {
    name: (default.strip("`"), meaning)
    for name, default, meaning in re.findall(r"^\| `([\w.]+)` \| (\S+) \| (.+) \|$", DOC, re.MULTILINE)
}
SAID_BY_A_PROMPT = {"whisper": "system.queue_whisper"}
"""What is played where the file names nothing."""


def settings(model: type[Model], prefix: str = "") -> Iterator[tuple[str, Any, type[Model] | None]]:
    """Each setting by its path in the file, with its default and, where it is a list of parts or may be left out, what
    such a part is made of."""
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, Model):
            yield from settings(type(default), f"{prefix}{name}.")
        else:
            parts = [part for part in get_args(field.annotation) if isinstance(part, type) and issubclass(part, Model)]
            yield f"{prefix}{name}", default, parts[0] if parts else None


@pytest.mark.parametrize(("name", "default", "part"), list(settings(Queue)))
def test_a_setting_and_its_default_are_told(name: str, default: Any, part: type[Model] | None) -> None:
    told, meaning = ROWS[name]
    if name in SAID_BY_A_PROMPT:
        assert told == SAID_BY_A_PROMPT[name]
    elif default in (None, "", [], {}):
        assert told == "none"
    else:
        assert (duration(told) if re.fullmatch(r"\d+[smh]", told) else yaml.safe_load(told)) == default
    if part is not None:
        assert [
            field for field in part.model_fields if f"`{field}`" not in meaning and f"{field}:" not in meaning
        ] == []


def test_nothing_is_told_that_is_not_there() -> None:
    assert ROWS.keys() == {name for name, _, _ in settings(Queue)}


@pytest.mark.parametrize("model", [AgentsFile, Agent, Penalties])
def test_what_agents_have_is_told(model: type[Model]) -> None:
    section = DOC.partition("## agents.yaml")[2].partition("\n## ")[0]
    assert [name for name in model.model_fields if not re.search(rf"\b{name}\b", section)] == []


def test_the_examples_can_be_read() -> None:
    queues, agents = re.findall(r"^```yaml\n((?:queues|reasons):.*?)^```", DOC, re.MULTILINE | re.DOTALL)
    assert list(QueuesFile.model_validate(yaml.safe_load(queues)).queues) == ["billing"]
    assert list(AgentsFile.model_validate(yaml.safe_load(agents)).agents) == ["ana"]
