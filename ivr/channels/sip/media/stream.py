"""A stream in the media process: one call's RTP and RTCP sockets and what is being done with them.

The loop sends and receives for a stream in the common case by itself (`loop.py`); here is everything else.
"""

from __future__ import annotations

import itertools
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ivr.channels.leg import FRAME_BYTES
from ivr.channels.sip.media import mixer, sieve
from ivr.channels.sip.media.dtmf import EventReceiver, Step, digit_steps
from ivr.channels.sip.media.ear import Ear
from ivr.channels.sip.media.g711 import PCMU, Codec
from ivr.channels.sip.media.inband import ToneDetector
from ivr.channels.sip.media.player import Player
from ivr.channels.sip.media.ports import renew
from ivr.channels.sip.media.recording import Reason
from ivr.channels.sip.media.reports import Reports
from ivr.channels.sip.media.rtp import HEADER, MARKER, TIMESTAMP_MASK, VERSION, Packet, Reception
from ivr.channels.sip.media.source import Address, Newcomer, SourceFilter
from ivr.channels.sip.media.wire import Wire

if TYPE_CHECKING:
    from ivr.channels.sip.media.tape import Tape

QUIET = 5.0
"""Seconds without a packet, RTP or RTCP, after which a peer in a conversation is quiet; again after as many more."""


