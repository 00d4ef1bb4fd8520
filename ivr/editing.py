"""Changing the admin's files from a page: what is written is checked before, published after, and taken back where that
fails. One at a time on a machine; whoever edits the files by hand at the same moment wins over nobody: what is replaced
is compared."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from callcenter.desk.ports import CannotWrite, FileProblem, OtherChanges
from ivr.actions import specs
from ivr.flow.knowledge.articles import FOLDER as KNOWLEDGE
from ivr.flow.load import load
from ivr.flow.problems import FlowError, Mark, Problem
from ivr.published import NothingPublished, Published, version_files
from ivr.settings import Settings


class FlowFiles:
    """The files of `settings.flows_dir` and `prompts_dir` beside what is published of them."""

    def __init__(self, settings: Settings, published: Published, told: Callable[[], None] = lambda: None) -> None:
        self.settings = settings
        self.published = published
        self.told = told
        """Called when another version answers new calls."""

    def unpublished(self) -> tuple[str, ...]:
        """Names of the files at hand that differ from the published version's, those that one side lacks
        included: `flows/main.yaml`. All of them where nothing is published."""
        at_hand = {name: _content(path) for name, path in self._at_hand().items()}
        try:
            published = self.published.files(self.published.current().hash)
        except (NothingPublished, FlowError):
            return tuple(at_hand)
        names = sorted({*at_hand, *published})
        return tuple(name for name in names if at_hand.get(name) != published.get(name))

    def writable(self, folder: Path) -> bool:
        """Whether files in it can be replaced: a package or a read-only volume can't be written."""
        return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One change at a time, whichever of the machine's processes makes it."""
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        with (self.settings.data_dir / "files.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def change(self, name: str, edit: Callable[[str], str], also: Sequence[str]) -> tuple[str, str]:
        """Write `flows/NAME` as `edit` makes it of what is there, and publish: the new version's hash and the one
        before. Nothing has changed where it raises: KeyError where there is no such file, `OtherChanges` where other
        files than those in `also` aren't published, `CannotWrite`, `FlowError`, and what `edit` raises."""
        path = self.settings.flows_dir / name
        with self.locked():
            before = self.published.current().hash
            changed = self.unpublished()
            if f"flows/{name}" in changed:
                raise CannotWrite("the file at hand isn't the published one; publish it, or take the published one")
            if others := [other for other in changed if other not in also]:
                raise OtherChanges(others)
            old = self._read(path)
            new = edit(old.decode("utf-8")).encode("utf-8")
            if new == old:
                return before, before
            self._check(name, new)
            self.write(path, new)
            try:
                version = self.published.publish(self.settings.flows_dir, self.settings.prompts_dir)
            except BaseException:
                self.write(path, old)
                raise
        self.told()
        return version.hash, before

    def take(self, name: str, hash: str) -> None:
        """Write `flows/NAME` as the version `hash` has it. Raises KeyError and `CannotWrite`."""
        content = self.published.files(hash)[f"flows/{name}"]
        self.write(self.settings.flows_dir / name, content)

    def back(self, name: str, version: str, before: str) -> None:
        """While `version` answers new calls: `before` again, and the file as that has it. Raises as `take`."""
        with self.locked():
            if self.published.current().hash != version:
                raise KeyError(version)
            self.published.roll_back(before)
            self.told()
            self.take(name, before)

    def write(self, path: Path, content: bytes) -> None:
        """Replace a file at once, with the rights that it had: nobody reads half of it. Raises `CannotWrite`."""
        try:
            path.parent.mkdir(exist_ok=True)
            handle, part = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.chmod(part, path.stat().st_mode & 0o777 if path.exists() else 0o644)
                os.replace(part, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(part)
                raise
        except OSError as error:
            raise CannotWrite(f"{path.name} can't be written: {error.strerror}") from None

    def _check(self, name: str, content: bytes) -> None:
        """The files as they are going to be, in a copy; prompts are not copied. Raises `FlowError`."""
        folder = self.settings.flows_dir
        with tempfile.TemporaryDirectory() as made:
            copy = Path(made)
            for path in folder.glob("*.y*ml"):
                shutil.copyfile(path, copy / path.name)
            if (folder / KNOWLEDGE).is_dir():
                shutil.copytree(folder / KNOWLEDGE, copy / KNOWLEDGE)
            (copy / name).write_bytes(content)
            try:
                load(copy, self.settings.prompts_dir, specs())
            except FlowError as error:
                raise FlowError(_moved(problem, copy, folder) for problem in error.problems) from None

    def _at_hand(self) -> dict[str, Path]:
        return version_files(self.settings.flows_dir, self.settings.prompts_dir)

    @staticmethod
    def _read(path: Path) -> bytes:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise KeyError(path.name) from None
        except OSError as error:
            raise CannotWrite(f"{path.name} can't be read: {error.strerror}") from None


def file_problem(problem: Problem, folder: Path) -> FileProblem:
    """`folder` is left out: where things are on the server is nobody's matter."""
    mark = problem.mark
    file = str(mark.file).removeprefix(f"{folder}/")
    return FileProblem(f"{file}:{mark.line}:{mark.column}", problem.what, problem.fix, problem.warning)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _moved(problem: Problem, copy: Path, folder: Path) -> Problem:
    mark = problem.mark
    file = mark.file.replace(str(copy), str(folder), 1)
    return Problem(Mark(file, mark.line, mark.column), problem.what, problem.fix, problem.code, problem.warning)
