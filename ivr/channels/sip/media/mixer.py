"""Who hears whom: audio on its way from the streams that talk to those that listen.

A listener has one `Lane` for each talker. A single talker's frames are forwarded, translated between the laws by a
table where they differ; those of several are summed as linear samples and clipped. Nothing here has a timer: a talker
pushes what arrives, the listener's own 20 ms tick pulls.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ivr.channels.leg import FRAME_BYTES
from ivr.channels.sip.media.g711 import Codec, translation

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # until 3.12 it is the standard library's, which deprecates it
    import audioop

if TYPE_CHECKING:
    from ivr.channels.sip.media.stream import RtpStream

BRIDGE_START, BRIDGE_MOST = 2 * FRAME_BYTES, 6 * FRAME_BYTES
"""A lane begins to give audio when it has 40 ms, and drops the oldest beyond 120 ms."""
_LATE = 8000
"""A timestamp that lies up to a second back is late or repeated; one further back is a clock that began anew."""

_LAWS = {"PCMU": (audioop.ulaw2lin, audioop.lin2ulaw), "PCMA": (audioop.alaw2lin, audioop.lin2alaw)}


class Lane:
    """A small jitter buffer from a talker to a listener, in the listener's codec.

    `listener` is None where what is heard goes into a file.
    """

    __slots__ = ("_audio", "_codec", "_filling", "_next", "_table", "_talking", "listener", "talker")

    def __init__(self, talker: RtpStream, listener: RtpStream | None, codec: Codec) -> None:
        self.talker, self.listener = talker, listener
        self.use(codec)

    def use(self, codec: Codec) -> None:
        """The codec of either end changed: what waits is dropped."""
        self._codec, self._talking = codec, self.talker.codec
        self._table = translation(self._talking, codec)
        self._audio = bytearray()
        self._filling = True
        self._next = -1

    def push(self, timestamp: int, payload: bytes) -> None:
        """Audio of the talker, as it arrived; what is late or repeated is dropped."""
        if self.talker.codec is not self._talking:
            self.use(self._codec)
        if self._next >= 0 and 0 < (self._next - timestamp) & 0xFFFFFFFF <= _LATE:
            return
        self._next = (timestamp + len(payload)) & 0xFFFFFFFF
        audio = self._audio
        audio += payload if self._table is None else payload.translate(self._table)
        if len(audio) > 2 * BRIDGE_MOST:
            del audio[:-BRIDGE_START]

    def pull(self) -> bytes | None:
        """The next 20 ms; None where the talker says nothing."""
        audio = self._audio
        if len(audio) < (BRIDGE_START if self._filling else FRAME_BYTES):
            self._filling = True
            return None
        self._filling = False
        if len(audio) > BRIDGE_MOST:
            del audio[: len(audio) - BRIDGE_START]
        frame = bytes(audio[:FRAME_BYTES])
        del audio[:FRAME_BYTES]
        return frame


class Hearing:
    """What one stream hears. `digits`: keys that its talkers press (RFC 4733) are pressed towards it as well."""

    __slots__ = ("_listener", "digits", "lanes")

    def __init__(self, listener: RtpStream, lanes: Sequence[Lane], digits: bool) -> None:
        self._listener, self.lanes, self.digits = listener, lanes, digits

    def frame(self) -> bytes:
        """The next 20 ms of all talkers together, in the listener's codec."""
        frames = [frame for lane in self.lanes if (frame := lane.pull()) is not None]
        if not frames:
            return self._listener.silence
        return frames[0] if len(frames) == 1 else mix(frames, self._listener.codec)

    def use(self, codec: Codec) -> None:
        """The listener's codec changed."""
        for lane in self.lanes:
            lane.use(codec)


def hear(listener: RtpStream, talkers: Iterable[RtpStream], *, digits: bool) -> None:
    """Let a stream hear these and nobody else; itself never.

    Lanes of talkers that stay keep their audio, so that somebody joins or leaves without a gap for the others.
    """
    wanted = [talker for talker in dict.fromkeys(talkers) if talker is not listener]
    known = {lane.talker: lane for lane in listener.hearing.lanes} if listener.hearing is not None else {}
    for talker in known.keys() - set(wanted):
        detach(known[talker])
    lanes = [known.get(talker) or attach(Lane(talker, listener, listener.codec)) for talker in wanted]
    listener.hearing = Hearing(listener, lanes, digits) if lanes else None
    listener.refresh_sending()


def leave(stream: RtpStream) -> None:
    """A stream is over: it hears nobody, and nobody hears it."""
    hear(stream, (), digits=False)
    for lane in stream.heard_by:
        listener = lane.listener
        if listener is not None and listener.hearing is not None:
            others = [other.talker for other in listener.hearing.lanes if other is not lane]
            hear(listener, others, digits=listener.hearing.digits)


def attach(lane: Lane) -> Lane:
    """From now on the talker's audio goes into it."""
    lane.talker.heard_by += (lane,)
    lane.talker.refresh()
    return lane


def detach(lane: Lane) -> None:
    lane.talker.heard_by = tuple(other for other in lane.talker.heard_by if other is not lane)
    lane.talker.refresh()


def mix(frames: Sequence[bytes], codec: Codec) -> bytes:
    """The sum of coded frames of one length, clipped at full scale."""
    decode, encode = _LAWS[codec.name]
    total = decode(frames[0], 2)
    for frame in frames[1:]:
        total = audioop.add(total, decode(frame, 2), 2)
    return encode(total, 2)
