"""PURE: one step of a conversation being made, with what several events and orders come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ivr.bridge import soundscape
from ivr.bridge.state import (
    CUSTOMER,
    Answer,
    Command,
    Complete,
    Connected,
    Dial,
    End,
    HangUp,
    How,
    Mode,
    Note,
    Party,
    Record,
    Requeue,
    Role,
    State,
    StopPayment,
    TakePayment,
    Target,
)


class Turn:
    """One step being made: the state so far, and the commands."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._out: list[Command] = []

    def commands(self, before: State) -> tuple[Command, ...]:
        """All of this step: what everybody hears changes before a secret is asked for and before somebody is told that
        it is done, and `End` is last."""
        after = self.state
        sounds = list(soundscape.changes(before, after)) if after.started and not after.over else []
        last = [command for command in self._out if isinstance(command, (TakePayment, Answer, Note, End))]
        first = [command for command in self._out if not isinstance(command, (TakePayment, Answer, Note, End))]
        last.sort(key=lambda command: isinstance(command, End))
        return (*first, *_recorder(_taping(before), _taping(after)), *sounds, *last)

    def want(self, command: Command) -> None:
        self._out.append(command)

    def note(self, kind: str, **data: object) -> None:
        self.want(Note(kind, data))

    def set(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)

    # Parties

    def party(self, id: str) -> Party:
        return self.state.parties[id]

    def change(self, id: str, **changes: Any) -> None:
        changed = replace(self.party(id), **changes)
        self.set(parties={**self.state.parties, id: changed})

    def dial(self, role: Role, target: Target, *, mode: Mode = "") -> str:
        number = self.state.made + 1
        id = f"p{number}"
        self.set(made=number, parties={**self.state.parties, id: Party(role, target.value, mode=mode)})
        self.want(Dial(id, target))
        return id

    def hang_up(self, id: str) -> None:
        """End a leg of ours; nothing is heard of it any more."""
        if id in self.state.parties:
            self.forget(id)
            self.want(HangUp(id))

    def forget(self, id: str) -> None:
        left: Mapping[str, Party] = {other: party for other, party in self.state.parties.items() if other != id}
        self.set(parties=left)

    def named(self, who: str) -> str:
        """The id of an agent's leg, or ""."""
        mine = (id for id, party in self.state.parties.items() if party.who == who and party.role != "customer")
        return next(mine, "") if who else ""

    # Events

    def start(self) -> None:
        if self.state.started:
            return
        self.set(started=True)
        self.want(Connected())
        self.note("connected", agent=self.party(self.state.agent).who)

    def announced(self, party: str) -> None:
        if self.state.announcing and party == CUSTOMER:
            self.set(announcing=False)

    def answered(self, id: str) -> None:
        party = self.state.parties.get(id)
        if party is None:
            self.want(HangUp(id))  # it was called for nothing, and took the call before that was said
            return
        if party.up:
            return
        self.change(id, up=True)
        if id == self.state.leaving_for:
            self.hand_over(id, "transferred")
        elif party.mode == "take_over":
            self.take_over(id)
        else:
            self.note("joined", party=party.who, role=party.role, mode=party.mode)

    def gone(self, id: str, in_order: bool, why: str) -> None:
        party = self.state.parties.get(id)
        if party is None:
            return
        if id == CUSTOMER:
            self.forget(id)
            self.end("ended", "customer_hung_up" if in_order else "customer_lost")
            return
        self.forget(id)
        if id == self.state.agent:
            self._agent_gone(in_order)
        elif id == self.state.leaving_for:
            self.note("transfer_failed", to=party.who, why=why)
            self.requeue(self.state.queue, "transfer_failed")
        elif party.role == "consulted":
            self.note("consulted_left", party=party.who, why=why)
            self.set(private=False, held=self.state.held and not self.state.private)
        else:
            self.note("left", party=party.who, role=party.role)

    def _agent_gone(self, in_order: bool) -> None:
        """The leg of who serves the customer is over: somebody else goes on, or the flow does, or the queue."""
        state = self.state
        if state.referring:
            # whether the customer's side has called the other party is still to be heard
            self.dismiss()
            self.set(agent="")
            return
        heir = self._heir(in_order)
        if heir and self.party(heir).up:
            self.hand_over(heir, "transferred")
        elif heir:
            self.leave_for(heir)
        elif in_order and state.started and not (state.held or state.private or state.announcing or state.paying):
            self.end("flow", "agent_hung_up")
        else:
            self.requeue(state.queue, "agent_hung_up" if in_order else "agent_lost")

    def _heir(self, in_order: bool) -> str:
        """Who goes on with the customer when the agent leaves: the consulted party (who was only asked, if it failed
        while they were apart, and then goes), or a supervisor who had joined."""
        third = self.state.consulted
        if third and (in_order or (self.party(third).up and not self.state.private)):
            return third
        joined = (id for id, party in self.state.parties.items() if party.up and party.mode == "join")
        return next(joined, "")

    def refer_ended(self, ok: bool) -> None:
        if not self.state.referring:
            return
        self.set(referring=False)
        if ok:
            # his side has called the other party: this call is not needed any more
            self.hang_up(CUSTOMER)
            self.end("ended", "transferred")
            return
        self.note("transfer_failed", why="refused")
        if not self.state.agent:
            self.requeue(self.state.queue, "transfer_failed")

    def offer_lost(self) -> None:
        if self.state.offer_open:
            self.set(offer_open=False)
            self.end("requeue", "lost_offer")

    def payment_ended(self, result: str, data: Mapping[str, object]) -> None:
        if self.state.paying:
            self.set(paying="")
            self.note("payment_ended", result=result, **data)

    # What several of them come to

    def abandon_payment(self) -> None:
        """The customer's line is needed for something else, or gone."""
        if self.state.paying:
            self.want(StopPayment(told=False))
            self.payment_ended("interrupted", {})

    def hand_over(self, id: str, why: str) -> None:
        """From now on this party, which is up, serves the customer; the agent before, if there still is one, goes."""
        self.abandon_payment()
        before = self.state.agent
        self.set(agent=id, leaving_for="", private=False, held=False, announcing=False, secret=False)
        if before and before != id:
            self.hang_up(before)
        self.change(id, role="agent", mode="", muted=False)
        self.complete(why, heir=self.party(id).who)
        self.note(why, to=self.party(id).who)

    def take_over(self, id: str) -> None:
        third = self.state.consulted
        if third and self.state.private:
            self.hang_up(third)
        self.hand_over(id, "taken_over")

    def leave_for(self, id: str) -> None:
        """The agent goes before the party that is being called has answered."""
        self.abandon_payment()
        self.dismiss(id)
        self.change(id, role="agent")
        self.set(agent="", leaving_for=id, private=False, held=False, announcing=False, secret=False)

    def dismiss(self, *but: str) -> None:
        """Hang up everybody but the customer and these."""
        for id in list(self.state.parties):
            if id != CUSTOMER and id not in but:
                self.hang_up(id)

    def complete(self, why: str, heir: str = "") -> None:
        if self.state.offer_open:
            if not heir:
                self.set(offer_open=False)
            self.want(Complete(why, heir))

    def requeue(self, queue: str, why: str) -> None:
        self.abandon_payment()
        self.want(Requeue(queue, why, fresh=not self.state.offer_open))
        self.set(offer_open=False)
        self.end("requeue", why, queue)

    def end(self, how: How, why: str, queue: str = "") -> None:
        """Nobody stays but the customer, if he does."""
        self.abandon_payment()
        self.dismiss()
        self.complete(why)
        self.set(over=True)
        self.note("ended", how=how, why=why)
        self.want(End(how, why, queue or self.state.queue))


def _taping(state: State) -> str:
    if not (state.recorded and state.started) or state.announcing or state.over:
        return "off"
    return "paused" if state.paused or state.hushed else "on"


def _recorder(before: str, after: str) -> list[Command]:
    if before == after:
        return []
    if after == "off":
        return [Record("stop")]
    started: list[Command] = [Record("start")] if before == "off" else []
    return started + ([Record("pause")] if after == "paused" else [] if started else [Record("resume")])
