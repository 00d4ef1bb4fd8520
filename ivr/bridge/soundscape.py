"""What everybody hears, as a function of the state: somebody, or a sound, and never nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.bridge.state import CUSTOMER, Command, Hear, Play, Sound, State


def company(state: State, id: str) -> frozenset[str] | Sound:
    """With whom a party that is up talks (whether they are muted or not), or the sound that it hears instead."""
    party = state.parties[id]
    if state.announcing and party.role in ("customer", "agent"):
        return "consent"
    if not state.agent or state.referring:
        # a transfer rings: whoever is left waits for it
        return "music" if id == CUSTOMER and state.referring else "ringing"
    talk = _conversation(state)
    if id == CUSTOMER:
        return frozenset(talk - {id}) if id in talk else "music"
    if id == state.agent:
        partners = _partners(state, talk)
        return frozenset(partners) if partners else "ringing" if state.private else "held"
    if party.role == "consulted":
        return frozenset({state.agent}) if state.private else frozenset(talk - {id})
    # a supervisor hears what the agent says and hears
    return frozenset({state.agent, *_partners(state, talk)} - {id})


def _conversation(state: State) -> set[str]:
    """Who takes part in the customer's conversation; without the customer, while he hears music."""
    joined = {state.agent}
    for id, party in state.parties.items():
        if party.up and (
            (party.role == "customer" and not (state.held or state.private))
            or (party.role == "consulted" and not state.private)
            or party.mode == "join"
        ):
            joined.add(id)
    return joined


def _partners(state: State, talk: set[str]) -> set[str]:
    """Whom the agent hears: the consulted alone, or the conversation; and supervisors who whisper."""
    if state.private:
        talk = {state.consulted} if state.parties[state.consulted].up else set()
        if not talk:
            return set()
    return (talk | {id for id, party in state.parties.items() if party.up and party.mode == "whisper"}) - {state.agent}


def heard(state: State, id: str) -> Play | Hear:
    """What the media are to do for a party that is up."""
    partners = company(state, id)
    if isinstance(partners, str):
        return Play(id, partners)
    # while a secret is keyed and said, the customer's line goes nowhere
    silent = {other for other in partners if state.parties[other].muted or (state.hushed and other == CUSTOMER)}
    if state.hushed and partners == {CUSTOMER}:
        return Play(id, "held")
    return Hear(id, partners - silent, digits=not state.hushed)


def changes(before: State, after: State) -> Iterator[Command]:
    """What to do for everybody to hear what they should, where they hear what they did before."""
    for id, party in after.parties.items():
        if not party.up:
            continue
        now = heard(after, id)
        was = before.parties.get(id)
        if was is None or not was.up or not before.started or heard(before, id) != now:
            yield now
