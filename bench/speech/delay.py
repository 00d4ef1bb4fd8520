"""From the end of speech to the result, with 1, 5 and 10 callers who talk at once: through the voice detector, the ends
of answers, the queue and two workers, in virtual time (`virtual`). What a call adds is the step of the flow, its commit
and the first packet. Lists too what was understood wrongly, and whether callers were cut off.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import numpy as np
from rich.table import Table

from bench.speech import virtual
from bench.speech.callers import Audio, Caller, callers, say
from bench.speech.line import CLEAN, FRAME, Line, padded, silence, through
from bench.speech.live import mulaw_end
from bench.speech.material import MENU, MENU_SAID, NO, YES, string
from ivr.channels.voice.ear import want, whole
from ivr.flow.effects import Choice, Collect
from ivr.prompts.parts import Prompt
from ivr.speech.endpoint import FRAME_SECONDS
from ivr.speech.recognise import Heard, Recogniser
from ivr.speech.recognise.listener import Listener, ListenEvent, Trouble, Understood
from ivr.speech.recognise.service import RecognitionService
from ivr.speech.recognise.worker import warm

AT_ONCE = (1, 5, 10)
_SILENT = Prompt((), "en")
ASKED = {
    "yes_no": Collect(
        (), "yes_no", choices=(Choice("1", _SILENT, YES), Choice("2", _SILENT, NO)), phrases=YES + NO, end_silence=0.4
    ),
    "menu": Collect(
        (),
        "menu",
        choices=tuple(Choice(str(key), _SILENT, (words,)) for key, words in enumerate(MENU)),
        phrases=MENU,
        end_silence=0.5,
    ),
    "8 digits": Collect((), "digits", at_least=8, at_most=8, end_silence=1.2),
}


@dataclass
class Turns:
    """`seconds` from the end of speech to each answer that came; below 0 the caller was cut off."""

    seconds: list[float] = field(default_factory=list)
    wrong: int = 0
    failed: int = 0


def spoken(task: str, voice: Caller, random: np.random.Generator) -> tuple[Audio, str]:
    """What a caller says, and what it means."""
    if task == "8 digits":
        digits = "".join(str(value) for value in random.integers(0, 10, 8))
        return string(voice, digits, random), digits
    said = str(random.choice(YES + NO if task == "yes_no" else MENU_SAID))
    return say(voice, said), said if task == "yes_no" else next(phrase for phrase in MENU if phrase in said)


def right(task: str, heard: Heard, said: str) -> bool:
    return (
        heard.text == said if task != "yes_no" else (heard.text in YES, heard.text in NO) == (said in YES, said in NO)
    )


async def caller(service: RecognitionService, ask: Collect, mulaw: bytes) -> tuple[float, Heard | None]:
    """Seconds from the first frame to the answer; None where there is none."""
    events: asyncio.Queue[ListenEvent] = asyncio.Queue()
    listener = Listener(service, events.put_nowait)
    wanted = want(ask)
    listener.begin(wanted, end_silence=ask.end_silence, whole=whole(ask, wanted))
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number, start in enumerate(range(0, len(mulaw), FRAME), 1):
        await asyncio.sleep(began + number * FRAME_SECONDS - loop.time())
        listener.frames(mulaw[start : start + FRAME])
        while not events.empty():
            match events.get_nowait():
                case Understood(heard):
                    return loop.time() - began, heard
                case Trouble():
                    return loop.time() - began, None
    return loop.time() - began, None


async def _measure(engine: Recogniser, rounds: int, line: Line) -> Table:
    random = np.random.default_rng(8)
    voices = callers()[:3]
    service = RecognitionService(["en"], engines={"en": (engine.name,)}, workers=2, process=virtual.of(engine))
    await service.start()
    made = Table(title=f"{engine.name}, {line.name}: end of speech to the result, ms (two workers with a core each)")
    for name in ("answer", "callers at once", "n", "p50", "p95", "most", "wrong", "cut off", "not understood"):
        made.add_column(name)
    made.add_column("CPU s a turn")
    try:
        for task, ask in ASKED.items():
            await caller(service, ask, through(padded(spoken(task, voices[0], random)[0], after=3.0), line, random))
            for count in AT_ONCE:
                turns = Turns()
                spent = virtual.Worker.spent
                for _ in range(max(1, rounds // count)):
                    said = [spoken(task, voices[n % len(voices)], random) for n in range(count)]
                    before = [0.3 + 0.3 * random.random() for _ in said]
                    lines = [
                        through(padded(audio, seconds, 3.0), line, random)
                        for (audio, _), seconds in zip(said, before, strict=True)
                    ]
                    answers = await asyncio.gather(*(caller(service, ask, mulaw) for mulaw in lines))
                    for (audio, meant), seconds, (at, heard) in zip(said, before, answers, strict=True):
                        if heard is None:
                            turns.failed += 1
                            continue
                        clean = through(np.concatenate([audio, silence(0.1)]), CLEAN, np.random.default_rng(0))
                        turns.seconds.append(at - seconds - len(mulaw_end(clean)) / 8000)
                        turns.wrong += not right(task, heard, meant)
                times = 1000 * np.array(turns.seconds or [np.nan])
                made.add_row(
                    task,
                    str(count),
                    str(len(turns.seconds) + turns.failed),
                    *(f"{value:.0f}" for value in np.percentile(times, [50, 95, 100])),
                    str(turns.wrong),
                    str(int((times < 0).sum())),
                    str(turns.failed),
                    f"{(virtual.Worker.spent - spent) / max(1, len(turns.seconds)):.2f}",
                )
    finally:
        await service.close()
    return made


def measure(engine: Recogniser, rounds: int, line: Line = CLEAN) -> Table:
    """About `rounds` turns a row."""
    warm(engine, "en")
    return virtual.run(_measure(engine, rounds, line))
