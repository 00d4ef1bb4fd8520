"""Whatever stands in the files: problems with places, and never an exception."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr.flow.check import check
from ivr.flow.load import read_folders
from tests.flow import sample

TOKENS = (
    "steps", "say", "menu", "ask", "as", "action", "call", "branch", "set", "next", "exits", "go", "key", "choices",
    "{", "}", "[", "]", ": ", "- ", "\n", "  ", "'", '"', "|", ">", "&a", "*a", "!!python/object", "\t", "\x00",
    "\ud83d\ude00",
    "1", "-1", "1e999", "null", "true", "person", "back", "return", "return x", "end", "main.welcome", "{account",
    "filled(bill.balance)", "card", "bill", "pay", "0" * 300, "999999999999999999999",
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(sample.FILES)),
    edits=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 12), st.sampled_from(TOKENS)), min_size=1, max_size=4
    ),
)  # fmt: skip
def test_mutated_files(tmp_path: Path, name: str, edits: list[tuple[float, int, str]]) -> None:
    text = sample.FILES[name]
    for where, removed, put in edits:
        at = int(where * len(text))
        text = text[:at] + put.encode("utf-16", "surrogatepass").decode("utf-16") + text[at + removed :]
    sample.write(tmp_path, {name: text})
    flows, problems = read_folders(tmp_path / "flows", tmp_path / "prompts", sample.ACTIONS)
    for problem in (*problems, *check(flows)):
        assert problem.mark.line >= 1
        assert problem.mark.column >= 1
        assert problem.what
        assert problem.fix


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_shuffled_words(tmp_path: Path, seed: int) -> None:
    """Flows whose words stand in each other's places: right in shape, wrong in sense."""
    chance = random.Random(seed)
    words = ["account", "find", "owes", "card", "charge", "digits", "bill", "choose", "end", "person", "find_bill"]
    text = sample.BILL
    for _ in range(4):
        old, new = chance.sample(words, 2)
        text = text.replace(old, new, chance.randint(1, 4))
    sample.flow_set(tmp_path, {"flows/bill.yaml": text})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a: &x [1]\nb: *x", "anchors"),
        ("[" * 60, "levels deep"),
        ("steps: !!python/object/apply:os.system [id]", "tag"),
        ("steps: []", "no steps"),
        ("steps: {a: [1, 2]}", "empty"),
        ("steps: {a: {say: {b: c}}}", "'say'"),
        ("steps: {a: {menu: x, choices: 5}}", "choices"),
        ("steps: {a: {say: x, ask: y}}", "one step does one thing"),
        ("steps: {a: {say: x\n", "not valid YAML"),
        ("steps: {a: {say: x}}\n---\nb: 1", "second document"),
        ("steps: {a: {say: x}, a: {say: y}}", "stands twice"),
        ("steps: {A: {say: x}}", "can't be named"),
        ("- 1\n- 2\n", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_clear_words(tmp_path: Path, content: str, words: str) -> None:
    _, problems = sample.flow_set(tmp_path, {"flows/bill.yaml": content})
    assert any(words in str(problem) for problem in problems), problems


def test_huge_binary_and_unreadable_files(tmp_path: Path) -> None:
    sample.write(tmp_path)
    (tmp_path / "flows" / "huge.yaml").write_bytes(b"a: 1\n" * 2_000_000)
    (tmp_path / "flows" / "binary.yaml").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "flows" / "folder.yaml").mkdir()
    _, problems = read_folders(tmp_path / "flows", tmp_path / "prompts", sample.ACTIONS)
    shown = "\n".join(map(str, problems))
    assert "larger than 1000 kB" in shown
    assert "not UTF-8" in shown
    assert "folder.yaml" in shown
