"""Small, safe expressions: `bill.balance > 0 and not bill.overdue`.

Python's own grammar is parsed with `ast` and only a short list of node kinds is evaluated by hand: no attribute
of any object is ever looked up (a dot reads a key of a slot), no name but a slot's, no call but of `FUNCTIONS`.
Size, depth and the magnitude of every value are bounded, so an expression ends at once whatever it says.
"""

from __future__ import annotations

import ast
import datetime as dt
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ivr.flow.secret import Secret

MAX_LENGTH = 500
MAX_NODES = 120
MAX_TEXT = 10_000
MAX_NUMBER = 10**18


class ExprError(Exception):
    """An expression that can't be parsed or evaluated. `offset` counts characters from 0."""

    def __init__(self, what: str, offset: int = 0) -> None:
        super().__init__(what)
        self.offset = offset


def _days_until(date: Any, today: Any) -> int:
    return (dt.date.fromisoformat(str(date)) - dt.date.fromisoformat(str(today))).days


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "filled": lambda value: value not in (None, "", [], {}),
    "length": lambda value: len(value) if isinstance(value, str | list | dict) else 0,
    "days_until": _days_until,
    "lower": lambda value: str(value).lower(),
    "last": lambda value, count: str(value)[-int(count) :] if int(count) > 0 else "",
    "min": lambda first, second: min(first, second),
    "max": lambda first, second: max(first, second),
    "round": lambda value: round(value),
}

_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, box: item in box,
    ast.NotIn: lambda item, box: item not in box,
}
_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.FloorDiv: operator.floordiv,
}
_CONSTANTS = {"true": True, "false": False, "none": None, "nothing": None}


@dataclass(frozen=True, slots=True)
class Expr:
    """A parsed expression. Made by `parse`, which caches."""

    source: str
    tree: ast.expr

    def names(self) -> Iterator[tuple[str, int]]:
        """Every name that is read, dots included (`bill.balance`), with its offset."""
        yield from _names(self.tree)

    def evaluate(self, slots: Mapping[str, Any]) -> Any:
        """The value, of JSON types. An unfilled slot is `None`. Raises `ExprError`."""
        try:
            return _evaluate(self.tree, slots)
        except ExprError:
            raise
        except ZeroDivisionError:
            raise ExprError("it divides by zero") from None
        except (TypeError, ValueError, OverflowError, KeyError, IndexError):
            raise ExprError("its values don't fit together") from None


@lru_cache(maxsize=4096)
def parse(source: str) -> Expr:
    """Parse an expression. Raises `ExprError` that says what is not allowed and where."""
    if len(source) > MAX_LENGTH:
        raise ExprError(f"it is longer than {MAX_LENGTH} characters", MAX_LENGTH)
    stripped = source.strip()
    indent = len(source) - len(source.lstrip())
    try:
        tree = ast.parse(stripped, mode="eval").body
    except SyntaxError as error:
        raise ExprError("it is not a complete expression", indent + max(0, (error.offset or 1) - 1)) from None
    except (ValueError, MemoryError, RecursionError):
        raise ExprError("it is not a complete expression") from None
    for count, node in enumerate(ast.walk(tree)):
        if count > MAX_NODES:
            raise ExprError("it is too long; compute parts of it in `set` steps first")
        _allow(node, indent)
    return Expr(source, tree)


def _allow(node: ast.AST, indent: int) -> None:
    offset = indent + getattr(node, "col_offset", 0)
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None):
            if isinstance(node.value, int | float) and abs(node.value) > MAX_NUMBER:
                raise ExprError("a number in it is too large", offset)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            if name.startswith("_"):
                raise ExprError(f"'{name}' can't be used here", offset)
        case ast.Call(func=ast.Name(id=name), keywords=[]):
            if name not in FUNCTIONS:
                raise ExprError(f"there is no function '{name}'; there are: {', '.join(FUNCTIONS)}", offset)
        case ast.BoolOp() | ast.List() | ast.Tuple() | ast.IfExp() | ast.Load() | ast.And() | ast.Or():
            pass
        case ast.UnaryOp(op=ast.Not() | ast.USub()) | ast.Not() | ast.USub():
            pass
        case ast.BinOp(op=op):
            if type(op) not in _ARITHMETIC:
                raise ExprError("only + - * / // % and comparisons are allowed", offset)
        case ast.Compare(ops=ops):
            if any(type(op) not in _COMPARE for op in ops):
                raise ExprError("compare with == != < <= > >= in", offset)
        case ast.operator() | ast.cmpop():
            pass
        case _:
            raise ExprError("only slots, numbers, texts, comparisons, and, or, not are allowed", offset)


def _path(node: ast.expr) -> list[str] | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return [node.id, *reversed(parts)]


def _names(node: ast.AST) -> Iterator[tuple[str, int]]:
    if isinstance(node, ast.Name | ast.Attribute):
        path = _path(node)
        if path is not None:
            if path[0].lower() not in _CONSTANTS:
                yield ".".join(path), node.col_offset
            return
    children = node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node)
    for child in children:
        yield from _names(child)


def _evaluate(node: ast.expr, slots: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant():
            return node.value
        case ast.Name() | ast.Attribute():
            return _look_up(node, slots)
        case ast.BoolOp(op=op, values=values):
            result: Any = None
            for value in values:
                result = _evaluate(value, slots)
                if bool(result) == isinstance(op, ast.Or):
                    return result
            return result
        case ast.UnaryOp(op=ast.Not()):
            return not _evaluate(node.operand, slots)
        case ast.UnaryOp():
            return _bounded(-_evaluate(node.operand, slots))
        case ast.BinOp():
            left, right = _evaluate(node.left, slots), _evaluate(node.right, slots)
            if isinstance(left, str | list) != isinstance(right, str | list) or (
                isinstance(left, str | list) and not isinstance(node.op, ast.Add)
            ):
                raise ExprError("a text and a number can't be combined", node.col_offset)
            return _bounded(_ARITHMETIC[type(node.op)](left, right))
        case ast.Compare():
            left = _evaluate(node.left, slots)
            for comparison, comparator in zip(node.ops, node.comparators, strict=True):
                right = _evaluate(comparator, slots)
                unfilled = (left is None or right is None) and not isinstance(comparison, ast.Eq | ast.NotEq)
                if (unfilled and not isinstance(comparison, ast.NotIn)) or (
                    not unfilled and not _COMPARE[type(comparison)](left, right)
                ):
                    return False
                left = right
            return True
        case ast.IfExp():
            return _evaluate(node.body if _evaluate(node.test, slots) else node.orelse, slots)
        case ast.List() | ast.Tuple():
            return [_evaluate(element, slots) for element in node.elts]
        case ast.Call(func=ast.Name(id=name)):
            return _bounded(FUNCTIONS[name](*(_evaluate(argument, slots) for argument in node.args)))
    raise ExprError("this can't be evaluated", getattr(node, "col_offset", 0))


def _look_up(node: ast.expr, slots: Mapping[str, Any]) -> Any:
    path = _path(node)
    if path is None:
        raise ExprError("a dot may only follow a slot's name", node.col_offset)
    if len(path) == 1 and path[0].lower() in _CONSTANTS:
        return _CONSTANTS[path[0].lower()]
    value: Any = slots
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, Secret):
        raise ExprError(f"'{path[0]}' is secret and can only be given to an action", node.col_offset)
    return value


def _bounded(value: Any) -> Any:
    if isinstance(value, int | float) and abs(value) > MAX_NUMBER:
        raise ExprError("a result is too large")
    if isinstance(value, str | list) and len(value) > MAX_TEXT:
        raise ExprError("a text in it grows too long")
    return value
