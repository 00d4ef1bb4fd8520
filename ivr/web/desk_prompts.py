"""`callcenter.desk.prompts_port.Prompts` on the published texts and the recordings of the prompts folder."""

from __future__ import annotations

import io
import shutil
import threading
import wave
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import structlog

from callcenter.desk.ports import CannotWrite
from callcenter.desk.prompts_port import Kept, PromptShown, Recording, SoundRefused, Which, Why
from ivr.channels.leg import Clip
from ivr.editing import FlowFiles
from ivr.flow.announcing import READY
from ivr.flow.expr import ExprError
from ivr.flow.lint import View
from ivr.flow.model import PROMPT_ID, FlowSet
from ivr.flow.problems import FlowError
from ivr.flow.template import Hole, parse
from ivr.prompts.catalogue import Catalogue, has_values
from ivr.prompts.parts import Part, Prompt
from ivr.published import NothingPublished
from ivr.speech import pcm, uploads
from ivr.speech.errors import NoVoice, SpeechError
from ivr.speech.renderer import Renderer
from ivr.speech.voices import all_voices, speaks

log = structlog.get_logger("callwright.desk")

EARLIER = ".earlier"
"""The folder beside recordings of those that were replaced last; `Catalogue` leaves out what begins with a dot."""
EXAMPLES: dict[str, str | int] = {
    "digits": "42719903", "characters": "AB-1234", "number": 21, "ordinal": 3, "money": 4250, "date": "2026-11-23",
    "day": "2026-11-23", "time": "14:05", "datetime": "2026-11-23T14:00", "hours": "09:00-17:00", "duration": 90,
    "phone": "+12125550123",
}  # fmt: skip
"""Values to hear a prompt with."""


class PromptFiles:
    """Thread-safe. Voices are rendered one prompt at a time, by a worker that ends with it."""

    def __init__(self, files: FlowFiles, make: Callable[[Path, Catalogue], Renderer] = Renderer) -> None:
        """`make` gives a renderer on a cache and a catalogue."""
        self._files = files
        self._make = make
        self._settings = files.settings
        self._lock = threading.Lock()
        self._catalogue: tuple[str, Catalogue] | None = None

    def voices(self) -> Mapping[str, str]:
        flows = self._flows()
        voices = all_voices()
        languages = flows.company.languages if flows is not None else ()
        return {
            language: next((voice.name for voice in voices if speaks(voice, language)), "") for language in languages
        }

    def prompts(self, language: str) -> list[PromptShown]:
        flows = self._published(language)
        return [self._shown(flows, language, id) for id in sorted(flows.texts[language])]

    def prompt(self, language: str, id: str) -> PromptShown:
        flows = self._published(language, id)
        folder = self._recordings(flows).recordings_folder(language) / EARLIER
        earlier = _of(folder, id)
        return replace(self._shown(flows, language, id), earlier=_facts(earlier[0]) if earlier else None)

    def writable(self, language: str) -> bool:
        folder = self._settings.prompts_dir / language
        recordings = folder / "recordings"
        return self._files.writable(recordings if recordings.exists() else folder)

    def sound(self, language: str, id: str, which: Which) -> bytes:
        flows = self._published(language, id)
        catalogue = self._recordings(flows)
        renderer = self._make(self._settings.audio_dir, catalogue)
        if which == "recording":
            path = catalogue.recording(language, id)
            if path is None:
                raise KeyError(id)
            try:
                return _wav([renderer.convert(path)])
            except SpeechError as error:
                raise SoundRefused("unreadable", _without(str(error), path)) from None
        prompt = _example(flows, language, id)
        clips = renderer.cached(prompt)
        if clips is None:
            with self._lock:
                try:
                    clips = renderer.clips_sync(prompt)
                except NoVoice as error:
                    raise SoundRefused("no_voice", str(error)) from None
                except SpeechError as error:
                    raise SoundRefused("failed", str(error)) from None
                finally:
                    renderer.close_sync()
        return _wav(clips)

    def keep(self, language: str, id: str, upload: Path) -> Kept:
        flows = self._published(language, id)
        if has_values(flows.texts[language][id]):
            raise SoundRefused("values")
        try:
            made = uploads.made(upload)
        except uploads.Unusable as error:
            raise SoundRefused(cast(Why, error.why)) from None
        catalogue = self._recordings(flows)
        name = f"{id}.wav"
        self._replace(catalogue, language, id, name, made.wav)
        with suppress(SpeechError):  # so that no caller waits for it
            self._make(self._settings.audio_dir, catalogue).convert(catalogue.recordings_folder(language) / name)
        return Kept(made.seconds, made.decibels, made.clipped)

    def drop(self, language: str, id: str) -> None:
        catalogue = self._recordings(self._published(language, id))
        if not _of(catalogue.recordings_folder(language), id):
            raise KeyError(id)
        self._replace(catalogue, language, id, "", None)

    def bring_back(self, language: str, id: str) -> None:
        catalogue = self._recordings(self._published(language, id))
        earlier = _of(catalogue.recordings_folder(language) / EARLIER, id)
        if not earlier:
            raise KeyError(id)
        try:
            content = earlier[0].read_bytes()
        except OSError as error:
            raise CannotWrite(f"{earlier[0].name} can't be read: {error.strerror}") from None
        self._replace(catalogue, language, id, earlier[0].name, content)

    def _replace(self, catalogue: Catalogue, language: str, id: str, name: str, content: bytes | None) -> None:
        """What is played becomes the earlier recording; `content` is played instead, or nothing. A version is what it
        sounds like, too: it is published anew, unless other files aren't. Callers hear it either way."""
        folder = catalogue.recordings_folder(language)
        with self._files.locked():
            level = not self._files.unpublished()
            now = _of(folder, id)
            try:
                (folder / EARLIER).mkdir(parents=True, exist_ok=True)
                for old in _of(folder / EARLIER, id):
                    old.unlink()
                for path in now[:1]:
                    shutil.copy2(path, folder / EARLIER / path.name)
                if content is not None:
                    self._files.write(folder / name, content)
                for path in now:
                    if content is None or path.name != name:
                        path.unlink()
            except OSError as error:
                raise CannotWrite(f"{folder.name} can't be written: {error.strerror}") from None
            if level:
                try:
                    self._files.published.publish(self._settings.flows_dir, self._settings.prompts_dir)
                except FlowError as error:
                    log.warning("the recording is played, but the files can't be published", why=str(error))
                self._files.told()

    def _flows(self) -> FlowSet | None:
        try:
            return self._files.published.current()
        except (NothingPublished, FlowError):
            return None

    def _published(self, language: str, id: str = "") -> FlowSet:
        """Raises KeyError for what isn't there: names come from addresses."""
        flows = self._flows()
        if flows is None or language not in flows.company.languages or language not in flows.texts:
            raise KeyError(language)
        if id and id not in flows.texts[language]:
            raise KeyError(id)
        return flows

    def _recordings(self, flows: FlowSet) -> Catalogue:
        """The folder of prompts, its texts read again for each version."""
        held = self._catalogue
        if held is None or held[0] != flows.hash:
            held = self._catalogue = (flows.hash, Catalogue.read(self._settings.prompts_dir))
        return held[1]

    def _shown(self, flows: FlowSet, language: str, id: str) -> PromptShown:
        path = self._recordings(flows).recording(language, id)
        steps, files, engine = _uses(flows).get(_spoken(id), ((), (), False))
        text = flows.texts[language][id]
        return PromptShown(
            id, language, text, has_values(text), _facts(path), None, steps, files,
            engine or id.startswith(("system.", READY)),
        )  # fmt: skip


