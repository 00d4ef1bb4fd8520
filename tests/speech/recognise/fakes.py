"""Recognisers for tests: an engine that hears what the bytes spell, and worker processes that misbehave."""

from __future__ import annotations

import sys
from collections.abc import Callable

from ivr.speech.recognise import Alternative, Heard, Want

SPELLS = """
import json, sys
heard = {}
print('{"ready": true}', flush=True)
while line := sys.stdin.buffer.readline():
    request = json.loads(line)
    frames = sys.stdin.buffer.read(request.get("bytes", 0))
    number = request["id"]
    if request["do"] == "open":
        heard[number] = b""
    elif request["do"] == "feed":
        heard[number] += frames
        if STREAMS:
            print(json.dumps({"id": number, "partial": heard[number].decode().strip()}), flush=True)
    elif request["do"] == "cancel":
        heard.pop(number, None)
    elif request["do"] == "finish":
        text = heard.pop(number).decode().strip()
        MISBEHAVE
        print(json.dumps({"id": number, "heard": {
            "text": text, "confidence": 0.9, "alternatives": [{"text": text, "confidence": 0.9}],
            "start": 0.0, "end": 1.0, "matched": True}}), flush=True)
"""
"""A worker that takes the bytes it is fed for the words."""
WELL = "pass"
DIES_ON = "sys.exit(3) if text == 'die' else None"
DIES_ONCE = (
    "import os\n        if not os.path.exists(sys.argv[1]):\n            open(sys.argv[1], 'w').close()\n"
    "            sys.exit(3)"
)
HANGS = "import time\n        time.sleep(1000)"
WAITS = "import os, time\n        while not os.path.exists(sys.argv[1]):\n            time.sleep(0.005)"
FAILS = (
    "if text == 'fail':\n            print(json.dumps({'id': number, 'failed': 'ValueError'}), flush=True)\n"
    "            continue"
)


def worker(misbehave: str = WELL, *arguments: str, streams: bool = False) -> Callable[[str, str], list[str]]:
    program = f"STREAMS = {streams}\n" + SPELLS.replace("MISBEHAVE", misbehave)
    return lambda engine, language: [sys.executable, "-c", program, *arguments]


class FakeHearing:
    def __init__(self) -> None:
        self.said = b""

    def feed(self, frames: bytes) -> str | None:
        self.said += frames
        return self.said.decode()

    def result(self) -> Heard:
        if self.said == b"boom":
            raise ValueError("4111 1111")
        return Heard(self.said.decode(), 0.5, (Alternative(self.said.decode(), 0.5),))


class FakeRecogniser:
    install = "nothing"

    def __init__(self, name: str = "fake", *, streaming: bool = False, kinds: tuple[str, ...] = ()) -> None:
        self.name = name
        self.rank = 1
        self.streaming = streaming
        self._kinds = kinds

    def languages(self) -> tuple[str, ...]:
        return ("en",)

    def about(self, language: str) -> str:
        return f"a fake {language}"

    def takes(self, want: Want) -> bool:
        return not self._kinds or want.kind in self._kinds

    def session(self, want: Want) -> FakeHearing:
        return FakeHearing()
