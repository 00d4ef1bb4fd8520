"""queue: wait for an agent, with choices meanwhile."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from pydantic import Field

from ivr.flow import announcing, meanwhile
from ivr.flow.effects import Choice as Offered
from ivr.flow.effects import Enqueue
from ivr.flow.inputs import Announced, Input, Keys, Queued, Refused, Served, Words
from ivr.flow.model import Expression, FlowSet, PromptRef, SlotName, StepModel
from ivr.flow.secret import masked
from ivr.flow.turn import Goto, Leave, Turn
from ivr.flow.verb import verb
from ivr.flow.verbs.menu import Choice, choose
from ivr.prompts.written import written

REFUSALS = ("closed", "full", "nobody", "max_wait")
BOOKED = frozenset({"on", "time", "number"})
"""What a slot holds of a callback: `on` and `time` are empty where it is made when the turn comes."""


class Meanwhile(Choice):
    """What the caller may do while waiting."""

    by_rule: bool = Field(
        False, description="spoken of only while the queue's rule offers callbacks; the key works at any time"
    )


@verb
class Queue(StepModel):
    """Wait in a queue of queues.yaml for an agent. Choices keep the place: whoever comes back to this step goes on
    waiting where they were. The call is over when the agent's part is (`served`), unless the agent gives it back."""

    verb: ClassVar[str] = "queue"
    waits: ClassVar[bool] = True
    parts: ClassVar[frozenset[str]] = BOOKED
    queue: str = Field(description="a queue of queues.yaml")
    say: PromptRef | None = Field(None, description="what to say when the contact has a place")
    hold: PromptRef | None = Field(None, description="what to say now and then while it waits")
    music: PromptRef | None = Field(None, description="what to play between; by default the queue's music")
    priority: Expression | None = Field(None, description="an expression; higher numbers are served first")
    skills: dict[str, int] = Field(default_factory=dict, description="skills needed besides the queue's, from 1 to 10")
    choices: list[Meanwhile] = Field(default_factory=list, description="what the caller may do meanwhile")
    speech: bool | None = Field(
        None, description="whether callers may say a choice when they are told of them; keys always work"
    )
    takes_callback: bool = Field(
        False, description="whether to wait at the place of the callback that the caller waits for, instead of that"
    )
    into: SlotName = Field("callback", description="the slot for the callback that the caller waits for already")

    def needs(self) -> frozenset[str]:
        return frozenset({"queue"})

    def ways_out(self, flows: FlowSet) -> tuple[str, ...]:
        told = ("callback",) if self.tells_callback else ()
        return (*(choice.key for choice in self.choices), "served", *REFUSALS, *told)

    @property
    def tells_callback(self) -> bool:
        """Whether the flow wants to know of a callback that the caller waits for already."""
        return "callback" in self.exits and not self.takes_callback

    def fills(self, flows: FlowSet) -> Mapping[str, frozenset[str]]:
        return {self.into: frozenset({"callback"})} if self.tells_callback else {}

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
        news = ("system.queue_position", "system.queue_wait", "system.queue_soon")
        return (*news, "system.menu_choice", "system.queue_say", "system.did_you_want") if self.choices else news

    def reads(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        if self.priority is not None:
            yield ("priority",), str(self.priority)

    def enter(self, turn: Turn) -> Leave:
        turn.event("enqueue", queue=self.queue)
        return self._wait(turn)

    def resume(self, turn: Turn, given: Input) -> Leave:
        if "wish" in turn.state:
            assert isinstance(given, Keys | Words)
            wish = turn.state["wish"]
            return self._chosen(turn, wish) if meanwhile.confirmed(turn, given) else self._back(turn)
        match given:
            case Queued():
                if given.announcement is not None:
                    announcing.tell(turn, given.announcement)
                listens = self._tell(turn, given)
                return self._wait(turn, told=True, offered=given.callback or self._offered(turn), listens=listens)
            case Announced(announcement):
                announcing.tell(turn, announcement)
                return self._wait_on(turn)
            case Refused(why, announcement):
                if announcement is not None:
                    announcing.tell(turn, announcement)
                turn.event("queue_refused", queue=self.queue, why=why)
                if why == "callback":
                    turn.fill(self.into, booked(given.at, given.number))
                return why
            case Served(agent):
                turn.event("served", queue=self.queue, agent=agent)
                return "served"
            case Keys(digits):
                return self._chosen(turn, digits if any(choice.key == digits for choice in self.choices) else None)
            case Words():
                return self._said(turn, given)
        raise AssertionError(given)

    def _said(self, turn: Turn, given: Words) -> Leave:
        """In messages whatever holds a choice is one; a caller may have spoken to somebody else."""
        if not turn.can("voice"):
            wish = choose(turn, self._phrases(turn), given.text) if self.choices else None
            return self._chosen(turn, wish.exit if wish else None)
        found = meanwhile.meant(turn, given, self._phrases(turn))
        if found is None:
            return self._wait_on(turn, noises=turn.state.get("noises", 0) + 1)
        key, sure = found
        if sure:
            return self._chosen(turn, key)
        label = next(written(turn.prompt(choice.label)) for choice in self.choices if choice.key == key)
        turn.emit(meanwhile.whether(turn, label, self.speech))
        return turn.wait("Keys", "Words", wish=key, offered=self._offered(turn))

    def _chosen(self, turn: Turn, key: str | None) -> Leave:
        """Where a choice leads; what is none leaves the contact waiting, and an agent may read it later."""
        for choice in self.choices:
            if choice.key == key:
                turn.event("queue_choice", queue=self.queue, choice=key)
                return Goto(choice.go)
        return self._wait_on(turn)

    def _wait_on(self, turn: Turn, *, noises: int = 0) -> Leave:
        """As before: nothing was told of the queue."""
        told, listens = bool(turn.state.get("told")), bool(noises) and noises < meanwhile.MOST
        return self._wait(turn, told=told, offered=self._offered(turn), listens=listens, noises=noises)

    def _back(self, turn: Turn) -> Leave:
        """To the place, after a question; what is told of it then is told to somebody who has heard the rest."""
        return self._wait(turn, told=False, heard=True, offered=self._offered(turn))

    def _wait(
        self, turn: Turn, *, told: bool = False, heard: bool = False, offered: bool = False, listens: bool = False,
        noises: int = 0,
    ) -> Leave:  # fmt: skip
        choices = tuple(Offered(choice.key, turn.prompt(choice.label), tuple(choice.words)) for choice in self.choices)
        turn.emit(
            Enqueue(
                queue=self.queue,
                told=told,
                skills=dict(self.skills),
                priority=None if self.priority is None else _whole(turn.evaluate(self.priority)),
                choices=choices,
                music=None if self.music is None else turn.prompt(self.music),
                data=told_to_agents(turn),
                callback="take" if self.takes_callback else "tell" if self.tells_callback else "beside",
                listen=meanwhile.listen(turn, choices, self._phrases(turn), self.speech) if listens else None,
            )
        )
        return turn.wait(
            "Queued", "Refused", "Announced", "Served", "Keys", "Words", told=told or heard,
            offered=offered or not self._by_rule, noises=noises,
        )  # fmt: skip

    @property
    def _by_rule(self) -> bool:
        return any(choice.by_rule and choice.announce for choice in self.choices)

    def _offered(self, turn: Turn) -> bool:
        """Whether everything has been offered that may be."""
        return bool(turn.state.get("offered"))

    def _tell(self, turn: Turn, news: Queued) -> bool:
        """Whether the caller was told of a choice, and may say it."""
        spoken = False
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
        for choice in self.choices:
            # Messages stay to be read: each choice is written once.
            fresh = turn.can("voice") or (not self._offered(turn) if choice.by_rule else first)
            if choice.announce and fresh and (news.callback or not choice.by_rule):
                label = written(turn.prompt(choice.label))
                turn.say("system.menu_choice", {"label": label, "key": choice.key})
                spoken = turn.can("voice")
        if spoken and meanwhile.speaks(turn, self.speech):
            turn.say("system.queue_say")
        return spoken

    def _phrases(self, turn: Turn) -> Mapping[str, tuple[str, ...]]:
        return {choice.key: (written(turn.prompt(choice.label)), *choice.words) for choice in self.choices}


def booked(at: str, number: str) -> dict[str, str]:
    """What a slot holds of a callback (`BOOKED`): `at` is a date and time as 2026-01-31T15:00, or ""."""
    on, _, time = at.partition("T")
    return {"on": on, "time": time, "number": number}


def told_to_agents(turn: Turn) -> dict[str, Any]:
    """What an agent is told of the flow so far: the steps that the caller went through, and the slots, masked."""
    path = list(dict.fromkeys(f"{place[-1][0]}.{place[-1][1]}" for place in turn.trail if place))
    return {"path": path, "slots": masked(dict(turn.slots)), "language": turn.language}


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