class RtpStream(Wire):
    """State of one stream. `emit` takes a message for the signalling process."""

    __slots__ = (
        "_filter", "_life", "_life_at", "_newcomer", "_sieved", "_steps", "address", "codec", "detour", "digits", "ear",
        "emit", "event_type", "first_sequence", "heard_by", "hearing", "id", "locked", "payload_type", "player", "port",
        "receiving", "reception", "remote", "reports", "sending", "sequence", "silence", "slot", "ssrc", "tape",
        "tapped", "timestamp_offset", "translate", "watched",
    )  # fmt: skip

    def __init__(
        self, number: int, rtp: socket.socket, rtcp: socket.socket, emit: Callable[..., None], tones: ToneDetector
    ) -> None:
        super().__init__(rtp, rtcp)
        self.id, self.emit = number, emit
        self.address: Any = rtp.getsockname()
        self.port: int = self.address[1]
        self.remote: Address | None = None
        self.locked = self.sending = self.receiving = self.tapped = False
        self.detour = True
        self.codec: Codec = PCMU
        self.payload_type = PCMU.payload_type
        self.event_type: int | None = None
        self.silence, self.translate = PCMU.silent_frame, PCMU.from_ulaw
        self.sequence = self.first_sequence = secrets.randbits(15)
        self.ssrc, self.timestamp_offset = secrets.randbits(32), secrets.randbits(32)
        self.slot = -1
        self.player = Player()
        self.digits = EventReceiver()
        self.reception: Reception | None = None
        self._newcomer = Newcomer()
        self._sieved: tuple[int, int] | None = None
        self.ear = Ear(tones)
        self.hearing: mixer.Hearing | None = None
        self.heard_by: tuple[mixer.Lane, ...] = ()
        self.tape: Tape | None = None
        self.watched = False
        """Whether it takes part in a conversation: a peer that goes silent is reported."""
        self.reports = Reports(self.ssrc, rtcp)
        self._filter: SourceFilter | None = None
        self._steps: Iterator[Step] | None = None
        self._life, self._life_at = (0, 0), time.monotonic()

    # -- set up by signalling

    def connect(
        self, remote: Address, codec: Codec, event_type: int | None, send: bool, receive: bool, learn: bool | None,
        mux: bool = False,
    ) -> None:  # fmt: skip
        """Take what was negotiated. A changed address forgets the source; the clocks go on."""
        if remote != self.remote or mux != self.reports.mux:
            self.reports.aim(remote, self.rtp if mux else self.rtcp, mux)
        if remote != self.remote:
            self._unlock()
            self.remote, self._filter = remote, SourceFilter(remote, learn)
        if codec is not self.codec:
            self.codec = codec
            self.silence, self.translate = codec.silent_frame, codec.from_ulaw
            self.ear.use(codec)
            if self.hearing is not None:
                self.hearing.use(codec)
        self.payload_type, self.event_type = codec.payload_type, event_type
        self.sending, self.receiving = send, receive
        self.refresh()

    def new_sender(self, ssrc: int) -> None:
        """Go on under another SSRC, with sequence numbers of its own."""
        self.ssrc = self.reports.ssrc = ssrc
        self.sequence = self.first_sequence = secrets.randbits(15)
        self.refresh_sending()

    def _unlock(self) -> None:
        if self.locked:
            renew(self.rtp, self.address)
            self._sieved = None
        self.locked = False
        self._new_source()

    def _new_source(self) -> None:
        self.reception, self._newcomer = None, Newcomer()
        self.ear.new_source()

    def refresh(self) -> None:
        """Work out whether the loop's short way will do, for sending (`detour`) and for receiving (`tapped`)."""
        self.refresh_sending()
        self.ear.detect_tones(self.remote is not None and self.event_type is None and self.receiving)
        self.tapped = self.receiving and (self.ear.wanted or bool(self.heard_by))
        self._sieve()

    def _sieve(self) -> None:
        """Have the kernel drop audio that nobody wants, of the source and SSRC that are known."""
        reception = self.reception
        drop = None if reception is None or self.tapped else (self.payload_type, reception.ssrc)
        if drop == self._sieved:
            return
        if drop is None:
            sieve.detach(self.rtp)
        elif not sieve.attach(self.rtp, *drop):
            return
        elif reception is not None:
            reception.step = sieve.EVERY
        self._sieved = drop

    # -- sending, when the loop's short way won't do

    def send_slowly(self, clock: int) -> bool:
        """One tick: before there is a source, on hold, sending digits, bridged. True if a packet went out."""
        timestamp = (clock + self.timestamp_offset) & TIMESTAMP_MASK
        kind, event = self.payload_type, False
        step = self._next_step()
        if step is not None:
            payload, event = step.payload, step.event
            if event:
                assert self.event_type is not None
                kind = self.event_type | (MARKER if step.marker else 0)
                timestamp = (timestamp - step.elapsed) & TIMESTAMP_MASK
            elif self.translate is not None:
                payload = payload.translate(self.translate)
        elif self.hearing is not None and self.player.play is None:
            payload = self.hearing.frame()
        else:
            payload = self.next_frame()
        if self.tape is not None:
            self._onto_tape(self.silence if event else payload)
        if not self.sending or self.remote is None:
            return False
        if self.sequence == self.first_sequence:
            kind |= MARKER
        self.sequence += 1
        head = HEADER.pack(VERSION, kind, self.sequence & 0xFFFF, timestamp, self.ssrc)
        try:
            if self.locked:
                self.send(head + payload)
            else:
                self.send_to(head + payload, self.remote)
        except OSError:
            return False
        finally:
            self.refresh_sending()
        return True

    def refresh_sending(self) -> None:
        first = self.sequence == self.first_sequence
        self.detour = (
            first
            or not (self.locked and self.sending)
            or self._steps is not None
            or self.hearing is not None
            or self.tape is not None
        )

    def _next_step(self) -> Step | None:
        if self._steps is None:
            return None
        step = next(self._steps, None)
        if step is None:
            self._steps = None
        return step

    def next_frame(self) -> bytes:
        """20 ms of what is played, in the stream's codec; silence otherwise."""
        player = self.player
        if player.play is None:
            return self.silence
        frame = player.audio[player.position : player.position + FRAME_BYTES]
        player.position += FRAME_BYTES
        if player.position >= player.end:
            self.clip_ended()
        return frame if self.translate is None else frame.translate(self.translate)

    def clip_ended(self) -> None:
        """The last frame of a clip went out."""
        if not self.player.advance():
            self.end_play("done")

    def start_play(self, play: int, clips: list[bytes], loop: bool) -> None:
        self.end_play("stopped")
        if not self.player.start(play, clips, loop):
            self.end_play("done")

    def end_play(self, reason: str) -> None:
        play = self.player.stop()
        if play is not None:
            self.emit("play_ended", self.id, play, reason, time.monotonic())

    def send_digits(self, digits: str) -> None:
        """Send digits after those that are still being sent; what is played waits."""
        more = digit_steps(digits, PCMU.silent_frame, events=self.event_type is not None)
        before = self._steps
        self._steps = more if before is None else itertools.chain(before, more)
        self.refresh_sending()

    # -- bridge

    def relay(self, digit: str) -> None:
        """A key that came apart from the audio: press it towards those who hear this stream, if they want keys."""
        for lane in self.heard_by:
            if lane.listener is not None and lane.listener.hearing is not None and lane.listener.hearing.digits:
                lane.listener.send_digits(digit)

    def _onto_tape(self, sent: bytes) -> None:
        assert self.tape is not None
        if self.tape.take(sent if self.codec.to_ulaw is None else sent.translate(self.codec.to_ulaw), time.monotonic()):
            self.tape = None

    def end_tape(self, reason: Reason) -> None:
        if self.tape is not None:
            self.tape.end(reason)
            self.tape = None
            self.refresh_sending()

    def listen_for_life(self, now: float) -> None:
        """Say so if nothing has come from the peer for too long, though it could have sent."""
        life = (self.reception.received if self.reception is not None else 0, self.reports.received)
        if life != self._life or not self.receiving:
            self._life, self._life_at = life, now
        elif now - self._life_at >= QUIET:
            self._life_at = now
            self.emit("quiet", self.id)

    # -- receiving, when the loop's short way won't do

    def learn(self, packet: Packet, address: Address) -> bool:
        """A packet came while there is no source; True if its sender now is the source."""
        known = packet.payload_type in (self.payload_type, self.event_type, 13)
        if self._filter is None or not known or not self._filter.accept(address, packet.ssrc, packet.sequence):
            return False
        try:
            self.rtp.connect(address)
        except OSError:
            return False
        self.locked = True
        self.reports.source(address)
        self.refresh()
        return True

    def packet(self, packet: Packet, buffer: bytearray, now: float, lived: float) -> None:
        """Any valid packet from the source that is not plain audio of the known SSRC; `lived` is the loop's."""
        if packet.payload_type not in (self.payload_type, self.event_type):
            return
        current = self._count(packet, now)
        if not self.receiving:
            return
        payload = bytes(buffer[packet.start : packet.end])
        if packet.payload_type == self.event_type:
            if current or self._newcomer.believed:
                self.ear.key_seen = now
                digit = self.digits.receive(packet.ssrc, packet.timestamp, payload, lived)
                if digit is not None:
                    self.pressed(digit, now)
                    self.relay(digit)
        elif current and self.tapped:
            self.tap(packet.sequence, packet.timestamp, payload, now)

    def _count(self, packet: Packet, now: float) -> bool:
        """Count a packet; False if it is not of the SSRC that the source has (now)."""
        transit = (int(now * 8000) - packet.timestamp) & TIMESTAMP_MASK
        reception, newcomer = self.reception, self._newcomer
        if reception is not None and reception.ssrc == packet.ssrc:
            # an event's timestamp stands still: no measure of jitter
            is_audio = packet.payload_type == self.payload_type
            reception.count(packet.sequence, transit if is_audio else reception.transit)
            return True
        if reception is not None:
            newcomer.count(packet.ssrc, packet.sequence, reception.received, reception.step)
            if not newcomer.alone:
                return False
        self._new_source()
        self.reception = Reception(packet.ssrc, packet.sequence, transit)
        self._sieve()
        return True

    def pressed(self, digit: str, now: float) -> None:
        """A key was pressed, in whatever way it was told."""
        self.emit("digit", self.id, digit, now)
        self.finish_on(digit)

    def finish_on(self, digit: str) -> None:
        recording = self.ear.recording
        if recording is not None and digit in recording.finish_on:
            self.ear.end_recording("key")
            self.refresh()

    def tap(self, sequence: int, timestamp: int, payload: bytes, now: float) -> None:
        """Hand received audio to whoever wants it."""
        if self.reception is not None:
            self.reception.step = 1  # the first packet since the kernel lets all of them pass
        if not payload:
            return
        for lane in self.heard_by:
            lane.push(timestamp, payload)
        self.ear.hear(sequence, timestamp, payload, now)

    def close(self) -> None:
        """Give everything back; the sockets are closed by the owner."""
        self.end_play("stopped")
        mixer.leave(self)
        self.end_tape("hangup")
        self.ear.close()
        self.remote = None
