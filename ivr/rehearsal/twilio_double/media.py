"""The part of Twilio's API that serves recordings: /2010-04-01/Accounts/{sid}/Recordings/{sid}.wav with basic
authentication (https://www.twilio.com/docs/voice/api/recording)."""

from __future__ import annotations

import io
import math
import struct
import wave

from ivr.rehearsal.twilio_double.loopback import Loopback, Reply


class Media(Loopback):
    """`status` other than 200 makes it refuse."""

    def __init__(self, account_sid: str, auth_token: str) -> None:
        super().__init__()
        self._expected = (account_sid, auth_token)
        self._recordings: dict[str, bytes] = {}
        self.status = 200
        self.requests = 0

    def keep(self, recording_sid: str, seconds: float) -> None:
        self._recordings[recording_sid] = tone(seconds)

    def serve(self, method: str, path: str, who: tuple[str | None, str | None] | None, body: bytes) -> Reply:
        self.requests += 1
        if who != self._expected:
            return 401, "text/plain", b""
        prefix = f"/2010-04-01/Accounts/{self._expected[0]}/Recordings/"
        found = self._recordings.get(path.removeprefix(prefix).removesuffix(".wav"))
        if self.status != 200 or found is None or not path.startswith(prefix):
            return (404 if self.status == 200 else self.status), "text/plain", b""
        return 200, "audio/x-wav", found


def tone(seconds: float) -> bytes:
    """A WAV of 8 kHz, 16 bit, mono."""
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        count = int(seconds * 8000)
        sound.writeframes(struct.pack(f"<{count}h", *(int(8000 * math.sin(n / 3)) for n in range(count))))
    return out.getvalue()
