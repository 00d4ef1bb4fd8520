"""The process that speaks: `python -m ivr.speech.worker VOICE`.

It reads one JSON object a line, `{"text": ..., "language": ...}`, with `"speed"` (1 is the usual) and `"gain"` (dB)
where they are not the usual ones, and answers each, in order, with a line
`{"bytes": N}` and N bytes of PCM16 at 8 kHz, or `{"error": "..."}`. It ends when its input does.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import BinaryIO

from ivr.speech import pcm
from ivr.speech.voices import Voice, all_voices


def serve(voice: Voice, requests: BinaryIO, answers: BinaryIO) -> None:
    for line in requests:
        try:
            request = json.loads(line)
            audio = voice.synthesise(request["text"], request["language"], float(request.get("speed", 1)))
            audio = pcm.louder(audio, float(request.get("gain", 0)))
            head: dict[str, object] = {"bytes": len(audio)}
        except Exception as error:
            # The core decides what to do; a text's words stay out of the message, since they may be personal.
            audio, head = b"", {"error": f"{type(error).__name__} from the {voice.name} voice"}
        answers.write(json.dumps(head).encode() + b"\n" + audio)
        answers.flush()


def main() -> None:
    name = sys.argv[1]
    # Engines print what they like: their standard output becomes our error output, the answers keep the old one.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with contextlib.suppress(OSError, AttributeError):
        os.nice(5)
    voice = next(voice for voice in all_voices() if voice.name == name)
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        serve(voice, sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
