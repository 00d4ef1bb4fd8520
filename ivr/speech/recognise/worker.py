"""The process that understands: `python -m ivr.speech.recognise.worker ENGINE LANGUAGE`.

It reads one JSON object a line and answers with one a line; utterances are numbered by whoever asks.

    {"do": "open", "id": 1, "want": {...}}          begin
    {"do": "feed", "id": 1, "bytes": 320} + bytes   mu-law at 8 kHz; may be answered {"id": 1, "partial": "four two"}
    {"do": "finish", "id": 1}                       answered {"id": 1, "heard": {...}} or {"id": 1, "failed": "..."}
    {"do": "cancel", "id": 1}                       not answered

It says `{"ready": true}` once its model is loaded, or `{"broken": "..."}`. It ends when its input does. Words appear in
answers only: never in an error, never on its error output.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from dataclasses import asdict, fields
from typing import Any, BinaryIO

import numpy as np

from ivr.speech import pcm
from ivr.speech.recognise import Hearing, Recogniser, Want, all_recognisers

NICE = 5


def want_from(data: dict[str, Any]) -> Want:
    known = {field.name for field in fields(Want)}
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in data.items() if name in known
    }
    return Want(**given)


def serve(engine: Recogniser, requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the input ends."""
    hearings: dict[int, Hearing] = {}

    def answer(**data: object) -> None:
        answers.write(json.dumps(data).encode() + b"\n")
        answers.flush()

    for line in requests:
        request = json.loads(line)
        number = request["id"]
        frames = requests.read(request["bytes"]) if "bytes" in request else b""
        try:
            match request["do"]:
                case "open":
                    hearings[number] = engine.session(want_from(request["want"]))
                case "feed" if number in hearings:
                    partial = hearings[number].feed(frames)
                    if partial is not None:
                        answer(id=number, partial=partial)
                case "finish" if number in hearings:
                    answer(id=number, heard=asdict(hearings.pop(number).result()))
                case "cancel":
                    hearings.pop(number, None)
        except Exception as error:
            hearings.pop(number, None)
            answer(id=number, failed=f"{type(error).__name__} in the {engine.name} recogniser")


def warm(engine: Recogniser, language: str) -> None:
    """Load the models and run them once, so that the first caller does not wait for that. On a sound with a pitch: an
    engine may see at once that silence means nothing, and load none."""
    for kind in ("digits", "yes_no", "open"):
        want = Want(language=language, kind=kind)
        if engine.takes(want):
            hearing = engine.session(want)
            hearing.feed(hum())
            hearing.result()


def hum(seconds: float = 0.6) -> bytes:
    """Mu-law: pulses at 120 Hz through a soft filter, with a silence after; like a voice it has a pitch."""
    count = int(seconds * 8000)
    pulses = (np.arange(count) % 67 == 0).astype(np.float32)
    voice = np.convolve(pulses, np.exp(-np.arange(80) / 12.0))[:count] * 0.3
    return pcm.ulaw(pcm.to_pcm16((voice - voice.mean()).astype(np.float32))) + b"\xff" * 1600


def main() -> None:
    name, language = sys.argv[1:3]
    # Engines print what they like: their standard output becomes our error output, the answers keep the old one.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with contextlib.suppress(OSError, AttributeError):
        os.nice(NICE)  # calls' audio goes first
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        try:
            engine = next(engine for engine in all_recognisers() if engine.name == name)
            warm(engine, language)
        except Exception as error:
            answers.write(json.dumps({"broken": type(error).__name__}).encode() + b"\n")
            answers.flush()
            sys.exit(1)
        answers.write(b'{"ready": true}\n')
        answers.flush()
        serve(engine, sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
