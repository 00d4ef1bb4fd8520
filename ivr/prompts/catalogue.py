"""The admin's prompts: texts in `prompts/<language>/*.yaml`, recordings in `prompts/<language>/recordings/`.

A YAML file maps ids to texts; nested mappings give dotted ids (`pay: {thanks: ...}` is `pay.thanks`). A recording
is named after the id of its prompt: `recordings/pay.thanks.wav`. `{...}` in a text is left as it stands here:
`ivr.flow.template` fills it.

What Callwright itself says (`system....`) comes with it in the languages of `ENGINE`. A text of the admin's by the same
id stands in for it, and for its wordings in messages (`_text`) and for callers who may speak (`_speech`).
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from ivr.flow.expr import ExprError
from ivr.flow.problems import FlowError, Mark, Problem
from ivr.flow.template import parse
from ivr.flow.yaml_source import Node, read

MAX_DEPTH = 10
MAX_TEXT = 2000
"""Characters in one prompt: more than two minutes of speech is a mistake, not a prompt."""
MAX_RECORDING_BYTES = 100_000_000
AUDIO_SUFFIXES = (
    ".wav", ".mp3", ".ogg", ".oga", ".opus", ".flac", ".m4a", ".mp4", ".aac", ".wma", ".aif", ".aiff", ".aifc", ".au",
    ".caf", ".amr", ".gsm", ".webm", ".mka",
)  # fmt: skip
ENGINE = Path(__file__).with_name("engine")
"""What Callwright itself says: `<language>.yaml`, in the shape of the admin's files."""

_LANGUAGE = re.compile(r"[a-z]{2,3}([-_][A-Za-z0-9]{2,8})*\Z")
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_][A-Za-z0-9_-]*)*\Z")


class Where(NamedTuple):
    """Where a prompt's text stands; line and column count from 1."""

    file: Path
    line: int
    column: int


@dataclass(slots=True)
class _Text:
    text: str
    file: Path
    mark: Mark


