"""YAML with the place of every key and value, read safely: the one reader for all of the admin's files.

Built on PyYAML's event stream rather than its constructor, so that hostile files are refused while they are read:
anchors and aliases (which can explode), tags, deep nesting, duplicate keys and oversized files. Scalars follow
YAML 1.2's core schema: `yes`, `no`, `on`, `off` and `08:00` are plain words here, as admins expect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ivr.flow.problems import FlowError, Mark, Problem

MAX_BYTES = 1_000_000
MAX_DEPTH = 30
MAX_NODES = 100_000

_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})\Z")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})\.[0-9]{1,17}\Z")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(slots=True)
class Node:
    """A YAML value and where it stands: a scalar, a list of nodes, or a dict of nodes by key."""

    value: Any
    mark: Mark
    keys: dict[str, Mark] = field(default_factory=dict)
    """For a mapping: where each key stands."""

    def plain(self) -> Any:
        """The value without marks (JSON types only)."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def at(self, path: tuple[Any, ...]) -> Mark:
        """The mark of the value under `path`, or of the nearest thing above it that exists."""
        node, mark = self, self.mark
        for part in path:
            if isinstance(node.value, dict) and part in node.value:
                mark, node = node.keys[part], node.value[part]
            elif isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                mark = node.mark
            elif isinstance(part, str) and not isinstance(node.value, dict | list):
                break
        return mark


def read(path: Path, name: str = "") -> Node:
    """Read one file. `name` is what messages call it. Raises `FlowError`, never anything else."""
    shown = name or str(path)

    def fail(what: str, fix: str) -> FlowError:
        return FlowError([Problem(Mark(shown), what, fix, "unreadable")])

    try:
        if path.stat().st_size > MAX_BYTES:
            raise fail(f"the file is larger than {MAX_BYTES // 1000} kB", "split it into several files")
        data = path.read_bytes()
    except OSError as error:
        raise fail(f"the file can't be read ({error.strerror})", "check its name and permissions") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise FlowError(
            [Problem(Mark(shown, line), "the file is not UTF-8 text", "save it as UTF-8", "unreadable")]
        ) from None
    return parse(text, shown)


def parse(text: str, name: str = "<text>") -> Node:
    """Parse one document. Raises `FlowError` with the place of the mistake."""
    if len(text) > MAX_BYTES:
        raise FlowError([Problem(Mark(name), "the file is too large", "split it into several files", "unreadable")])
    try:
        return _Builder(name).build(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        what, fix, place = _told(error)
        mark = Mark(name, place.line + 1, place.column + 1) if place else Mark(name)
        raise FlowError([Problem(mark, f"not valid YAML: {what}", fix, "yaml")]) from None
    except yaml.YAMLError as error:
        before = text[: getattr(error, "position", 0) or 0]
        mark = Mark(name, before.count("\n") + 1, len(before) - before.rfind("\n"))
        fix = "remove control characters"
        raise FlowError([Problem(mark, "not valid YAML: a character that may not stand here", fix, "yaml")]) from None
    except RecursionError:
        raise FlowError([Problem(Mark(name), "nested too deeply", "use fewer levels", "yaml")]) from None


def _told(error: yaml.MarkedYAMLError) -> tuple[str, str, yaml.Mark | None]:
    """What is wrong, what to do and where, for whoever knows little of YAML; PyYAML's words for what is seldom."""
    problem, context = error.problem or "", error.context or ""
    place = error.problem_mark or error.context_mark
    if "'\\t'" in problem:
        return "a tab stands here", "indent with spaces", place
    if problem == "mapping values are not allowed here":
        fix = "put a text with a colon in quotes; otherwise indent this line, and those around it, as far as their like"
        return "this colon doesn't fit here", fix, place
    if context == "while scanning a quoted scalar" and "end of stream" in problem:
        return "the quote that begins here isn't closed", "close it at the end of the text", error.context_mark
    if problem == "expected <block end>, but found '<scalar>'":
        fix = "write a text with an apostrophe in double quotes, and check how far this line is indented"
        return "there is more after the end of a text", fix, place
    if problem == "expected <block end>, but found '<block mapping start>'":
        return "this line is indented further than its like", "begin it below the line that it belongs beside", place
    if "could not find expected ':'" in problem:
        return (
            "a name without a colon",
            "write `name: value`, with a space after the colon",
            error.context_mark or place,
        )
    what = " ".join(part for part in (problem, context) if part) or "this is not YAML"
    return what, "check indentation, colons and quotes just before this place", place


class _Builder:
    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0

    def mark(self, event: yaml.Event) -> Mark:
        start = event.start_mark
        assert start is not None  # PyYAML's parser marks every event
        return Mark(self.name, start.line + 1, start.column + 1)

    def fail(self, event: yaml.Event, what: str, fix: str) -> FlowError:
        return FlowError([Problem(self.mark(event), what, fix, "yaml")])

    def build(self, events: Iterator[yaml.Event]) -> Node:
        root: Node | None = None
        stack: list[tuple[Node, list[tuple[str, Mark]]]] = []  # open containers, and a mapping's key that waits
        for event in events:
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise self.fail(
                    event, "anchors (&) and aliases (*) are not used here", "write the value out, or quote it"
                )
            if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                raise self.fail(event, "a second document starts here", "keep one document per file; remove '---'")
            if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                stack.pop()
                continue
            if not isinstance(event, yaml.NodeEvent):
                continue
            tag = getattr(event, "tag", None)
            if tag is not None and tag != "!":
                raise self.fail(event, f"the tag {tag} is not used here", "remove it")
            self.count += 1
            if self.count > MAX_NODES:
                raise self.fail(event, "the file holds too many values", "split it into several files")
            node = self.node(event)
            if not stack:
                root = node
            elif not self.attach(stack[-1], node, event):
                continue
            if isinstance(node.value, dict | list):
                stack.append((node, []))
                if len(stack) > MAX_DEPTH:
                    raise self.fail(event, f"nested more than {MAX_DEPTH} levels deep", "use fewer levels")
        return root or Node({}, Mark(self.name))

    def attach(self, parent: tuple[Node, list[tuple[str, Mark]]], node: Node, event: yaml.Event) -> bool:
        """Put a node into its parent; False if it was a mapping's key."""
        container, waiting = parent
        if isinstance(container.value, list):
            container.value.append(node)
            return True
        if waiting:
            key, mark = waiting.pop()
            container.value[key] = node
            container.keys[key] = mark
            return True
        if not isinstance(event, yaml.ScalarEvent):
            raise self.fail(event, "a key must be a word or a number", "write `name: value`")
        if event.value in container.value:
            fix = f"the first is on line {container.keys[event.value].line}; rename or remove one"
            raise self.fail(event, f"'{event.value}' stands twice in the same place", fix)
        waiting.append((event.value, node.mark))
        return False

    def node(self, event: yaml.NodeEvent) -> Node:
        mark = self.mark(event)
        if isinstance(event, yaml.MappingStartEvent):
            return Node({}, mark)
        if isinstance(event, yaml.SequenceStartEvent):
            return Node([], mark)
        assert isinstance(event, yaml.ScalarEvent)
        if event.style in ("'", '"'):
            mark = Mark(mark.file, mark.line, mark.column + 1)  # inside the quotes: where the text itself begins
        return Node(event.value if event.style or event.tag == "!" else scalar(event.value), mark)


def scalar(text: str) -> Any:
    """A plain scalar's value by YAML 1.2's core schema, less octal, hexadecimal and exponents."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INT.match(text):
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    return text
