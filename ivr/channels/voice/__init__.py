"""A flow over a call leg, whatever stack carries the leg: what the flow says is played, what the caller keys is fed.

`call` carries out a flow's effects in order; `line` is the leg with its clock and its keys; `question`, `recorder`
and `errand` are what the caller may have to wait for.
"""

from ivr.channels.voice.call import VoiceCall

__all__ = ["VoiceCall"]
