"""PURE: what a conversation's state asks of the participants of its conference
(https://www.twilio.com/docs/voice/api/conference-participant-resource).

A conference lets everybody hear everybody. What the bridge's machine wants beside that is made of three things: who is
on hold hears a sound and is heard by nobody, who is muted is heard by nobody, who coaches is heard by one. So a
consultation needs no second conference: the customer is on hold meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ivr.bridge.soundscape import company, heard
from ivr.bridge.state import CUSTOMER, Hear, Play, State


@dataclass(frozen=True, slots=True)
class Wish:
    """How a participant is to be. `hold` is the sound that it hears on hold, "" off it; `coaches` the party that alone
    hears it; `ends`: the conference ends when it leaves."""

    hold: str = ""
    muted: bool = False
    coaches: str = ""
    ends: bool = False

    def after(self, before: Wish) -> Wish:
        """What is asked of who is like `before`: on hold one sound does for another, since nothing says that Twilio
        changes it."""
        return replace(self, hold=before.hold) if self.hold and before.hold else self


def wishes(state: State) -> dict[str, Wish]:
    """For each party that is up. Empty before customer and agent are connected, and afterwards."""
    if not state.started or state.over:
        return {}
    up = [id for id, party in state.parties.items() if party.up]
    sounds = {id: heard(state, id) for id in up}
    on_hold = {id: sound.sound for id, sound in sounds.items() if isinstance(sound, Play)}
    # who is asked for a card is heard by nobody, and soon out of the conference
    quiet = {*on_hold, CUSTOMER} if state.paying else on_hold.keys()
    audible = {talker for sound in sounds.values() if isinstance(sound, Hear) for talker in sound.talkers}
    for id in up:
        partners = company(state, id)
        if id in on_hold or id in audible or id == CUSTOMER or isinstance(partners, str):
            continue
        if partners <= quiet:
            # who only listens would hear nothing of those who are on hold
            on_hold[id] = "held"
    return {
        id: Wish(
            hold=on_hold.get(id, ""),
            muted=state.parties[id].muted or (id not in on_hold and id not in audible),
            coaches=state.agent if state.parties[id].mode == "whisper" else "",
            ends=id == state.agent and not _heirs(state),
        )
        for id in up
    }


def arriving(state: State, id: str, *, held: bool) -> Wish:
    """How a party that was called comes into the conference: as quiet as it will be. `held`: the agent is on hold, and
    can't be whispered to yet (https://www.twilio.com/docs/api/errors/16027)."""
    mode = state.parties[id].mode
    whispers = mode == "whisper" and not held
    return Wish(muted=mode == "listen" or (mode == "whisper" and held), coaches=state.agent if whispers else "")


def _heirs(state: State) -> bool:
    """Whether somebody may go on with the customer when the agent leaves."""
    return bool(state.consulted) or any(party.mode == "join" for party in state.parties.values())