Uses = dict[str, tuple[tuple[tuple[str, str], ...], tuple[str, ...], bool]]


def _uses(flows: FlowSet) -> Uses:
    """Who says each prompt: steps, data files, the engine. Computed once for a version."""
    found: Uses | None = flows.memo.get("prompt uses")
    if found is not None:
        return found
    view = View(flows)
    steps: dict[str, dict[tuple[str, str], None]] = {}
    files: dict[str, dict[str, None]] = {}
    engine: set[str] = set()
    for flow, name, step in view.places:
        for _, reference in step.says():
            steps.setdefault(_spoken(reference), {})[flow, name] = None
        engine |= set(view.system_prompts(step))
    engine |= {id for spec in flows.actions.values() for id in spec.says}
    for name, data in flows.files.items():
        for text in _texts(data):
            if PROMPT_ID.match(text):
                files.setdefault(text, {})[f"{name}.yaml"] = None
    ids = {*steps, *files, *engine}
    found = {id: (tuple(steps.get(id, ())), tuple(files.get(id, ())), id in engine) for id in ids}
    flows.memo["prompt uses"] = found
    return found


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict | list):
        for item in data.values() if isinstance(data, dict) else data:
            yield from _texts(item)


def _spoken(id: str) -> str:
    """What a variant for texts or for speech stands in for."""
    return id.removesuffix("_text").removesuffix("_speech")


def _example(flows: FlowSet, language: str, id: str) -> Prompt:
    """The prompt as the voice says it, with examples for what is filled in. Raises `SoundRefused`."""
    try:
        pieces = parse(flows.texts[language][id]).pieces
    except ExprError as error:
        raise SoundRefused("failed", str(error)) from None
    parts = tuple(piece if isinstance(piece, Part) else _filled(piece, flows) for piece in pieces)
    return Prompt(parts, language)


def _filled(hole: Hole, flows: FlowSet) -> Part:
    currency = flows.company.currency if hole.kind == "money" else ""
    if hole.kind in EXAMPLES:
        return Part(hole.kind, EXAMPLES[hole.kind], currency, hole.rate, hole.emphasis)
    name = next((name for name, _ in hole.value.names()), "")
    words = flows.company.name if name == "company" else name.rpartition(".")[2].replace("_", " ")
    return Part("text", words, "", hole.rate, hole.emphasis)


def _wav(clips: list[Clip]) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(pcm.RATE)
        sound.writeframes(pcm.pcm16(b"".join(clip.ulaw for clip in clips)))
    return out.getvalue()


def _of(folder: Path, id: str) -> list[Path]:
    """The files of a folder that are named after a prompt."""
    try:
        return sorted(path for path in folder.iterdir() if path.stem == id and path.is_file())
    except OSError:
        return []


def _facts(path: Path | None) -> Recording | None:
    try:
        stat = path.stat() if path is not None else None
    except OSError:
        return None
    if path is None or stat is None:
        return None
    return Recording(path.name, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))


def _without(said: str, path: Path) -> str:
    return said.removeprefix(f"{path}: ")
