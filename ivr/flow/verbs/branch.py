"""branch: choose the way by conditions, the first that holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from ivr.flow.model import Expression, FlowSet, Model, StepModel, Target
from ivr.flow.turn import Leave, Turn
from ivr.flow.verb import verb


class Way(Model):
    """One way: `if` a condition holds, `go` there; or the last one, `else`."""

    if_: Expression | None = Field(None, alias="if")
    go: Target | None = None
    else_: Target | None = Field(None, alias="else")

    @model_validator(mode="after")
    def complete(self) -> Self:
        if (self.if_ is None) != (self.go is None) or (self.if_ is None) == (self.else_ is None):
            raise ValueError("a way is either `if` with `go`, or `else`")
        return self


@verb
class Branch(StepModel):
    """Go the first way whose condition holds."""

    verb: ClassVar[str] = "branch"
    branch: list[Way] = Field(min_length=1)

    def ways_out(self, flows: FlowSet) -> tuple[str, ...]:
        ways = [name for _, name, _ in self.targets()]
        return tuple(ways) if "else" in ways or "done" in ways else (*ways, "done")

    def targets(self) -> Iterator[tuple[tuple[Any, ...], str, str]]:
        for index, way in enumerate(self.branch):
            if way.else_ is not None:
                yield ("branch", index, "else"), "else", way.else_
            elif way.go is not None:
                yield ("branch", index, "go"), str(way.if_), way.go
        yield from super().targets()

    def reads(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        for index, way in enumerate(self.branch):
            if way.if_ is not None:
                yield ("branch", index, "if"), str(way.if_)

    def enter(self, turn: Turn) -> Leave:
        for way in self.branch:
            if way.if_ is None:
                return "else"
            if turn.evaluate(way.if_):
                return str(way.if_)
        return "done"
