"""Reading an admin's folders into a `FlowSet`, every mistake of shape at its place.

Shape only: whether names lead anywhere and callers are well served is `ivr.flow.check`'s to say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ivr.flow.knowledge.articles import files as article_files
from ivr.flow.knowledge.articles import read_articles
from ivr.flow.model import NAME, Company, Flow, FlowSet, StepModel
from ivr.flow.problems import FlowError, Mark, Problem, nearest
from ivr.flow.registry import verbs
from ivr.flow.shape import fields, told
from ivr.flow.spec import ActionSpec
from ivr.flow.yaml_source import MAX_BYTES, Node, read
from ivr.prompts.catalogue import Catalogue

M = TypeVar("M", bound=BaseModel)
FLOW_KEYS = ("start", "steps", "note")


def load(flows: Path, prompts: Path, actions: Mapping[str, ActionSpec]) -> FlowSet:
    """The files, ready to answer calls. Raises `FlowError` with every mistake of shape and every error of the check."""
    from ivr.flow.check import check

    loaded, problems = read_folders(flows, prompts, actions)
    errors = [problem for problem in (*problems, *([] if problems else check(loaded))) if not problem.warning]
    if errors:
        raise FlowError(errors)
    return loaded


def read_folders(flows: Path, prompts: Path, actions: Mapping[str, ActionSpec]) -> tuple[FlowSet, list[Problem]]:
    """All that can be read, and every mistake of shape. Never raises for what is in the files."""
    problems: list[Problem] = []
    catalogue = Catalogue.read(prompts)
    problems += catalogue.problems
    company = Company(name="")
    found: dict[str, Flow] = {}
    files: dict[str, Any] = {}
    nodes: dict[str, Node] = {}
    paths = sorted(path for path in flows.glob("*.y*ml") if path.suffix in (".yaml", ".yml"))
    if not paths:
        fix = "name the folder that holds main.yaml and company.yaml"
        problems.append(Problem(Mark(str(flows)), "no flow files are here", fix, "no_flows"))
    for path in paths:
        try:
            node = read(path)
            nodes[path.stem] = node
            if path.stem == "company":
                company = validated(Company, node)
            elif isinstance(node.value, dict) and ("steps" in node.value or "start" in node.value):
                found[path.stem] = _flow(path, node, problems)
            else:
                files[path.stem] = node.plain()
        except FlowError as error:
            problems += error.problems
    if not any(path.stem == "company" for path in paths) and paths:
        fix = "add company.yaml with at least `name:`"
        problems.append(
            Problem(Mark(str(flows / "company.yaml")), "the company's settings are missing", fix, "no_company")
        )
    texts = {
        language: {id: catalogue.text(language, id) or "" for id in catalogue.ids(language)}
        for language in catalogue.languages
    }
    marks = {}
    for language in catalogue.languages:
        for id in catalogue.ids(language):
            where = catalogue.where(language, id)
            if where is not None:
                marks[language, id] = Mark(str(where.file), where.line, where.column)
    articles, mistakes = read_articles(flows)
    problems += mistakes
    digest = hashlib.sha256(catalogue.digest.encode())
    for path in (*paths, *article_files(flows)):
        digest.update(path.relative_to(flows).as_posix().encode() + b"\0" + _content(path))
    loaded = FlowSet(company, found, texts, marks, actions, files, nodes, digest.hexdigest()[:16], articles)
    return loaded, problems


def _content(path: Path) -> bytes:
    """A file's bytes for the hash; none for one that was refused while it was read."""
    try:
        return path.read_bytes() if path.stat().st_size <= MAX_BYTES else b""
    except OSError:
        return b""


def _flow(path: Path, node: Node, problems: list[Problem]) -> Flow:
    def problem(mark: Mark, what: str, fix: str, code: str) -> None:
        problems.append(Problem(mark, what, fix, code))

    if not NAME.match(path.stem):
        fix = "use small letters, digits and _, beginning with a letter"
        problem(node.mark, f"a flow can't be named '{path.stem}'", fix, "bad_name")
    for key, mark in node.keys.items():
        if key not in FLOW_KEYS:
            problem(mark, f"a flow has no '{key}'", nearest(key, FLOW_KEYS), "unknown_key")
    steps_node = node.value.get("steps", Node({}, node.mark))
    if not isinstance(steps_node.value, dict) or not steps_node.value:
        problem(
            steps_node.mark, "the flow has no steps", "write `steps:` and under it a name for each step", "no_steps"
        )
        return Flow(path.stem, "", {}, str(path), node)
    steps = {}
    for name, step_node in steps_node.value.items():
        mark = steps_node.keys[name]
        if not NAME.match(name) or name in ("end", "person", "back", "return"):
            fix = "use small letters, digits and _, beginning with a letter, and not end, person, back or return"
            problem(mark, f"a step can't be named '{name}'", fix, "bad_name")
        try:
            steps[name] = _step(name, step_node, mark)
        except FlowError as error:
            problems.extend(error.problems)
    start = node.value["start"].value if "start" in node.value else next(iter(steps_node.value))
    if start not in steps_node.value:
        place = node.at(("start",))
        problem(place, f"there is no step '{start}' to start at", nearest(str(start), steps_node.value), "bad_target")
    return Flow(path.stem, str(start), steps, str(path), node)


def _step(name: str, node: Node, mark: Mark) -> StepModel:
    known = verbs()
    if not isinstance(node.value, dict) and (name in known or name in StepModel.model_fields or name == "exits"):
        what = f"'{name}' stands where the name of a step should"
        raise _error(
            mark, what, f"indent it as far as the rest of its step, or write `{name}:` and a verb below", "no_verb"
        )
    if not isinstance(node.value, dict) or not node.value:
        raise _error(mark, f"the step '{name}' is empty", "give it a verb: " + ", ".join(sorted(known)), "no_verb")
    named = [key for key in node.value if key in known]
    # A verb may have an option that is called like another verb (`transfer` with `say`).
    fitting = [key for key in named if all(other in fields(known[key]) for other in named)]
    if not named:
        wrong = next((key for key in node.value if key not in StepModel.model_fields), next(iter(node.value)))
        raise _error(node.keys[wrong], f"'{wrong}' is not a verb", nearest(wrong, known), "unknown_verb")
    if len(fitting) != 1:
        fix = "make two steps of it"
        raise _error(node.keys[named[1]], f"one step does one thing, not {' and '.join(named)}", fix, "two_verbs")
    return validated(known[fitting[0]], node)


def validated(model: type[M], node: Node) -> M:
    """A model from a node. Raises `FlowError` with every mistake at its place."""
    try:
        return model.model_validate(node.plain())
    except ValidationError as error:
        raise FlowError(_problems(error, model, node)) from None


def _problems(error: ValidationError, model: type[BaseModel], node: Node) -> Iterator[Problem]:
    seen = set()
    for detail in error.errors():
        mark = node.at(tuple(detail["loc"]))
        if mark not in seen:
            seen.add(mark)
            yield Problem(mark, *told(model, detail))


def _error(mark: Mark, what: str, fix: str, code: str) -> FlowError:
    return FlowError([Problem(mark, what, fix, code)])
