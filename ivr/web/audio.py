"""The admin's recordings as Twilio plays them: /audio/KEY.wav, where the key is the hash of the content.

What a key names never changes, so that it may be kept for good by whoever fetches it. Nothing else of the audio cache
is served: what voices have spoken may hold a caller's name or amount.
"""

from __future__ import annotations

import audioop
import io
import wave
from collections.abc import Iterator, Mapping

import structlog
from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from ivr.bridge.sounds import HELD, RINGING
from ivr.channels.leg import Clip
from ivr.flow.problems import FlowError
from ivr.prompts.catalogue import Catalogue, has_values
from ivr.settings import Settings
from ivr.speech.errors import RecordingError
from ivr.speech.music import music
from ivr.speech.renderer import Renderer

log = structlog.get_logger("callwright.web")

YEAR = 31_536_000
MUSIC = "music-1"
"""What those hear who wait (`ivr.speech.music`); another name when it sounds another way."""
TONES = {"ringing-1": RINGING, "held-1": HELD}
"""What those hear on Twilio who are on hold (`ivr.bridge.sounds`)."""


class Recordings(Mapping[tuple[str, str], str]):
    """All recordings of the prompts folder, converted for the telephone (once: they are kept in the audio cache), those
    too that come and go later.

    By (language, prompt id) the key of each; prompts with values in their text have none, and a recording that can't be
    read is spoken by the voice instead.
    """

    def __init__(self, settings: Settings) -> None:
        self._clips: dict[str, Clip] = {}
        self._told: set[str] = set()
        self._renderer: Renderer | None = None
        try:
            catalogue = Catalogue.load(settings.prompts_dir)
        except FlowError as error:
            log.warning("no recordings: the prompts can't be read", problems=len(error.problems))
            return
        self._renderer = Renderer(settings.audio_dir, catalogue, voices=())
        dict(self)

    def __getitem__(self, prompt: tuple[str, str]) -> str:
        renderer = self._renderer
        path = renderer.catalogue.recording(*prompt) if renderer is not None else None
        if renderer is None or path is None or has_values(renderer.catalogue.text(*prompt) or ""):
            raise KeyError(prompt)
        try:
            clip = renderer.convert(path)
        except RecordingError as error:
            if str(error) not in self._told:
                log.warning("spoken by the voice instead", why=str(error))
            self._told.add(str(error))
            raise KeyError(prompt) from None
        self._clips[clip.key] = clip
        return clip.key

    def __iter__(self) -> Iterator[tuple[str, str]]:
        catalogue = self._renderer.catalogue if self._renderer is not None else None
        for language in catalogue.languages if catalogue is not None else ():
            for id in catalogue.ids(language) if catalogue is not None else ():
                if (language, id) in self:
                    yield language, id

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def wav(self, key: str) -> bytes | None:
        """16-bit PCM, 8 kHz, mono; `None` for a key that is no recording's."""
        if key in TONES:
            ulaw = b"".join(clip.ulaw for clip in TONES[key])
        else:
            clip = music() if key == MUSIC else self._clips.get(key)
            if clip is None:
                dict(self)  # another process may have named one that is new
                clip = self._clips.get(key)
            if clip is None:
                return None
            ulaw = clip.ulaw
        out = io.BytesIO()
        with wave.open(out, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(8000)
            sound.writeframes(audioop.ulaw2lin(ulaw, 2))
        return out.getvalue()


class Urls(Mapping[tuple[str, str], str]):
    """Where Twilio fetches each recording."""

    def __init__(self, recordings: Recordings, base_url: str) -> None:
        self._recordings, self._base_url = recordings, base_url

    def __getitem__(self, prompt: tuple[str, str]) -> str:
        return f"{self._base_url}/audio/{self._recordings[prompt]}.wav"

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._recordings)

    def __len__(self) -> int:
        return len(self._recordings)


def blueprint(recordings: Recordings) -> Blueprint:
    routes = Blueprint("audio", __name__)

    @routes.get("/audio/<key>.wav")
    def audio(key: str) -> Response:
        sound = recordings.wav(key)
        if sound is None:
            raise NotFound
        response = Response(sound, content_type="audio/wav")
        response.set_etag(key)
        response.cache_control.public = response.cache_control.immutable = True
        response.cache_control.max_age = YEAR
        response.make_conditional(request)
        return response

    return routes
