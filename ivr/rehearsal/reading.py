"""Reading scripted calls from `flows/calls/`: every mistake in them has the place of its line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ivr.flow.campaigns import run_by_campaigns
from ivr.flow.load import validated
from ivr.flow.model import FlowSet
from ivr.flow.problems import FlowError, Mark, Problem, nearest
from ivr.flow.yaml_source import Node, read
from ivr.rehearsal.script import EarlierCall, Line, Script, ScriptedCall, is_id


def read_scripts(folder: Path, flows: FlowSet) -> tuple[list[Script], list[Problem]]:
    """All scripted calls of a folder, and every mistake in them."""
    scripts, problems = [], []
    for path in sorted(path for path in folder.glob("*.y*ml") if path.suffix in (".yaml", ".yml")):
        try:
            scripts.append(read_script(path, flows))
        except FlowError as error:
            problems += error.problems
    return scripts, problems


def read_script(path: Path, flows: FlowSet) -> Script:
    """One scripted call. Raises `FlowError` with every mistake at its place."""
    node = read(path)
    problems = list(_shape(node))
    if problems:
        raise FlowError(problems)
    call = validated(ScriptedCall, node)
    problems = list(_mistakes(call, node, flows))
    if problems:
        raise FlowError(problems)
    if call.text is not None and "text" not in call.channels:
        call = call.model_copy(update={"channels": [*call.channels, "text"]})
    return Script(path.stem, call, _starting(flows, call.call), node)


def _starting(flows: FlowSet, call: str | None) -> FlowSet:
    if call is None:
        return flows
    return replace(flows, company=flows.company.model_copy(update={"start": Path(call).stem, "channels": {}}))


def _shape(node: Node) -> Iterator[Problem]:
    """Each line of a script has exactly one verb; told here for the sake of better words."""
    lines = node.value.get("script") if isinstance(node.value, dict) else None
    for line in lines.value if lines is not None and isinstance(lines.value, list) else ():
        verbs = tuple(Line.model_fields)
        if isinstance(line.value, dict) and len(line.value) != 1:
            yield Problem(line.mark, "a line of a script does one thing", f"write one of: {', '.join(verbs)}", "script")
        elif isinstance(line.value, str) and line.value != "hangs_up":
            yield Problem(line.mark, f"'{line.value}' is not a line of a script", "write `hears: ...`", "script")
        elif isinstance(line.value, dict) and (verb := next(iter(line.value))) not in verbs:
            yield Problem(line.keys[verb], f"a script has no '{verb}'", nearest(verb, verbs), "script")


def _mistakes(call: ScriptedCall, node: Node, flows: FlowSet) -> Iterator[Problem]:
    """What is named but isn't there."""
    if call.call is not None and Path(call.call).stem not in flows.flows:
        fix = nearest(Path(call.call).stem, flows.flows)
        yield Problem(node.at(("call",)), f"there is no flow '{call.call}'", fix, "unknown_flow")
    if call.language is not None and call.language not in flows.company.languages:
        fix = nearest(call.language, flows.company.languages)
        yield Problem(node.at(("language",)), f"'{call.language}' is not the company's", fix, "unknown_language")
    if call.assisted is not None and flows.company.payment is None:
        fix = "name the flow by which agents take payments under `payment` in company.yaml"
        yield Problem(node.at(("assisted",)), "agents take no payments here", fix, "no_payment")
    if call.campaign is not None and Path(call.call or "").stem not in run_by_campaigns(flows):
        fix = "write `call: NAME` with a flow that a campaign of campaigns.yaml has under `flow`"
        yield Problem(node.at(("campaign",)), "no campaign's calls run this flow", fix, "no_campaign")
    yield from _announced(call, node, flows)
    yield from _results(call, node, flows)
    if call.earlier is not None:
        yield from _earlier(call.earlier, node, flows)
    yield from _prompts(call, node, flows)


