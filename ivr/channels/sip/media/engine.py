"""The media process: takes commands, keeps the streams, gives events. Logic is the signalling process's.

Commands are served in the time that the loop has to spare before its next deadline, and a few in every turn at
least, so that a burst of them never makes a packet late.
"""

from __future__ import annotations

import gc
import heapq
import importlib
import os
import resource
import select
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from ivr.channels.sip.media.inband import ToneDetector
from ivr.channels.sip.media.loop import SLOT_SECONDS, MediaLoop
from ivr.channels.sip.media.ports import PortPairs
from ivr.channels.sip.media.protocol import Message, Unpacker, pack
from ivr.channels.sip.media.recording import Recording
from ivr.channels.sip.media.reports import Reports
from ivr.channels.sip.media.stream import RtpStream
from ivr.channels.sip.media.tape import Tape
from ivr.channels.sip.media.wav import DiskWriter

_SPARE = 0.0003
"""Seconds before a deadline in which no further command is begun."""
_LEAST_COMMANDS = 4
_READ = 65536
_MOST_UNSENT = 4_000_000
"""Bytes of events that the signalling process may leave unread before audio for it is dropped."""
_COLLECT_EVERY = 30.0
_PRIORITY = -10


class Engine:
    """One media process's state; `run()` returns when the control socket closes."""

    def __init__(self, control: socket.socket, host: str, ports: tuple[int, int] | None) -> None:
        self.control = control
        control.setblocking(False)
        self.loop = MediaLoop()
        self.pairs = PortPairs(host, ports)
        self.tones = ToneDetector()
        self.writer = DiskWriter()
        self.streams: dict[int, RtpStream] = {}
        self.recordings: dict[int, Recording | Tape] = {}
        self.clips: dict[str, bytes] = {}
        self.loading: dict[str, list[bytes]] = {}
        self.recording_number = 0
        self.dropped: Counter[str] = Counter()
        """Packets of encrypted streams, since it was told last."""
        self.running = True
        self._rows: dict[int, RtpStream] = {}
        self._due: list[tuple[float, int]] = []
        self._messages = Unpacker()
        self._backlog = False
        self._out = bytearray()
        self._parent = os.getppid()
        self._collected = self._listen_at = time.monotonic()
        from ivr.channels.sip.media.commands import COMMANDS

        self._commands: dict[str, Callable[..., None]] = COMMANDS

    # -- for commands

    def emit(self, *message: object) -> None:
        """Send a message to the signalling process at the end of this turn."""
        self._out += pack(message)

    def settle(self, stream: RtpStream) -> None:
        """A command may have changed what the loop has to do for a stream."""
        if stream.remote is not None and stream.slot < 0:
            self.loop.schedule(stream)
            heapq.heappush(self._due, (Reports.first_due(time.monotonic()), stream.id))
        if stream.ear.timed:
            self.loop.tapped.add(stream)
        else:
            self.loop.tapped.discard(stream)
        if stream.ear.row >= 0:
            self._rows[stream.ear.row] = stream

    def drop(self, stream: RtpStream) -> None:
        """Close a stream: BYE to the peer, its files ended, its ports free."""
        if self.streams.pop(stream.id, None) is None:
            return
        self._report(stream, bye=True)
        if stream.ear.row >= 0:
            self._rows.pop(stream.ear.row, None)
        stream.close()
        self.loop.remove(stream)
        self.pairs.give_back(stream.port)

    def is_recording(self, number: int) -> bool:
        """Whether a file of this stream is still being written."""
        return any(recording.stream == number for recording in self.recordings.values())

    # -- running

    def run(self) -> None:
        while self.running:
            self._wait()
            if not self.running:
                break
            if self.streams or self.recordings:
                self.loop.turn()
                self._after_turn()
            else:
                self.loop.rest()
            self._flush()
            self._housekeeping()
        for stream in list(self.streams.values()):
            self.drop(stream)
        self.writer.stop()

    def _wait(self) -> None:
        """Serve the commands that have come, then sleep until the next deadline; without streams, until a command.

        A command that comes meanwhile waits for the next turn, a quarter of a frame at most: to wake up for each
        costs more than what it asks for.
        """
        if not (self._backlog or self.streams or self.recordings):
            select.select((self.control,), (), (), 1.0)
        while self.running and (self._backlog or self._read()):
            self._serve(self.loop.deadline - time.monotonic() - _SPARE)
            self._flush()
            if time.monotonic() > self.loop.deadline - _SPARE:
                break
        if self.running and (self.streams or self.recordings):
            time.sleep(max(0.0, self.loop.deadline - time.monotonic()))

    def _read(self) -> bool:
        """Take what has come; False if nothing has."""
        try:
            data = self.control.recv(_READ)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            data = b""
        if not data:
            self.running = False
        self._messages.feed(data)
        self._backlog = True
        return True

    def _serve(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        for served, message in enumerate(self._messages, 1):
            self._command(message)
            if served >= _LEAST_COMMANDS and time.monotonic() > until:
                return
        self._backlog = False

    def _command(self, message: Message) -> None:
        try:
            self._commands[message[0]](self, *message[1:])
        except Exception as error:
            # one bad command must not end every call of the process
            print(f"media: {message[0]}: {error!r}", file=sys.stderr, flush=True)

    def _after_turn(self) -> None:
        now = time.monotonic()
        for row, digit in self.tones.run():
            stream = self._rows.get(row)
            if stream is not None:
                stream.pressed(digit, now)
        feeds = [(stream.id, feed) for stream in self.loop.tapped if (feed := stream.ear.take_feed())]
        if feeds and len(self._out) < _MOST_UNSENT:
            self.emit("audio", feeds)
        while self._due and self._due[0][0] <= now:
            _, number = heapq.heappop(self._due)
            stream = self.streams.get(number)
            if stream is not None:
                self._report(stream)
                heapq.heappush(self._due, (Reports.next_due(now), number))
        if now >= self._listen_at:
            self._listen_at = now + 1.0
            if self.dropped:
                self.emit("dropped", self.dropped["unauthentic"], self.dropped["replayed"])
                self.dropped.clear()
            for stream in self.streams.values():
                if stream.watched:
                    stream.listen_for_life(now)
        finished = self.writer.finished
        while finished:
            self._recording_finished(*finished.popleft())

    def _report(self, stream: RtpStream, *, bye: bool = False) -> None:
        timestamp = (self.loop.clock + stream.timestamp_offset) & 0xFFFFFFFF
        sent = stream.sequence - stream.first_sequence
        stream.reports.send(timestamp, sent, stream.reception, bye=bye, seal=stream.seal_report)

    def _recording_finished(self, number: int, seconds: float, complete: bool) -> None:
        recording = self.recordings.pop(number, None)
        if recording is None:
            return  # a second word about a recording that had failed
        stream = self.streams.get(recording.stream)
        if not complete:
            recording.ended = "error"
            if stream is not None and stream.ear.recording is recording:
                stream.ear.end_recording("error")
            elif stream is not None and stream.tape is recording:
                stream.end_tape("error")
        self.emit("recording_ended", recording.stream, recording.path, seconds, recording.ended)
        if stream is not None:
            stream.refresh()
            self.settle(stream)
        elif not self.is_recording(recording.stream):
            self.emit("closed", recording.stream)

    def _flush(self) -> None:
        if not self._out:
            return
        try:
            sent = self.control.send(self._out)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.running = False
            return
        del self._out[:sent]

    def _housekeeping(self) -> None:
        if os.getppid() != self._parent:
            self.running = False
        now = time.monotonic()
        if now - self._collected > _COLLECT_EVERY:
            self._collected = now
            gc.collect()


def serve(control: socket.socket, host: str, ports: tuple[int, int] | None, cpu: int | None) -> None:
    """Be the media process, until the other end of `control` is closed."""
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    # audio cannot wait for its turn; where the system doesn't allow it, it goes without
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # a writer thread that holds the interpreter gives it back within a tenth of a slot
    sys.setswitchinterval(SLOT_SECONDS / 10)
    with suppress(ImportError):  # now: in the first encrypted call's time it would make others' packets late
        importlib.import_module("ivr.channels.sip.media.srtp")
    engine = Engine(control, host, ports)
    # nothing on the media path makes cycles: the collector runs by hand, and rarely
    gc.collect()
    gc.freeze()
    gc.disable()
    engine.run()
