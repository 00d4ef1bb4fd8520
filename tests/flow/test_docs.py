"""Every example in the documentation is read, checked and, where it is a call, run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ivr.actions import specs
from ivr.flow.check import check
from ivr.flow.load import read_folders
from ivr.flow.registry import answers, verbs
from ivr.rehearsal.reading import read_script
from ivr.rehearsal.run import rehearse
from ivr.rehearsal.sandbox import Sandbox
from tests.flow import sample

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "flow-language.md").read_text()
CALLS = (ROOT / "docs" / "scripted-calls.md").read_text()


def blocks(text: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_there_are_examples() -> None:
    assert len(blocks(REFERENCE)) > 12
    assert len(blocks(CALLS)) == 2


@pytest.mark.parametrize("block", blocks(REFERENCE), ids=lambda block: block.split(":")[0])
def test_example(tmp_path: Path, block: str) -> None:
    """Whole flows and company.yaml as they stand; steps in a flow, with steps made up for targets outside."""
    content = yaml.safe_load(block)
    files = {"flows/company.yaml": sample.COMPANY, "flows/bill.yaml": None}
    if "timezone" in content:
        named = {content["start"], content["person"], *content["channels"].values()}
        files["flows/company.yaml"] = block
        files |= {f"flows/{name}.yaml": "steps: {a: {hang_up: Goodbye.}}" for name in named}
        files["flows/helpdesk.yaml"] = None
    elif "steps" in content:
        files["flows/main.yaml"] = block
    else:
        made_up = {"test_line", "full", "part", "closed", "open", "choose"} | (
            {"spanish"} if "evening" in content else set()
        )
        used = {name for name in made_up if re.search(rf"(go|next|else|\w+): {name}\b", block)}
        steps = block + "".join(f"{name}: {{hang_up: Goodbye.}}\n" for name in sorted(used - content.keys()))
        files["flows/main.yaml"] = "steps:\n" + re.sub(r"^(?=.)", "  ", steps, flags=re.MULTILINE)
        files["flows/opening_hours.yaml"] = "steps: {a: {say: We are open., next: return}}"
    if re.search(r"^  (queue|callback): general$", block, re.MULTILINE):
        files["flows/queues.yaml"] = "queues: {general: {}}\n"
        files["flows/agents.yaml"] = "agents: {ana: {queues: [general]}}\n"
    sample.write(tmp_path, files)
    flows, problems = read_folders(tmp_path / "flows", tmp_path / "prompts", specs())
    errors = [str(problem) for problem in (*problems, *check(flows)) if not problem.warning]
    assert errors == []


@pytest.mark.parametrize("name", sorted(verbs()))
def test_every_option_is_told(name: str) -> None:
    section = re.search(rf"^### {name}\n(.*?)(?=^##)", REFERENCE, re.MULTILINE | re.DOTALL)
    assert section, f"no section on {name}"
    common = {"next", "exits", "note"}
    for field, known in verbs()[name].model_fields.items():
        if field not in common:
            assert re.search(rf"\b{known.alias or field}\b", section[1]), f"{name}: nothing on {field}"


def test_every_answer_type_is_told() -> None:
    for name in answers():
        assert re.search(rf"^\|.*\b{name}\b", REFERENCE, re.MULTILINE), name


@pytest.mark.parametrize("index", range(2))
def test_scripted_call(tmp_path: Path, index: int) -> None:
    """On the demo's flows, as the docs say."""
    path = tmp_path / "example.yaml"
    path.write_text(blocks(CALLS)[index])
    flows, problems = read_folders(ROOT / "flows", ROOT / "prompts", specs())
    assert not [problem for problem in problems if not problem.warning]
    script = read_script(path, flows)
    with Sandbox() as sandbox:
        for channel in script.call.channels:
            outcome = rehearse(script, channel, sandbox.fresh(script.flows, script.begin))
            assert outcome.passed, [str(problem) for problem in outcome.problems]
