"""A caller's telephone: a raw SIP client with an RTP socket, real audio both ways, and ears.

What it heard is decided by its ears alone: the mu-law bytes that arrived are searched for the audio of prompts. G.711
on loopback loses nothing, so a prompt was heard if its beginning is there to the byte, and whole if all of it is.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from callcenter.attestation import VERSTAT
from callcenter.events import of_contact
from callcenter.tables import messages as messages_table
from callcenter.tables import sessions as sessions_table
from ivr.prompts.parts import Prompt
from ivr.prompts.written import written
from ivr.rehearsal.phone import Facts, Heard, Sent
from tests.channels.sip.raw_client import RawClient

if TYPE_CHECKING:
    from tests.voice.line import Line

HEAD = 3200
"""Bytes (0.4 seconds) by which a prompt is known."""
PATIENCE = 20.0
"""Seconds without anything recognised: longer than any prompt of the demo."""
VERSTATS = {attestation: verstat for verstat, attestation in VERSTAT.items()}


class SipPhone:
    """One caller with a telephone (`ivr.rehearsal.phone.Phone`)."""

    def __init__(
        self,
        line: Line,
        caller: str = "+15550100",
        called: str = "ivr",
        event_type: int = 101,
        call_id: str = "",
        attestation: str = "",
    ) -> None:
        self.line = line
        self.audio = bytearray()
        """All that was heard: mu-law, in order."""
        self.lost = 0
        self.whole: dict[str, bool] = {}
        """For each prompt heard, by its words: whether every byte of it arrived, without a gap."""
        self._event_type = event_type
        self._at = self._looked = 0
        self._seq, self._stamp = 7, 1000
        self._over = threading.Event()
        self._gone = threading.Event()
        self._rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._rtp.bind(("127.0.0.1", 0))
        self._rtp.settimeout(0.2)
        self._client = line.run(RawClient.open(line.address))
        self._client.rtp_port = self._rtp.getsockname()[1]
        self._client.caller, self._client.called = caller, called
        self._verstat = VERSTATS.get(attestation, "")
        self._client.call_id = call_id or self._client.call_id
        self._began = time.monotonic()
        answer = line.run(self._dial())
        assert answer.status == 200, answer
        found = re.search(r"m=audio (\d+)", answer.body)
        assert found
        self._remote = ("127.0.0.1", int(found[1]))
        self._listener = threading.Thread(target=self._receive, daemon=True)
        self._listener.start()
        self._watcher = line.run(self._start(self._watch()))
        self._send_audio(b"\xff" * 160)

    # Phone

    @property
    def ended(self) -> bool:
        return self._over.is_set()

    def listen(self, until: Callable[[Heard], bool], *, patient: bool = True) -> Sequence[Heard]:
        """In real time: gives up when nothing was recognised for as long as the longest prompt."""
        found: list[Heard] = []
        ends = time.monotonic() + PATIENCE
        while True:
            over = self.ended
            heard = self._next()
            if heard is not None:
                found.append(heard)
                ends = time.monotonic() + PATIENCE
                if until(heard):
                    return found
            elif over or not patient or time.monotonic() > ends:
                return found
            else:
                time.sleep(0.1)

    def press(self, keys: str) -> None:
        for key in keys:
            self._press(key)

    def say(self, words: str) -> None:
        """Speech for a recorder, after its tone: two seconds of a warble that nobody takes for silence."""
        self.wait(0.7)
        for index in range(100):
            self._send_audio(bytes(0x10 + (index + step) % 0x60 for step in range(160)))
            time.sleep(0.02)

    def speak(self, audio: bytes) -> None:
        """Say this (mu-law, 8 kHz) at its own pace; a telephone that sends nothing in silence says nothing after."""
        began = time.monotonic()
        for index in range(0, len(audio) - 159, 160):
            self._send_audio(audio[index : index + 160])
            time.sleep(max(0.0, began + index / 8000 - time.monotonic()))

    def wait(self, seconds: float) -> None:
        ends = time.monotonic() + self._playing() + seconds
        while time.monotonic() < ends and not self.ended:
            time.sleep(0.02)

    def hang_up(self) -> None:
        if not self.ended:
            self.line.run(self._bye())
            assert self._gone.wait(20), "no answer to BYE"
            self._over.set()

    def facts(self) -> Facts:
        self.hang_up()
        self.close()
        line = self.line
        with line.engine.connect() as connection:
            row = connection.execute(
                sessions_table.select().where(sessions_table.c.external_id == self._client.call_id)
            ).one()
        ends = time.monotonic() + 30
        while not (session := line.runner.store.load(row.id).session).ended and time.monotonic() < ends:
            time.sleep(0.02)  # the end of a call is stored after our BYE has been answered
        with line.engine.connect() as connection:
            events = of_contact(connection, row.contact_id)
            sent = connection.execute(
                messages_table.select().where(messages_table.c.contact_id == row.contact_id)
            ).all()
        return Facts(
            slots=session.snapshot(),
            outcome=session.outcome,
            language=session.language,
            actions=[event.data["action"] for event in events if event.kind == "action"],
            messages=[Sent(message.channel, message.to, message.body, message.subject) for message in sent],
            steps=[(event.data["flow"], event.data["step"]) for event in events if event.kind == "step"],
            exits=[
                (event.data["flow"], event.data["step"], event.data["exit"]) for event in events if event.kind == "exit"
            ],
        )

    def close(self) -> None:
        self._over.set()
        self._listener.join(5)
        self._rtp.close()
        self.line.run(self._stop())

    # Hearing

    @property
    def _due(self) -> list[tuple[Prompt, bytes]]:
        return self.line.ears.due[self._client.call_id]

    def _next(self) -> Heard | None:
        """The earliest prompt in what was heard since the last one."""
        best: tuple[int, Prompt, bytes] | None = None
        end = len(self.audio)
        for prompt, audio in list(self._due):
            head = audio[:HEAD]
            at = self.audio.find(head, max(self._at, self._looked)) if len(head) > 800 else -1
            if at >= 0 and (best is None or at < best[0] or (at == best[0] and len(audio) > len(best[2]))):
                best = (at, prompt, audio)
        if best is None:
            # A prompt that came due only now may have begun a little earlier.
            self._looked = max(self._looked, end - 2 * HEAD)
            return None
        at, prompt, audio = best
        self._at = at + len(audio[:HEAD])
        text = written(prompt)
        self.whole[text] = self.audio.find(audio, at) == at
        return Heard(prompt.id, text, time.monotonic() - self._began)

    def hears(self, id: str) -> bool:
        """Whether this prompt is heard next, or after others."""
        ids = (id, f"{id}_speech")
        heard = self.listen(lambda one: one.id in ids)
        return bool(heard) and heard[-1].id in ids

    def wait_for_end(self, seconds: float = 30) -> bool:
        """Whether the other side hangs up within that time."""
        return self._over.wait(seconds)

    def heard_whole(self, words: str, budget: float = 30.0) -> bool:
        """Whether a prompt that holds these words arrives (within `budget`) without a byte missing."""
        ends = time.monotonic() + budget
        audio = next(audio for prompt, audio in reversed(self._due) if words in written(prompt))
        while time.monotonic() < ends:
            if self.audio.find(audio) >= 0:
                return True
            if self.ended:
                return self.audio.find(audio) >= 0
            time.sleep(0.05)
        return False

    def _playing(self) -> float:
        """Seconds until what is being said will have been said."""
        for _, audio in reversed(self._due):
            at = self.audio.rfind(audio[:HEAD])
            if at >= 0:
                return max(0.0, (at + len(audio) - len(self.audio)) / 8000)
        return 0.0

    def _receive(self) -> None:
        expected: int | None = None
        while not self._over.is_set():
            try:
                packet = self._rtp.recv(2048)
            except (TimeoutError, OSError):
                continue
            if len(packet) < 12 or packet[0] >> 6 != 2 or packet[1] & 0x7F:
                continue
            number = struct.unpack_from("!H", packet, 2)[0]
            if expected is not None and number != expected:
                self.lost += 1
            expected = (number + 1) & 0xFFFF
            self.audio += packet[12:]

    # Talking

    def _send_audio(self, payload: bytes) -> None:
        self._seq, self._stamp = (self._seq + 1) & 0xFFFF, self._stamp + 160
        self._rtp.sendto(struct.pack("!BBHII", 0x80, 0, self._seq, self._stamp, 0x5150) + payload, self._remote)

    def _press(self, key: str) -> None:
        """RFC 4733: an event of 100 ms in five packets, its end three times."""
        event = "0123456789*#ABCD".index(key)
        self._stamp += 160
        for index in range(8):
            self._seq = (self._seq + 1) & 0xFFFF
            marker = 0x80 if index == 0 else 0
            end, duration = (0x8A, 960) if index >= 5 else (0x0A, 160 * (index + 1))
            header = struct.pack("!BBHII", 0x80, marker | self._event_type, self._seq, self._stamp, 0x5150)
            self._rtp.sendto(header + struct.pack("!BBH", event, end, duration), self._remote)
            time.sleep(0.01)
        self._stamp += 960

    async def _dial(self) -> Any:
        types = f"0 {self._event_type}"
        verdict = f"P-Asserted-Identity: <sip:{self._client.caller}@127.0.0.1;verstat={self._verstat}>"
        return await self._client.call(self._client.sdp(types), extra=verdict if self._verstat else "")

    @staticmethod
    async def _start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.create_task(work)

    async def _stop(self) -> None:
        self._watcher.cancel()
        await asyncio.gather(self._watcher, return_exceptions=True)
        self._client.close()

    async def _bye(self) -> None:
        self._client.cseq += 1
        self._client.send(self._client.request("BYE"))

    async def _watch(self) -> None:
        """Answer a BYE, as every telephone does."""
        while True:
            message = await self._client.next(3600)
            if message.method == "BYE":
                self._client.answer(message, 200, "OK")
                self._over.set()
            if message.status and message.cseq_method == "BYE":
                self._gone.set()
            if message.method:
                self._client.answer(message, 200, "OK")