@dataclass
class Catalogue:
    """All prompts of all languages. Texts are as they were when it was loaded; recordings that come and go are seen
    while it is used."""

    folder: Path
    problems: list[Problem] = field(default_factory=list)
    """Every mistake and warning that was found while reading."""
    _texts: dict[str, dict[str, _Text]] = field(default_factory=dict)
    _recordings: dict[str, dict[str, Path]] = field(default_factory=dict)
    _listed: dict[str, int] = field(default_factory=dict)
    """By language the time of its folder of recordings when that was listed; 0 while it may change unnoticed."""

    @classmethod
    def load(cls, folder: Path) -> Catalogue:
        """Read a prompts folder. Raises `FlowError` with every mistake; warnings stay in `problems`."""
        catalogue = cls.read(folder)
        mistakes = [problem for problem in catalogue.problems if not problem.warning]
        if mistakes:
            raise FlowError(mistakes)
        return catalogue

    @classmethod
    def read(cls, folder: Path) -> Catalogue:
        """Like `load`, but mistakes are left in `problems` and everything that could be read is there: for a check
        that reports on flows and prompts together."""
        catalogue = cls(folder)
        try:
            children = sorted(child for child in folder.iterdir() if child.is_dir() and child.name[0] not in "._")
        except OSError as error:
            what = f"the prompts folder can't be read ({error.strerror})"
            fix = "make it, with a folder for each language in it, such as en; or name another one in PROMPTS_DIR"
            catalogue._problem(Mark(str(folder)), what, fix)
            return catalogue
        for child in children:
            if _LANGUAGE.match(child.name):
                catalogue._read_language(child.name, child)
            else:
                fix = "name it after a language, such as en, es or pt-BR, or start its name with '_' to have it ignored"
                catalogue._problem(Mark(str(child)), f"'{child.name}' is not a language code", fix)
        if not catalogue._texts and not catalogue.problems:
            fix = "add a folder per language, such as en"
            catalogue._problem(Mark(str(folder)), "no prompts are here", fix)
        return catalogue

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self._texts)

    def ids(self, language: str) -> tuple[str, ...]:
        """The ids of a language's texts, sorted; none for an unknown language."""
        return tuple(sorted(self._texts.get(language, ())))

    def text(self, language: str, id: str) -> str | None:
        found = self._texts.get(language, {}).get(id)
        return found.text if found else None

    def where(self, language: str, id: str) -> Where | None:
        """The place of one of the admin's texts; None for what Callwright itself says."""
        found = self._texts.get(language, {}).get(id)
        if found is None or found is _engine(language).get(id):
            return None
        return Where(found.file, found.mark.line, found.mark.column)

    def recording(self, language: str, id: str) -> Path | None:
        """The recording of a prompt, as its folder is now: one look at the folder's time."""
        if language in self._texts:
            folder = self.recordings_folder(language)
            if self._listed.get(language) != _time(folder):
                self._listed[language] = _settled(folder)
                self._recordings[language] = {path.stem: path for path in reversed(_sounds(folder))}
        return self._recordings.get(language, {}).get(id)

    def recordings_folder(self, language: str) -> Path:
        return self.folder / language / "recordings"

    def missing(self) -> list[tuple[str, str]]:
        """(language, id) for every id that another language has and this one lacks."""
        every = {id for texts in self._texts.values() for id in texts}
        return [(language, id) for language in self.languages for id in sorted(every - self._texts[language].keys())]

    @cached_property
    def digest(self) -> str:
        """SHA-256, as hex, of all texts and recordings: equal digests sound and read the same."""
        whole = hashlib.sha256()
        for language in sorted(self._texts):
            for id in self.ids(language):
                whole.update(repr((language, id, self.text(language, id))).encode())
            for id, path in sorted(self._recordings.get(language, {}).items()):
                whole.update(repr((language, id, content_hash(path))).encode())
        return whole.hexdigest()

    def _problem(self, mark: Mark, what: str, fix: str, *, warning: bool = False) -> None:
        self.problems.append(Problem(mark, what, fix, "prompts", warning))

    def _read_language(self, language: str, folder: Path) -> None:
        self._texts[language] = {}
        for path in sorted(folder.iterdir()):
            if path.suffix in (".yaml", ".yml") and not path.name.startswith("."):
                try:
                    self._read_texts(language, path, read(path))
                except FlowError as error:
                    self.problems.extend(error.problems)
        own = self._texts[language]
        self._texts[language] = {id: text for id, text in _engine(language).items() if _common(id) not in own} | own
        if (folder / "recordings").is_dir():
            self._read_recordings(language, folder / "recordings")

    def _read_texts(self, language: str, path: Path, root: Node) -> None:
        if not isinstance(root.value, dict):
            self._problem(root.mark, "a prompts file holds names and texts", "write `name: text` on each line")
            return
        waiting = [("", root, 1)]
        while waiting:
            prefix, mapping, depth = waiting.pop()
            for key, node in mapping.value.items():
                mark = mapping.keys[key]
                if not _KEY.match(key):
                    fix = "use letters, digits, '_' and '-', with dots between"
                    self._problem(mark, f"'{key[:80]}' can't be the name of a prompt", fix)
                elif isinstance(node.value, dict) and node.value:
                    if depth == MAX_DEPTH:
                        self._problem(mark, f"nested more than {MAX_DEPTH} levels deep", "use shorter names")
                    else:
                        waiting.append((f"{prefix}{key}.", node, depth + 1))
                else:
                    self._add(language, prefix + key, node, path)

    def _add(self, language: str, id: str, node: Node, path: Path) -> None:
        texts = self._texts[language]
        if id in texts:
            first = texts[id].mark
            self._problem(
                node.mark, f"the prompt '{id}' is there twice", f"the first is at {first}; rename or remove one"
            )
        elif node.value in (None, "", {}) or (isinstance(node.value, str) and not node.value.strip()):
            self._problem(node.mark, f"the prompt '{id}' is empty", "write its text, or remove it")
        elif not isinstance(node.value, str):
            self._problem(node.mark, f"the prompt '{id}' is not a text", "put the words in quotes")
        elif len(node.value) > MAX_TEXT:
            self._problem(node.mark, f"the prompt '{id}' is longer than {MAX_TEXT} characters", "split it into several")
        else:
            texts[id] = _Text(node.value.rstrip(), path, node.mark)

    def _read_recordings(self, language: str, folder: Path) -> None:
        found = self._recordings.setdefault(language, {})
        for path in sorted(folder.iterdir()):
            mark = Mark(str(path))
            if path.name.startswith(".") or not path.is_file():
                continue
            if path.suffix.lower() not in AUDIO_SUFFIXES:
                self._problem(
                    mark, "this is not named like a sound file", "use .wav, .mp3, .ogg, .flac or .m4a, or move it"
                )
            elif path.stat().st_size > MAX_RECORDING_BYTES:
                self._problem(mark, f"larger than {MAX_RECORDING_BYTES // 1_000_000} MB", "shorten or compress it")
            elif path.stem in found:
                fix = f"{found[path.stem].name} is there too; keep one"
                self._problem(mark, f"a second recording of the prompt '{path.stem}'", fix)
            else:
                found[path.stem] = path
                text = self.text(language, path.stem)
                if text and has_values(text):
                    what = f"the text of '{path.stem}' has a placeholder, so its recording is never played"
                    self._problem(mark, what, "remove the recording, or split the prompt", warning=True)
                if text is None:
                    fix = f"add '{path.stem}' to the language's YAML with the words that are said, or rename the file"
                    self._problem(mark, "no prompt has this name, so nothing plays it", fix, warning=True)


def _common(id: str) -> str:
    """The prompt that one for messages or for callers who may speak stands in for: who words that anew means all."""
    return id.removesuffix("_text").removesuffix("_speech")


@cache
def _engine(language: str) -> dict[str, _Text]:
    """What Callwright says in a language, or in the one that it is a variety of; empty where it has no words."""
    path = ENGINE / f"{re.split('[-_]', language)[0]}.yaml"
    if not path.exists():
        return {}
    catalogue = Catalogue(ENGINE, _texts={language: {}})
    catalogue._read_texts(language, path, read(path))
    assert not catalogue.problems, catalogue.problems  # a test reads them all
    return catalogue._texts[language]


def _time(folder: Path) -> int:
    """When a folder was last changed, in ns; -1 where there is none."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return -1


def _settled(folder: Path) -> int:
    """The same, but 0 for one that has just changed: within a tick of the clock it could change again unseen."""
    changed = _time(folder)
    return changed if changed < time.time_ns() - 1_000_000_000 else 0


def _sounds(folder: Path) -> list[Path]:
    """The files that can be played, by name."""
    try:
        return [
            path
            for path in sorted(folder.iterdir())
            if path.name[0] != "." and path.suffix.lower() in AUDIO_SUFFIXES and path.is_file()
            and path.stat().st_size <= MAX_RECORDING_BYTES
        ]  # fmt: skip
    except OSError:
        return []


def has_values(text: str) -> bool:
    """Whether a text has places for values, so that it isn't the same in every call."""
    try:
        return any(True for _ in parse(text).holes)
    except ExprError:
        return True


def content_hash(path: Path) -> str:
    """SHA-256 of a file as hex. Raises `OSError`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