def _results(call: ScriptedCall, node: Node, flows: FlowSet) -> Iterator[Problem]:
    """Actions that there are come to exits and data that they have."""
    for name, results in call.actions.items():
        spec = flows.actions.get(name)
        if spec is None:
            mark = node.at(("actions", name))
            yield Problem(mark, f"there is no action '{name}'", nearest(name, flows.actions), "unknown_action")
            continue
        for index, result in enumerate(results):
            exits = (*spec.exits, "failed")
            if result.exit not in exits:
                mark = node.at(("actions", name, index, "exit"))
                yield Problem(mark, f"{name} has no exit '{result.exit}'", nearest(result.exit, exits), "bad_exit")
            for key in result.data:
                if key not in spec.returns:
                    mark = node.at(("actions", name, index, "data", key))
                    yield Problem(mark, f"{name} returns no '{key}'", nearest(key, spec.returns), "unknown_slot")


def _earlier(earlier: EarlierCall, node: Node, flows: FlowSet) -> Iterator[Problem]:
    """The conversation before was at steps that there are, and goes on by an exit of the last one."""
    for index, question in enumerate([earlier.dropped_at, *earlier.asked]):
        at = ("earlier", "dropped_at") if not index else ("earlier", "asked", index - 1)
        for name in question:
            flow, _, step = name.partition(".")
            if flow not in flows.flows or step not in flows.flows[flow].steps:
                places = [f"{known}.{one}" for known, found in flows.flows.items() for one in found.steps]
                yield Problem(node.at(at), f"there is no step '{name}'", nearest(name, places), "unknown_step")
    flow, _, step = earlier.dropped_at[-1].partition(".")
    found = flows.flows[flow].steps.get(step) if flow in flows.flows else None
    if earlier.handed_over and found is not None and earlier.handed_over not in (exits := found.ways_out(flows)):
        what = f"'{flow}.{step}' has no exit '{earlier.handed_over}'"
        yield Problem(node.at(("earlier", "handed_over")), what, nearest(earlier.handed_over, exits), "bad_exit")


def _prompts(call: ScriptedCall, node: Node, flows: FlowSet) -> Iterator[Problem]:
    """What is heard, and what must not be, on either channel."""
    known = {id for texts in flows.texts.values() for id in texts}
    for within, part in (((), call), (("text",), call.text)):
        for index, line in enumerate(part.script if part is not None else ()):
            for word in line.hears or ():
                yield from _heard(word, node.at((*within, "script", index, "hears")), known)
        for index, word in enumerate(part.expect.not_heard if part is not None else ()):
            yield from _heard(word, node.at((*within, "expect", "not_heard", index)), known)


def _announced(call: ScriptedCall, node: Node, flows: FlowSet) -> Iterator[Problem]:
    """An emergency says something, in languages that the company speaks."""
    given = call.emergency
    if given is not None and bool(given.words) == bool(given.prompt):
        fix = "write `words: {en: ...}`, or `prompt: emergency.NAME`"
        yield Problem(node.at(("emergency",)), "an emergency has words or a prompt", fix, "script")
    elif given is not None and not given.as_input(flows).words:
        fix = nearest(given.prompt, {id for texts in flows.texts.values() for id in texts})
        yield Problem(node.at(("emergency", "prompt")), f"there is no prompt '{given.prompt}'", fix, "unknown_prompt")
    waiting = call.agents.announced if call.agents is not None else None
    for path, words in (
        (("emergency", "words"), given.words if given is not None else {}),
        (("agents", "announced", "words"), waiting.words if waiting is not None else {}),
    ):
        for language in words:
            if language not in flows.company.languages:
                what, fix = f"'{language}' is not the company's", nearest(language, flows.company.languages)
                yield Problem(node.at((*path, language)), what, fix, "unknown_language")


def _heard(word: str, mark: Mark, known: set[str]) -> Iterator[Problem]:
    """Words with a dot and no space name a prompt, so a misspelt one is found here rather than never heard."""
    if is_id(word) and word not in known:
        yield Problem(mark, f"there is no prompt '{word}'", nearest(word, known), "unknown_prompt")
