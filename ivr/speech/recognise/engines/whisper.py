"""Whisper tiny.en alone, for machines that can't afford the second model."""

from __future__ import annotations

from ivr.speech.recognise import Want, register
from ivr.speech.recognise.decoded import Utterance, whisper_folder


@register
class WhisperAlone:
    name = "whisper"
    rank = 100
    install = "pip install 'callwright[speech]' for English"
    streaming = False

    def languages(self) -> tuple[str, ...]:
        return ("en",) if whisper_folder() else ()

    def about(self, language: str) -> str:
        return f"Whisper in {whisper_folder()}"

    def takes(self, want: Want) -> bool:
        return True

    def session(self, want: Want) -> Utterance:
        return Utterance(want, {"whisper": 1.0})
