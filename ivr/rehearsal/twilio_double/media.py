"""The part of Twilio's API that serves recordings: /2010-04-01/Accounts/{sid}/Recordings/{sid}.wav with basic
authentication (https://www.twilio.com/docs/voice/api/recording)."""

from __future__ import annotations

import io
import math
import struct
import threading
import wave
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from werkzeug.datastructures import Authorization


class Media:
    """A server on a free loopback port, in use as a context manager. `status` other than 200 makes it refuse."""

    def __init__(self, account_sid: str, auth_token: str) -> None:
        self._expected = (account_sid, auth_token)
        self._recordings: dict[str, bytes] = {}
        self.status = 200
        self.requests = 0
        media = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = media.answer(self.path, self.headers.get("Authorization", ""))
                self.send_response(status)
                self.send_header("Content-Type", "audio/x-wav")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def keep(self, recording_sid: str, seconds: float) -> None:
        self._recordings[recording_sid] = tone(seconds)

    def answer(self, path: str, authorization: str) -> tuple[int, bytes]:
        self.requests += 1
        given = Authorization.from_header(authorization)
        if given is None or (given.username, given.password) != self._expected:
            return 401, b""
        prefix = f"/2010-04-01/Accounts/{self._expected[0]}/Recordings/"
        body = self._recordings.get(path.removeprefix(prefix).removesuffix(".wav")) if path.startswith(prefix) else None
        if self.status != 200 or body is None:
            return (404 if self.status == 200 else self.status), b""
        return 200, body

    def __enter__(self) -> Media:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


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
