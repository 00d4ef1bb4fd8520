"""The default for English: Whisper tiny.en and Moonshine tiny, both under one grammar, and a verdict of the two. Where
only one of them is installed it judges alone."""

from __future__ import annotations

from ivr.speech.recognise import Want, register
from ivr.speech.recognise.decoded import Utterance, moonshine_folder, whisper_folder

WEIGHTS = {"whisper": 0.65, "moonshine": 0.35}


@register
class English:
    name = "english"
    rank = 10
    install = "pip install 'callwright[speech]' for English"
    streaming = False

    def languages(self) -> tuple[str, ...]:
        return ("en",) if whisper_folder() or moonshine_folder() else ()

    def about(self, language: str) -> str:
        there = {"Moonshine tiny": moonshine_folder(), "Whisper": whisper_folder()}
        missing = [name for name, folder in there.items() if not folder]
        found = " and ".join(name for name, folder in there.items() if folder)
        return f"{found} alone, without {missing[0]}: {self.install}" if missing else found

    def takes(self, want: Want) -> bool:
        return True

    def session(self, want: Want) -> Utterance:
        there = {"whisper": whisper_folder(), "moonshine": moonshine_folder()}
        return Utterance(want, {name: weight for name, weight in WEIGHTS.items() if there[name]})
