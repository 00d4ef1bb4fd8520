"""The admin's recordings as Twilio plays them: /audio/KEY.wav, where the key is the hash of the content.

What a key names never changes, so that it may be kept for good by whoever fetches it. Nothing else of the audio cache
is served: what voices have spoken may hold a caller's name or amount.
"""

from __future__ import annotations

import audioop
import io
import wave
from collections.abc import Mapping

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


class Recordings:
    """All recordings of the prompts folder, converted for the telephone (once: they are kept in the audio cache).

    `keys` names each by (language, prompt id); prompts with values in their text have none, and a recording that
    can't be read is spoken by the voice instead.
    """

    def __init__(self, settings: Settings) -> None:
        self.keys: dict[tuple[str, str], str] = {}
        self._clips: dict[str, Clip] = {}
        try:
            catalogue = Catalogue.load(settings.prompts_dir)
        except FlowError as error:
            log.warning("no recordings: the prompts can't be read", problems=len(error.problems))
            return
        renderer = Renderer(settings.audio_dir, catalogue, voices=())
        for language in catalogue.languages:
            for id in catalogue.ids(language):
                path = catalogue.recording(language, id)
                if path is None or has_values(catalogue.text(language, id) or ""):
                    continue
                try:
                    clip = renderer.convert(path)
                except RecordingError as error:
                    log.warning("spoken by the voice instead", why=str(error))
                    continue
                self.keys[language, id] = clip.key
                self._clips[clip.key] = clip

    def wav(self, key: str) -> bytes | None:
        """16-bit PCM, 8 kHz, mono; `None` for a key that is no recording's."""
        if key in TONES:
            ulaw = b"".join(clip.ulaw for clip in TONES[key])
        else:
            clip = music() if key == MUSIC else self._clips.get(key)
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


def urls(recordings: Recordings, base_url: str) -> Mapping[tuple[str, str], str]:
    """Where Twilio fetches each recording."""
    return {prompt: f"{base_url}/audio/{key}.wav" for prompt, key in recordings.keys.items()}


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
