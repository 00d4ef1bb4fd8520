"""Moonshine tiny alone: half of the cost of Whisper, less exact in noise."""

from __future__ import annotations

from ivr.speech.recognise import Want, register
from ivr.speech.recognise.decoded import Utterance, moonshine_folder


@register
class MoonshineAlone:
    name = "moonshine"
    rank = 110
    install = "pip install 'callwright[speech]' for English"
    streaming = False

    def languages(self) -> tuple[str, ...]:
        return ("en",) if moonshine_folder() else ()

    def about(self, language: str) -> str:
        return "Moonshine tiny"

    def takes(self, want: Want) -> bool:
        return True

    def session(self, want: Want) -> Utterance:
        return Utterance(want, {"moonshine": 1.0})
