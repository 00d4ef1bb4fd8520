"""Changing single values of an admin's YAML where they stand: everything else, comments and order included, stays as it
is to the byte. Pure.

By the positions that PyYAML gives each node rather than by a library that writes the whole file anew: such a one ties a
comment to the value before it, and loses the next section's when the last entry of a list goes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import yaml

Path = tuple[str | int, ...]

_PLAIN = re.compile(r"[^\W\d_][\w .'()/&+-]*(?<! )|\d{4}-\d\d-\d\d(T\d\d:\d\d)?")
_RESERVED = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
"""Words that some reader of YAML takes for something else."""


class CannotEdit(Exception):
    """The place isn't there, or is written in a way that can't be changed here."""


def rendered(value: Any) -> str:
    """A value in flow style, as an admin would write it: `{date: 2026-11-26, hours: ["08:00-12:00"]}`. Strings hold no
    line breaks."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{rendered(key)}: {rendered(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(rendered, value)) + "]"
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _RESERVED
        return value if plain else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def put(text: str, path: Path, value: Any, order: Sequence[str] = ()) -> str:
    """Set the value at `path`; remarks within a value of several lines go with it. A key that isn't there yet is added
    behind those that come before it in `order`, else last. Raises `CannotEdit`."""
    root = _composed(text)
    found, parent, key = _at(root, path), _at(root, path[:-1]), str(path[-1])
    if found is not None:
        return _replaced(text, parent, key, found, rendered(value))
    if not isinstance(parent, yaml.MappingNode) or not parent.value:
        raise CannotEdit(f"there is nothing to put {key!r} into")
    before = [pair for pair in parent.value if _comes_before(pair[0].value, key, order)]
    line = f"{rendered(key)}: {rendered(value)}"
    if parent.flow_style:
        at = _end(text, (before or parent.value)[-1][1])
        return f"{text[:at]}, {line}{text[at:]}" if before or not order else _first_in(text, parent, line)
    indent = " " * parent.value[0][0].start_mark.column
    if not before:
        at = parent.value[0][0].start_mark.index
        return f"{text[:at]}{line}{_newline(text)}{indent}{text[at:]}"
    return _line_after(text, _end(text, before[-1][1]), indent + line)


def append(text: str, path: Path, value: Any) -> str:
    """Add an entry to the list at `path`, which begins with it if it isn't there yet. Raises `CannotEdit`."""
    root = _composed(text)
    found = _at(root, path)
    if found is None or (isinstance(found, yaml.ScalarNode) and found.value in ("", "~", "null")):
        if len(path) != 1 or not isinstance(root, yaml.MappingNode) or not root.value:
            raise CannotEdit(f"there is no list {path!r}")
        entry = f"  - {rendered(value)}"
        if found is None:
            lines = f"{rendered(str(path[0]))}:{_newline(text)}{entry}"
            return _line_after(text, _end(text, root.value[-1][1]), lines)
        if found.value:
            text = text[: found.start_mark.index].rstrip(" ") + text[_end(text, found) :]
        key = next(key for key, _ in root.value if key.value == path[0])
        return _line_after(text, key.end_mark.index, entry)
    if not isinstance(found, yaml.SequenceNode):
        raise CannotEdit(f"{path!r} is no list")
    if not found.value:
        return text[: found.start_mark.index] + f"[{rendered(value)}]" + text[found.end_mark.index :]
    at = _end(text, found.value[-1])
    if found.flow_style:
        return f"{text[:at]}, {rendered(value)}{text[at:]}"
    return _line_after(text, at, f"{' ' * found.start_mark.column}- {rendered(value)}")


def remove(text: str, path: Path) -> str:
    """Take an entry out of a list, with the remark behind it on its line. Raises `CannotEdit`."""
    *above, number = path
    found = _at(_composed(text), tuple(above))
    if not isinstance(found, yaml.SequenceNode) or not isinstance(number, int) or not 0 <= number < len(found.value):
        raise CannotEdit(f"there is no entry {path!r}")
    item = found.value[number]
    begin, end = item.start_mark.index, _end(text, item)
    if found.flow_style:
        if number + 1 < len(found.value):
            return text[:begin] + text[found.value[number + 1].start_mark.index :]
        if number:
            return text[: _end(text, found.value[number - 1])] + text[end:]
        return text[:begin] + re.sub(r"\A\s*,", "", text[end:])
    begin = text.rfind("\n", 0, text.rfind("-", 0, begin)) + 1
    end = _line_end(text, end)
    end += len(_newline(text)) if end < len(text) else 0
    if len(found.value) > 1:
        return text[:begin] + text[end:]
    colon = _colon(text, _at(_composed(text), tuple(above[:-1])), str(above[-1]) if above else "")
    return f"{text[:colon]} []{text[colon:begin]}{text[end:]}"


def _composed(text: str) -> yaml.Node:
    try:
        found = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise CannotEdit(str(error)) from None
    if found is None:
        raise CannotEdit("the file is empty")
    return found


def _at(node: yaml.Node | None, path: Path) -> yaml.Node | None:
    for part in path:
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == part), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part] if 0 <= part < len(node.value) else None
        else:
            return None
    return node


def _end(text: str, node: yaml.Node) -> int:
    """Where a node's own text ends: a block's mark lies behind the remarks that follow it."""
    if not isinstance(node, yaml.CollectionNode):
        return len(text[: node.end_mark.index].rstrip())
    if node.flow_style or not node.value:
        return node.end_mark.index
    last = node.value[-1]
    return _end(text, last[1] if isinstance(node, yaml.MappingNode) else last)


def _comes_before(key: str, new: str, order: Sequence[str]) -> bool:
    return new not in order or (key in order and order.index(key) < order.index(new))


def _first_in(text: str, mapping: yaml.MappingNode, line: str) -> str:
    at = mapping.value[0][0].start_mark.index
    return f"{text[:at]}{line}, {text[at:]}"


def _replaced(text: str, parent: yaml.Node | None, key: str, node: yaml.Node, value: str) -> str:
    """`value` in place of a node; what begins on a line of its own moves up to its key."""
    begin, end = node.start_mark.index, _end(text, node)
    if isinstance(parent, yaml.MappingNode):
        colon = _colon(text, parent, key)
        behind, newline, _ = text[colon:begin].partition("\n")
        if newline:
            return f"{text[:colon]} {value}{behind.rstrip()}{text[end:]}"
        if begin >= end:  # `key:` with nothing
            return f"{text[:colon]} {value}{text[colon:]}"
    return text[:begin] + value + text[end:]


def _colon(text: str, mapping: yaml.Node | None, key: str) -> int:
    """Where the value of a key may begin."""
    if isinstance(mapping, yaml.MappingNode):
        for known, _ in mapping.value:
            if known.value == key:
                return text.index(":", known.end_mark.index) + 1
    raise CannotEdit(f"there is no {key!r}")


def _line_after(text: str, at: int, line: str) -> str:
    end = _line_end(text, at)
    return f"{text[:end]}{_newline(text)}{line}{text[end:]}"


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    if end < 0:
        return len(text)
    return end - 1 if text[end - 1 : end] == "\r" else end


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
