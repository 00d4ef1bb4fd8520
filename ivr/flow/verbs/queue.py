"""queue: wait for an agent, with choices meanwhile."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from pydantic import Field

from ivr.flow import announcing
from ivr.flow.effects import Choice as Offered
from ivr.flow.effects import Enqueue
from ivr.flow.inputs import Announced, Input, Keys, Queued, Refused, Served, Words
from ivr.flow.model import Expression, FlowSet, PromptRef, StepModel
from ivr.flow.secret import masked
from ivr.flow.turn import Goto, Leave, Turn
from ivr.flow.verb import verb
from ivr.flow.verbs.menu import Choice, choose
from ivr.prompts.written import written

REFUSALS = ("closed", "full", "nobody", "max_wait")


@verb
class Queue(StepModel):
    """Wait in a queue of queues.yaml for an agent. Choices keep the place: whoever comes back to this step goes on
    waiting where they were. The call is over when the agent's part is (`served`), unless the agent gives it back."""

    verb: ClassVar[str] = "queue"
    waits: ClassVar[bool] = True
    queue: str = Field(description="a queue of queues.yaml")
    say: PromptRef | None = Field(None, description="what to say when the contact has a place")
    hold: PromptRef | None = Field(None, description="what to say now and then while it waits")
    music: PromptRef | None = Field(None, description="what to play between; by default the queue's music")
    priority: Expression | None = Field(None, description="an expression; higher numbers are served first")
    skills: dict[str, int] = Field(default_factory=dict, description="skills needed besides the queue's, from 1 to 10")
    choices: list[Choice] = Field(default_factory=list, description="what the caller may do meanwhile")

    def needs(self) -> frozenset[str]:
        return frozenset({"queue"})

    def ways_out(self, flows: FlowSet) -> tuple[str, ...]:
        return (*(choice.key for choice in self.choices), "served", *REFUSALS)

    def target(self, exit: str) -> str | None:
        """`served` ends the contact, and `max_wait` leads where `full` does, unless the step says otherwise."""
        usual = {"served": "end", "max_wait": super().target("full")}
        return super().target(exit) or usual.get(exit)

    def targets(self) -> Iterator[tuple[tuple[Any, ...], str, str]]:
        for index, choice in enumerate(self.choices):
            yield ("choices", index, "go"), choice.key, choice.go
        yield from super().targets()

    def says(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        for name in ("say", "hold", "music"):
            if getattr(self, name) is not None:
                yield (name,), getattr(self, name)
        for index, choice in enumerate(self.choices):
            yield ("choices", index, "label"), choice.label

    def system_prompts(self) -> Iterable[str]:
        return ("system.queue_position", "system.queue_wait", "system.queue_soon", "system.menu_choice")

    def reads(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        if self.priority is not None:
            yield ("priority",), str(self.priority)

    def enter(self, turn: Turn) -> Leave:
        turn.event("enqueue", queue=self.queue)
        return self._wait(turn)

    def resume(self, turn: Turn, given: Input) -> Leave:
        match given:
            case Queued():
                if given.announcement is not None:
                    announcing.tell(turn, given.announcement)
                self._tell(turn, given)
                return self._wait(turn, told=True)
            case Announced(announcement):
                announcing.tell(turn, announcement)
                return self._wait(turn, told=bool(turn.state.get("told")))
            case Refused(why, announcement):
                if announcement is not None:
                    announcing.tell(turn, announcement)
                turn.event("queue_refused", queue=self.queue, why=why)
                return why
            case Served(agent):
                turn.event("served", queue=self.queue, agent=agent)
                return "served"
            case Keys(digits):
                return self._chosen(turn, digits if any(choice.key == digits for choice in self.choices) else None)
            case Words(text):
                wish = choose(turn, self._phrases(turn), text) if self.choices else None
                return self._chosen(turn, wish.exit if wish else None)
        raise AssertionError(given)

    def _chosen(self, turn: Turn, key: str | None) -> Leave:
        """Where a choice leads; what is none leaves the contact waiting, and an agent may read it later."""
        for choice in self.choices:
            if choice.key == key:
                turn.event("queue_choice", queue=self.queue, choice=key)
                return Goto(choice.go)
        return self._wait(turn, told=bool(turn.state.get("told")))

    def _wait(self, turn: Turn, *, told: bool = False) -> Leave:
        turn.emit(
            Enqueue(
                queue=self.queue,
                told=told,
                skills=dict(self.skills),
                priority=None if self.priority is None else _whole(turn.evaluate(self.priority)),
                choices=tuple(
                    Offered(choice.key, turn.prompt(choice.label), tuple(choice.words)) for choice in self.choices
                ),
                music=None if self.music is None else turn.prompt(self.music),
                data=told_to_agents(turn),
            )
        )
        return turn.wait("Queued", "Refused", "Announced", "Served", "Keys", "Words", told=told)

    def _tell(self, turn: Turn, news: Queued) -> None:
        first = not turn.state.get("told")
        greeting = self.say if first else self.hold
        if greeting is not None:
            turn.say(greeting)
        if news.position is not None:
            turn.say("system.queue_position", {"position": news.position})
        if news.high is not None:
            low, high = math.floor((news.low or 0) / 60), math.ceil(news.high / 60)
            if high <= 1:
                turn.say("system.queue_soon")
            else:
                turn.say("system.queue_wait", {"low": max(low, 1), "high": max(high, low + 1)})
        if turn.can("voice") or first:
            for choice in self.choices:
                if choice.announce:
                    label = written(turn.prompt(choice.label))
                    turn.say("system.menu_choice", {"label": label, "key": choice.key})

    def _phrases(self, turn: Turn) -> Mapping[str, tuple[str, ...]]:
        return {choice.key: (written(turn.prompt(choice.label)), *choice.words) for choice in self.choices}


def told_to_agents(turn: Turn) -> dict[str, Any]:
    """What an agent is told of the flow so far: the steps that the caller went through, and the slots, masked."""
    path = list(dict.fromkeys(f"{place[-1][0]}.{place[-1][1]}" for place in turn.trail if place))
    return {"path": path, "slots": masked(dict(turn.slots)), "language": turn.language}


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
