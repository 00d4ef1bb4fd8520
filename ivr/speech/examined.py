"""For `callwright doctor`: what each language has of voices, recognisers and intents, and how to add what it lacks.

Nothing heavy is imported and no model is loaded.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence

from callcenter.counting import counted
from ivr.finding import Finding
from ivr.flow.intents import Intents
from ivr.speech.recognise import DIGIT_KINDS, Recogniser, Want, all_recognisers
from ivr.speech.recognise.service import BY_NAME_ONLY
from ivr.speech.voices import Voice, all_voices, base, speaks

KEYS_ONLY = "callers in this language have keys only"


def voices(language: str, known: Sequence[Voice] | None = None) -> Finding:
    """The voices that speak a language, in the order in which they are taken."""
    every = all_voices() if known is None else known
    able = [voice.name for voice in every if speaks(voice, language)]
    if able:
        return Finding(f"voice {language}", True, " then ".join(able))
    return Finding(f"voice {language}", False, "none speaks it", "; or ".join(voice.install for voice in every))


def detector() -> Iterator[Finding]:
    """What tells speech from silence, without which nobody is listened to."""
    if importlib.util.find_spec("webrtcvad") is None:
        yield Finding("speech", None, "no voice detector: callers have keys only", "pip install 'callwright[speech]'")


def recognisers(language: str, known: Sequence[Recogniser] | None = None) -> Iterator[Finding]:
    """The chain of engines of a language, and what none of them can do."""
    what = f"hearing {language}"
    every = [engine for engine in (all_recognisers() if known is None else known) if engine.rank < BY_NAME_ONLY]
    chain = [engine for engine in every if base(language) in engine.languages()]
    if not chain:
        yield Finding(what, None, KEYS_ONLY, _add(language, every))
        return
    named = [f"{engine.name} ({engine.about(base(language))})" for engine in chain]
    yield Finding(what, True, " then ".join(named))
    for kind, meaning in (("open", "open speech"), *((kind, f"spoken {kind}") for kind in sorted(DIGIT_KINDS))):
        if not any(engine.takes(Want(language=language, kind=kind)) for engine in chain):
            yield Finding(what, None, f"none of them takes {meaning}", _add(language, every))


def _add(language: str, every: Sequence[Recogniser]) -> str:
    """How to get a recogniser for a language."""
    tongue = base(language)
    if tongue == "en":
        return "pip install 'callwright[speech]'"
    models = f"a model of it into a folder {tongue} in VOSK_MODELS"
    download = f"python -c \"from vosk import Model; Model(lang='{tongue}')\" (needs internet)"
    install = "" if importlib.util.find_spec("vosk") else "pip install 'callwright[vosk]', and "
    return f"{install}put {models}, or run {download}"


def intents(found: Intents, language: str) -> Iterator[Finding]:
    """Whether the intents have examples in a language, and can be told apart."""
    if not found.names:
        return
    what = f"intents {language}"
    examples = {name: len(intent.examples.get(language, ())) for name, intent in found.file.intents.items()}
    lacking = sorted(name for name, count in examples.items() if not count)
    if len(lacking) == len(examples):
        yield Finding(what, None, "no examples", f"add some under `{language}` in flows/intents.yaml")
        return
    trained = found.classifier(language) is not None
    total = f"{counted(sum(examples.values()), 'example')} of {counted(len(examples) - len(lacking), 'intent')}"
    yield Finding(what, trained, f"{total}, trained" if trained else f"{total} can't be learned from")
    if lacking:
        yield Finding(what, None, f"no examples of {', '.join(lacking)}", "add some in flows/intents.yaml")
