"""Voices for tests: worker processes that follow the protocol of `ivr.speech.worker`, and ones that don't."""

import sys
from dataclasses import dataclass
from pathlib import Path

from ivr.speech.voices import Voice

# Says a tone whose length tells the text's; writes what it was asked for to a log, so that tests can count.
SPEAKS = """
import json, math, struct, sys
log = open(sys.argv[1], "a", buffering=1)
for line in sys.stdin.buffer:
    text = json.loads(line)["text"]
    print(text, file=log)
    pcm = b"".join(struct.pack("<h", int(8000 * math.sin(n / 3))) for n in range(100 * len(text)))
    sys.stdout.buffer.write(json.dumps({"bytes": len(pcm)}).encode() + b"\\n" + pcm)
    sys.stdout.buffer.flush()
"""
# Dies at its first request, then (a marker file tells) works.
DIES_ONCE = (
    """
import os, sys
marker = sys.argv[1] + ".died"
if not os.path.exists(marker):
    open(marker, "w").close()
    sys.stdin.buffer.readline()
    sys.exit(3)
"""
    + SPEAKS
)
DIES = "import sys\nopen(sys.argv[1], 'a').write('died\\n')\nsys.stdin.buffer.readline()\n"
NONSENSE = "import sys\nsys.stdin.buffer.readline()\nprint('Loading model...', flush=True)\nsys.stdin.read()\n"
REFUSES = 'import sys\nfor line in sys.stdin:\n    print(\'{"error": "no such sound"}\', flush=True)\n'
# Answers only once the file given as second argument exists.
WAITS = "import os, sys, time\nwhile not os.path.exists(sys.argv[1] + '.go'):\n    time.sleep(0.01)\n" + SPEAKS


@dataclass
class FakeVoice:
    name: str
    script: str
    log: Path
    rank: int = 1
    install: str = "install the fake voice"
    version: str = "1"
    codes: tuple[str, ...] = ("en",)

    def languages(self) -> tuple[str, ...]:
        return self.codes

    def synthesise(self, text: str, language: str, speed: float = 1.0) -> bytes:
        raise AssertionError("only worker processes synthesise")

    def go(self) -> None:
        """Let a voice that waits answer."""
        Path(f"{self.log}.go").touch()

    def asked(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


def fake_command(voice: Voice) -> list[str]:
    assert isinstance(voice, FakeVoice)
    return [sys.executable, "-c", voice.script, str(voice.log)]
