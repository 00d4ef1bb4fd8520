"""What is played to who hears nobody."""

from __future__ import annotations

from collections.abc import Sequence

from ivr.bridge.parts import Manner
from ivr.bridge.state import Sound
from ivr.channels.leg import Clip
from ivr.speech.pcm import silence, tone

RINGING = (tone(425, 1.0), silence(4.0))
"""The ringing tone of ETSI TS 100 512: 425 Hz, one second in five."""
HELD = (tone(425, 0.15, dbfs=-30), silence(7.85))
"""Tells an agent from time to time that somebody is on hold."""


def sound(name: Sound, manner: Manner) -> Sequence[Clip]:
    match name:
        case "music":
            return manner.music or RINGING
        case "consent":
            return manner.recording.consent if manner.recording is not None else ()
        case "held":
            return HELD
    return RINGING
