"""eSpeak NG, a small formant voice for a hundred languages (GPL-3.0: optional): the `espeakng-loader` wheel's library,
called through ctypes, or the system's `espeak-ng` program."""

from __future__ import annotations

import ctypes
import importlib.util
import io
import shutil
import subprocess
import wave
from functools import cached_property
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from ivr.speech import pcm
from ivr.speech.voices import base, register

WORDS_A_MINUTE = 155
_ACCENTS = {"en": "en-us", "es": "es-419", "pt": "pt-br", "fr": "fr-fr"}
_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS of speak_lib.h
_UTF8, _RATE, _DONT_EXIT = 1, 1, 0x8000  # espeakCHARS_UTF8, espeakRATE, espeakINITIALIZE_DONT_EXIT


@register
class Espeak:
    name = "espeak"
    rank = 90
    install = "apt-get install espeak-ng, or pip install 'callwright[voice]', for eSpeak NG (a hundred languages)"

    def __init__(self) -> None:
        self._library: Any = None
        self._samples = bytearray()

    @cached_property
    def wheel(self) -> Path | None:
        """The folder of the wheel that brings the library and its data."""
        spec = importlib.util.find_spec("espeakng_loader")
        return Path(spec.origin).parent if spec and spec.origin else None

    @cached_property
    def program(self) -> str | None:
        return shutil.which("espeak-ng")

    @cached_property
    def version(self) -> str:
        if self.wheel:
            return f"wheel {installed_version('espeakng-loader')} {WORDS_A_MINUTE}"
        if self.program:
            told = subprocess.run([self.program, "--version"], capture_output=True, text=True, timeout=10)  # noqa: S603
            return f"{told.stdout.split('Data')[0].strip()} {WORDS_A_MINUTE}"
        return "none"

    @cached_property
    def _languages(self) -> tuple[str, ...]:
        if self.wheel:
            return tuple(sorted(path.name[:-5] for path in (self.wheel / "espeak-ng-data").glob("*_dict")))
        if self.program:
            told = subprocess.run([self.program, "--voices"], capture_output=True, text=True, timeout=10)  # noqa: S603
            return tuple(sorted({base(row.split()[1]) for row in told.stdout.splitlines()[1:] if len(row.split()) > 1}))
        return ()

    def languages(self) -> tuple[str, ...]:
        return self._languages

    def synthesise(self, text: str, language: str, speed: float = 1.0) -> bytes:
        accent = _ACCENTS.get(base(language), base(language))
        by = self._by_library if self.wheel else self._by_program
        samples, rate = by(text, accent, round(WORDS_A_MINUTE * speed))
        if not samples:
            raise ValueError("nothing in this text can be spoken")
        return pcm.telephone(pcm.from_pcm16(samples), rate)

    def _by_program(self, text: str, accent: str, words_a_minute: int) -> tuple[bytes, int]:
        assert self.program
        command = [self.program, "-v", accent, "-s", str(words_a_minute), "--stdin", "--stdout"]
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=60, check=True)  # noqa: S603
        # The header of streamed WAV claims 2 GB; `wave` then reads what is there.
        with wave.open(io.BytesIO(done.stdout)) as sound:
            return sound.readframes(len(done.stdout) // 2), sound.getframerate()

    def _by_library(self, text: str, accent: str, words_a_minute: int) -> tuple[bytes, int]:
        if self._library is None:
            self._library = self._open()
        library, rate, _ = self._library
        if library.espeak_SetVoiceByName(accent.encode()) != 0:
            raise ValueError(f"eSpeak NG has no voice {accent}")
        library.espeak_SetParameter(_RATE, words_a_minute, 0)
        self._samples.clear()
        spoken = text.encode() + b"\0"
        if library.espeak_Synth(spoken, ctypes.c_size_t(len(spoken)), 0, 0, 0, _UTF8, None, None) != 0:
            raise ValueError("eSpeak NG could not speak this text")
        library.espeak_Synchronize()
        return bytes(self._samples), rate

    def _open(self) -> tuple[Any, int, Any]:
        """(library, rate, callback); the callback must live as long as the library is used."""
        assert self.wheel
        path = next(path for path in sorted(self.wheel.iterdir()) if path.suffix in (".so", ".dylib", ".dll"))
        library = ctypes.CDLL(str(path))
        callback_type = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)

        def take(samples: int | None, count: int, _events: int | None) -> int:
            if samples and count > 0:
                self._samples += ctypes.string_at(samples, count * 2)
            return 0

        callback = callback_type(take)
        rate = library.espeak_Initialize(_SYNCHRONOUS, 0, str(self.wheel / "espeak-ng-data").encode(), _DONT_EXIT)
        if rate <= 0:
            raise RuntimeError("eSpeak NG could not start")
        library.espeak_SetSynthCallback(callback)
        return library, rate, callback
