"""The yardstick: the same call on aiosipua 0.7.1 and aiortp 0.8.0, on uvloop, as their documentation has it.

`python -O -m bench.sip.yardstick PORT` (aiosipua asserts that its transport is asyncio's own, which uvloop's is not).
No flow and no database: only signalling and media. On SIGTERM it prints the digits it took, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import Counter

import numpy as np
import uvloop
from aiosipua.incoming_call import IncomingCall
from aiosipua.rtp_bridge import CallSession
from aiosipua.transport import UdpSipTransport
from aiosipua.uas import SipUAS

from bench.sip.media import QUESTION_SECONDS, THANKS_SECONDS

NO_INPUT = 6.0


def _prompt(seconds: float) -> list[bytes]:
    audio = np.random.default_rng(int(seconds)).integers(0, 0x7F, round(seconds * 50) * 160, dtype=np.uint8).tobytes()
    return [audio[start : start + 160] for start in range(0, len(audio), 160)]


class Ivr:
    def __init__(self, port: int) -> None:
        self.digits: Counter[str] = Counter()
        self._ports = iter(range(30000, 65000, 2))
        self._tasks: set[asyncio.Task[None]] = set()
        self._question, self._thanks = _prompt(QUESTION_SECONDS), _prompt(THANKS_SECONDS)
        self.uas = SipUAS(UdpSipTransport(("127.0.0.1", port)))
        self.uas.on_invite = self._invite
        self.uas.on_bye = lambda *_: None

    def _invite(self, call: IncomingCall) -> None:
        task = asyncio.create_task(self._serve(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, call: IncomingCall) -> None:
        assert call.sdp_offer
        session = CallSession("127.0.0.1", next(self._ports), call.sdp_offer)
        await session.start()
        pressed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        session.on_dtmf = lambda digit, _: None if pressed.done() else pressed.set_result(digit)
        call.accept(session.sdp_answer)
        stamp = await self._play(session, self._question, 0)
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(NO_INPUT):
                self.digits[await pressed] += 1
        except TimeoutError:
            pass
        stamp += int((asyncio.get_running_loop().time() - began) * 50) * 160
        await self._play(session, self._thanks, stamp)
        await session.close()
        call.hangup()
        self.uas._calls.pop(call.call_id, None)  # hangup() leaves it there

    @staticmethod
    async def _play(session: CallSession, frames: list[bytes], stamp: int) -> int:
        loop = asyncio.get_running_loop()
        due = loop.time()
        for frame in frames:
            session.send_audio(frame, stamp)
            stamp += 160
            due += 0.02
            await asyncio.sleep(due - loop.time())
        return stamp


async def main() -> None:
    ivr = Ivr(int(sys.argv[1]))
    await ivr.uas.start()
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    print("ready", flush=True)
    await stopping.wait()
    print(json.dumps(ivr.digits), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
