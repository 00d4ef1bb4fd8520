"""What can go wrong between a prompt and its audio.

SpeechError
 +-- NoVoice          no installed voice speaks the language
 +-- RenderLate       the time budget ran out; the rendering goes on and lands in the cache
 +-- RenderFailed     every voice that speaks the language failed
 +-- RecordingError   an admin's recording can't be used
"""

from __future__ import annotations


class SpeechError(Exception):
    """The base of all errors of this package; its text tells what to do."""


class NoVoice(SpeechError):
    pass


class RenderLate(SpeechError):
    pass


class RenderFailed(SpeechError):
    pass


class RecordingError(SpeechError):
    pass
