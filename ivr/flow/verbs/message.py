"""message: send the customer a text or a mail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field

from ivr.flow.effects import Send
from ivr.flow.model import Expression, FlowSet, PromptRef, StepModel
from ivr.flow.turn import Leave, Turn
from ivr.flow.verb import verb
from ivr.prompts.written import written


@verb
class Message(StepModel):
    """Send a text or a mail; it is queued together with the call's state and goes out by itself."""

    verb: ClassVar[str] = "message"
    message: Literal["sms", "email", "whatsapp"]
    to: Expression = Field("caller", description="an expression that gives a number or address")
    body: PromptRef
    subject: PromptRef | None = None
    purpose: Literal["answer", "notice", "reminder"] = Field(
        "answer", description="a notice waits while it is night where the customer is; a reminder needs consent, too"
    )

    def ways_out(self, flows: FlowSet) -> tuple[str, ...]:
        return ("done", "no_address")

    def says(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        yield ("body",), self.body
        if self.subject is not None:
            yield ("subject",), self.subject

    def reads(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        yield ("to",), str(self.to)

    def enter(self, turn: Turn) -> Leave:
        to = str(turn.evaluate(self.to) or "")
        right = "@" in to if self.message == "email" else to.lstrip("+").isdecimal() and len(to) >= 7
        if not right:
            return "no_address"
        subject = written(turn.prompt(self.subject)) if self.subject is not None else ""
        turn.calls += 1
        turn.emit(
            Send(self.message, to, written(turn.prompt(self.body)), subject, key=str(turn.calls), purpose=self.purpose)
        )
        turn.event("message", channel=self.message, to=to)
        return "done"
