"""`python -m bench.speech [--quick] [--engine NAME] [--task NAME] [--line NAME]`: how well callers are understood.

Prints tables: right answers by task and line, CPU seconds an utterance, false accepts, and voice barge-in. `--quick`
takes about two minutes on two cores. Alone (without `--engine`) it uses the default English engine.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import defaultdict
from dataclasses import dataclass, field

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.speech import conversation, delay, detecting, faults, interrupting
from bench.speech.line import LINES, Line
from bench.speech.material import NO, PROFESSIONAL, YES, Utterance, luhn, utterances
from ivr.speech.recognise import Heard, Recogniser, all_recognisers, best_valid

MORE = ("barge_in", "delay", "conversation", "faults", "detector")
TASKS = ("digit", "string", "account", "menu", "yes_no", "open")
ACCEPT = 0.5


@dataclass
class Score:
    count: int = 0
    right: int = 0
    """The best reading is what was said (for account numbers, after the check)."""
    accepted: int = 0
    """Right and believed."""
    wrong: int = 0
    """Believed and not what was said."""
    outside: int = 0
    false: int = 0
    """Of what no menu expects: believed to be an answer."""
    words: int = 0
    errors: int = 0
    cpu: list[float] = field(default_factory=list)


def judged(said: Utterance, heard: Heard, score: Score) -> None:
    believed = heard.matched and heard.confidence >= ACCEPT
    if said.task == "open":
        wanted = said.said.split()
        score.count += 1
        score.words += len(wanted)
        score.errors += distance(wanted, plain(heard.text))
        score.right += plain(heard.text) == wanted
        return
    if said.task in ("menu", "yes_no") and not said.said:
        score.outside += 1
        score.false += believed
        return
    best = heard.alternatives[0].text if heard.alternatives else ""
    if said.task == "account":
        found = best_valid(heard, lambda digits: len(digits) == 8 and luhn(digits))
        best = found.text if found else ""
        believed = bool(found and found.confidence >= ACCEPT)
    right = (best in YES) == (said.said in YES) and best in YES + NO if said.task == "yes_no" else best == said.said
    score.count += 1
    score.right += right
    score.accepted += right and believed
    score.wrong += believed and not right


def plain(text: str) -> list[str]:
    kept = "".join(character if character.isalnum() or character in "' " else " " for character in text.lower())
    return kept.split()


def distance(wanted: list[str], got: list[str]) -> int:
    """Words to replace, add or take away (Levenshtein)."""
    row = list(range(len(got) + 1))
    for i, word in enumerate(wanted, 1):
        before, row = row, [i] + [0] * len(got)
        for j, other in enumerate(got, 1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (word != other))
    return row[-1]


def understand(engine: Recogniser, said: Utterance) -> tuple[Heard, float]:
    began = time.process_time()
    hearing = engine.session(said.want)
    for start in range(0, len(said.mulaw), 1600):
        hearing.feed(said.mulaw[start : start + 1600])
    return hearing.result(), time.process_time() - began


def accuracy(
    engine: Recogniser, tasks: set[str], lines: tuple[Line, ...], scale: int
) -> dict[tuple[str, str, str], Score]:
    scores: dict[tuple[str, str, str], Score] = defaultdict(Score)
    warmed: set[object] = set()
    for said in utterances(tasks, lines, scale):
        if not engine.takes(said.want):
            continue
        if said.want not in warmed:
            understand(engine, said)
            warmed.add(said.want)
        heard, cpu = understand(engine, said)
        score = scores[said.task, said.line, "recordings" if said.caller == PROFESSIONAL else "voices"]
        judged(said, heard, score)
        score.cpu.append(cpu)
    return scores


def table(engine: str, scores: dict[tuple[str, str, str], Score]) -> Table:
    made = Table(title=f"{engine}: what callers say, in per cent")
    for name in ("task", "line", "spoken by", "n", "best right", "accepted", "wrong", "false accepts", "word errors"):
        made.add_column(name, justify="left" if name in ("task", "line", "spoken by") else "right")
    made.add_column("CPU s, mean / p95", justify="right")
    for (task, line, kind), score in sorted(scores.items(), key=lambda item: (TASKS.index(item[0][0]), item[0])):

        def share(part: int, whole: int) -> str:
            return f"{100 * part / whole:.1f}" if whole else "-"

        made.add_row(
            task,
            line,
            kind,
            str(score.count or score.outside),
            share(score.right, score.count),
            "-" if task == "open" else share(score.accepted, score.count),
            "-" if task == "open" else share(score.wrong, score.count),
            f"{share(score.false, score.outside)} of {score.outside}" if score.outside else "-",
            share(score.errors, score.words),
            f"{np.mean(score.cpu):.2f} / {np.percentile(score.cpu, 95):.2f}",
        )
    return made


def interruptions(count: int) -> Table:
    made = Table(title="voice barge-in: false stops and missed words, with the guard (and the bare detector)")
    for name in ("line", "false stops", "missed", "first word to stop, ms, p50 / p95"):
        made.add_column(name)
    for row in interrupting.measure(count):
        times = [1000 * seconds for seconds in row.seconds]
        made.add_row(
            row.case,
            f"{row.false_stops} ({row.plain_false_stops}) of {row.prompts}",
            f"{row.missed} ({row.plain_missed}) of {row.words}",
            f"{np.percentile(times, 50):.0f} / {np.percentile(times, 95):.0f}" if times else "-",
        )
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description="How well callers are understood.")
    parser.add_argument("--quick", action="store_true", help="about two minutes")
    parser.add_argument("--engine", default="english", help="english, whisper, moonshine or pocketsphinx")
    parser.add_argument("--task", action="append", choices=[*TASKS, *MORE], help="only this; repeatable")
    parser.add_argument("--line", action="append", choices=[line.name for line in LINES], help="only this; repeatable")
    parser.add_argument("--scale", type=int, default=0, help="utterances of a task by each caller on each line")
    parser.add_argument("--urgent", action="store_true", help="live calls: put the server before all else (root)")
    options = parser.parse_args()
    console = Console(width=130)
    engine = {engine.name: engine for engine in all_recognisers()}.get(options.engine)
    if engine is None or not engine.languages():
        parser.error(engine.install if engine else f"there is no recogniser {options.engine!r}")
    tasks = set(options.task or [*TASKS, "barge_in", "delay"])
    names = options.line or (["clean", "20 dB"] if options.quick else [line.name for line in LINES])
    lines = tuple(line for line in LINES if line.name in names)
    scale = options.scale or (1 if options.quick else 4)
    if spoken := tasks & set(TASKS):
        console.print(table(options.engine, accuracy(engine, spoken, lines, scale)))
    if "barge_in" in tasks:
        console.print(interruptions(6 if options.quick else 40))
    if "detector" in tasks:
        for made in detecting.measure(6 if options.quick else 24):
            console.print(made)
    if "delay" in tasks:
        console.print(delay.measure(engine, 10 if options.quick else 40))
    if "conversation" in tasks:
        console.print(conversation.measure(4 if options.quick else 12, -15 if options.urgent else 0))
    if "faults" in tasks:
        console.print(faults.measure(8 if options.quick else 20, -15 if options.urgent else 0))


if __name__ == "__main__":
    main()
