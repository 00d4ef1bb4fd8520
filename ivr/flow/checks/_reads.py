"""What a step reads: the slots in its expressions and in all texts that it may say."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ivr.flow import expr, template
from ivr.flow.expr import Expr, ExprError
from ivr.flow.lint import View, within
from ivr.flow.model import StepModel
from ivr.flow.problems import Mark
from ivr.flow.verbs.set import Set


@dataclass(frozen=True, slots=True)
class Read:
    """A slot (dots included) that a step reads. `mark` is the very name, `step_mark` the step's own line for it;
    `guarded` means that the same expression asks whether the slot is filled."""

    name: str
    mark: Mark
    step_mark: Mark
    path: tuple[Any, ...]
    guarded: bool


def reads(view: View, flow: str, name: str, step: StepModel) -> Iterator[Read]:
    """Every read of a step. What can't be parsed is left out: another lint tells of it."""
    known: frozenset[str] = frozenset()
    for path, source in step.reads():
        own = {"answer"} if path == ("check", "if") else set()
        if isinstance(step, Set):
            slots = list(step.set)
            known = frozenset(slots[: slots.index(path[1])])  # filled in the order written
        start = view.mark_value(flow, name, path)
        step_mark = view.mark(flow, name, path)
        try:
            parsed = expr.parse(source)
        except ExprError:
            continue
        indent = len(source) - len(source.lstrip())
        for slot, offset, guarded in _names(parsed):
            if slot not in own:
                sure = guarded or slot.split(".")[0] in known
                yield Read(slot, within(start, source, indent + offset), step_mark, path, sure)
        if path[0] == "branch":
            known |= proves(source, False)  # a way is tried where those before it did not hold
    for path, ref in step.says():
        # The answer itself is there for the words that read it back or refuse it.
        own = {"answer"} if path[0] in ("check", "confirm") else set()
        step_mark = view.mark(flow, name, path)
        for _, text, mark in view.texts(ref):
            start = mark or view.mark_value(flow, name, path)
            for slot, offset, guarded in _holes(text):
                if slot not in own:
                    yield Read(slot, within(start, text, offset), step_mark, path, guarded)


def _holes(text: str) -> Iterator[tuple[str, int, bool]]:
    try:
        holes = list(template.parse(text).holes)
    except ExprError:
        return
    for hole in holes:
        indent = len(hole.value.source) - len(hole.value.source.lstrip())
        for slot, offset, guarded in _names(hole.value):
            yield slot, hole.offset + indent + offset, guarded
        for slot, _, guarded in _names(hole.currency) if hole.currency else ():
            yield slot, hole.offset, guarded


def _names(parsed: Expr) -> Iterator[tuple[str, int, bool]]:
    asked = {slot for slot, _ in _asked(parsed.tree)}
    for name, offset in parsed.names():
        yield name, offset, name.split(".")[0] in asked


def _asked(tree: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Slots that an expression tests for being filled: filled(x), x == nothing, x != nothing."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="filled"), args=[ast.Name() | ast.Attribute() as tested]):
                yield _root(tested), node
            case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq()], comparators=[right]):
                for one, other in ((left, right), (right, left)):
                    if _nothing(one) and isinstance(other, ast.Name | ast.Attribute):
                        yield _root(other), node


def _nothing(node: ast.expr) -> bool:
    return (isinstance(node, ast.Constant) and node.value is None) or (
        isinstance(node, ast.Name) and node.id.lower() in ("nothing", "none")
    )


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def proves(source: str, holds: bool) -> frozenset[str]:
    """The slots that are filled for sure when a condition holds, or when it doesn't."""
    try:
        return frozenset(_proves(expr.parse(source).tree, holds)) - {""}
    except ExprError:
        return frozenset()


def _proves(node: ast.expr, holds: bool) -> Iterator[str]:
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield from _proves(operand, not holds)
        case ast.BoolOp(op=ast.And(), values=values) if holds:
            for value in values:
                yield from _proves(value, True)
        case ast.BoolOp(op=ast.Or(), values=values) if not holds:
            for value in values:
                yield from _proves(value, False)
        case ast.Name() | ast.Attribute() if holds:
            yield _root(node)
        case ast.Call(func=ast.Name(id="filled"), args=[ast.Name() | ast.Attribute() as tested]) if holds:
            yield _root(tested)
        case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq() as op], comparators=[right]) if _nothing(
            left
        ) or _nothing(right):
            if isinstance(op, ast.NotEq) == holds:
                yield _root(right if _nothing(left) else left)
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]) if holds:
            for one, other in ((left, right), (right, left)):
                if isinstance(one, ast.Constant):
                    yield _root(other)
        case ast.Compare(left=left, ops=[op], comparators=[right]) if holds and not isinstance(op, _LOOSE):
            # An unfilled slot fails every comparison of this kind.
            yield _root(left)
            yield _root(right)


_LOOSE = (ast.Eq, ast.NotEq, ast.NotIn)
