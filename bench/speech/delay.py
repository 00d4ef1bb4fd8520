"""From the end of speech to the result, with 1, 5 and 10 callers who talk at once: through the voice detector, the ends
of answers and worker processes, at the pace of a call. What a call adds is the step of the flow and the first packet.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict

import numpy as np
from rich.table import Table

from bench.speech.callers import callers, say
from bench.speech.line import CLEAN, FRAME, padded, silence, through
from bench.speech.material import MENU, NO, YES, string
from ivr.speech.endpoint import FRAME_SECONDS
from ivr.speech.recognise import Want
from ivr.speech.recognise.listener import Listener, ListenEvent, Trouble, Understood
from ivr.speech.recognise.service import RecognitionService

AT_ONCE = (1, 5, 10)


async def caller(service: RecognitionService, want: Want, mulaw: bytes) -> tuple[float | None, str]:
    """Seconds from the end of speech to the answer, None without one; and what became of it."""
    events: asyncio.Queue[ListenEvent] = asyncio.Queue()
    listener = Listener(service, events.put_nowait)
    listener.begin(want)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number, start in enumerate(range(0, len(mulaw), FRAME), 1):
        listener.frames(mulaw[start : start + FRAME])
        await asyncio.sleep(max(0.0, began + number * FRAME_SECONDS - loop.time()))
        while not events.empty():
            match events.get_nowait():
                case Understood(_, seconds):
                    return seconds, "understood"
                case Trouble(error):
                    return None, type(error).__name__
    return None, "not ended"


async def measure(engine: str, rounds: int) -> Table:
    random = np.random.default_rng(8)
    voices = callers()[:3]
    tasks = {
        "yes_no": (Want(kind="yes_no", phrases=YES + NO), lambda voice: say(voice, "yes")),
        "menu": (Want(kind="menu", phrases=MENU), lambda voice: say(voice, str(random.choice(MENU)))),
        "8 digits": (
            Want(kind="digits", at_least=8, at_most=8),
            lambda voice: string(voice, "".join(str(value) for value in random.integers(0, 10, 8)), random),
        ),
    }
    service = RecognitionService(["en"], engines={"en": (engine,)}, workers=2)
    await service.start()
    await service.ready()
    made = Table(title=f"{engine}: end of speech to the result, ms (two workers)")
    for name in ("answer", "callers at once", "p50", "p95", "not understood"):
        made.add_column(name)
    try:
        for name, (want, speak) in tasks.items():
            for count in AT_ONCE:
                times: list[float] = []
                failed: dict[str, int] = defaultdict(int)
                for _ in range(max(1, rounds // (2 if count > 1 else 1))):
                    heard = [
                        through(
                            padded(np.concatenate([silence(0.3 * random.random()), speak(voices[n % 3])]), after=3.0),
                            CLEAN,
                            random,
                        )
                        for n in range(count)
                    ]
                    for seconds, outcome in await asyncio.gather(*(caller(service, want, mulaw) for mulaw in heard)):
                        if seconds is None:
                            failed[outcome] += 1
                        else:
                            times.append(1000 * seconds)
                made.add_row(
                    name,
                    str(count),
                    f"{np.percentile(times, 50):.0f}" if times else "-",
                    f"{np.percentile(times, 95):.0f}" if times else "-",
                    ", ".join(f"{number} {why}" for why, number in failed.items()) or "0",
                )
    finally:
        await service.close()
    return made
