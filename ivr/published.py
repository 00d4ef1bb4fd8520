"""Published flow versions: calls in progress keep the files that they started on, whatever is published meanwhile."""

from __future__ import annotations

import io
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Engine

from callcenter.db import reading, reading_quickly
from callcenter.prepared import Prepared
from callcenter.tables import flow_versions
from ivr.flow.knowledge.articles import files as article_files
from ivr.flow.load import load, read_folders
from ivr.flow.model import FlowSet
from ivr.flow.problems import FlowError, Mark, Problem
from ivr.flow.spec import ActionSpec
from ivr.prompts.catalogue import Catalogue

log = structlog.get_logger("callwright.published")


class NothingPublished(Exception):
    """No version has been published yet."""


class Published:
    """The versions in the database. The newest by time of publication answers new calls; thread-safe."""

    def __init__(self, engine: Engine, actions: Mapping[str, ActionSpec], unpack_dir: Path) -> None:
        self._engine = engine
        self._actions = actions
        self._unpack_dir = unpack_dir
        self._loaded: dict[str, FlowSet] = {}
        self._lock = threading.Lock()
        self._latest: FlowSet | None = None
        self._unreadable = ""
        """The hash of the current version while it can't be read."""
        self._current = Prepared(engine, _CURRENT)

    def publish(self, flows: Path, prompts: Path, now: datetime | None = None) -> FlowSet:
        """Check the files and make them the current version. Raises `FlowError`; then nothing has changed."""
        loaded = load(flows, prompts, self._actions)
        at = now or datetime.now(UTC)
        with self._engine.begin() as connection:
            row = sa.select(flow_versions.c.hash).where(flow_versions.c.hash == loaded.hash)
            if connection.execute(row).one_or_none() is None:
                content = _packed(flows, prompts)
                connection.execute(sa.insert(flow_versions).values(hash=loaded.hash, content=content, published_at=at))
            else:
                again = sa.update(flow_versions).where(flow_versions.c.hash == loaded.hash)
                connection.execute(again.values(published_at=at))
        loaded.intents.train()
        loaded.knowledge.prepare()
        self._loaded[loaded.hash] = loaded
        return loaded

    def roll_back(self, hash: str, now: datetime | None = None) -> FlowSet:
        """Make an earlier version current again. Raises `KeyError` if there is none of that hash."""
        loaded = self.get(hash)
        with self._engine.begin() as connection:
            chosen = sa.update(flow_versions).where(flow_versions.c.hash == loaded.hash)
            connection.execute(chosen.values(published_at=now or datetime.now(UTC)))
        return loaded

    def history(self) -> list[tuple[str, datetime]]:
        """(hash, time) of every version, the current one first."""
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(flow_versions.c.hash, flow_versions.c.published_at).order_by(*_NEWEST))
            return [(row.hash, row.published_at) for row in rows]

    def files(self, hash: str) -> dict[str, bytes]:
        """The files of a version, as `flows/NAME`, `flows/knowledge/LANGUAGE/NAME` and `prompts/LANGUAGE/NAME`. Raises
        `KeyError`."""
        with reading(self._engine) as connection:
            content = connection.execute(
                sa.select(flow_versions.c.content).where(flow_versions.c.hash == hash)
            ).scalar()
        if content is None:
            raise KeyError(hash)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}

    def current(self) -> FlowSet:
        """The version that answers new calls. Raises `NothingPublished`, and `FlowError` for one that can't be read:
        it was published by another release. That is logged when it begins and when it is over."""
        with reading_quickly(self._engine) as driver:
            rows = self._current.rows(driver)
        if not rows:
            raise NothingPublished("no flows are published; run: callwright publish")
        newest = rows[0][0]
        try:
            self._latest = self.get(newest)
        except FlowError as error:
            if self._unreadable != newest:
                self._unreadable = newest
                log.error(
                    "the published version can't be read", version=newest, why="; ".join(str(error).splitlines()[:3])
                )
            raise
        if self._unreadable:
            log.info("the published version can be read again", version=newest)
            self._unreadable = ""
        return self._latest

    def latest(self) -> FlowSet | None:
        """The version that was last asked for as the current one, without a look at the database."""
        return self._latest

    def get(self, hash: str) -> FlowSet:
        """A version by its hash. Raises `KeyError` if there is none."""
        found = self._loaded.get(hash)
        if found is not None:
            return found
        with self._lock:
            with reading(self._engine) as connection:
                query = sa.select(flow_versions.c.content).where(flow_versions.c.hash == hash)
                content = connection.execute(query).scalar()
            if content is None:
                raise KeyError(hash)
            folder = self._unpacked(hash, content)
            loaded, problems = read_folders(folder / "flows", folder / "prompts", self._actions)
            errors = [problem for problem in problems if not problem.warning]
            if errors:
                where = Mark(f"version {hash}")
                raise FlowError([*errors, Problem(where, "this version can't be read any more", "publish again")])
            loaded = replace(loaded, hash=hash)
            loaded.intents.train()  # here, not while the first caller waits
            loaded.knowledge.prepare()
            self._loaded[hash] = loaded
            return loaded

    def _unpacked(self, hash: str, content: bytes) -> Path:
        """The folder of a version. Several processes may unpack it at once; the first one's is kept, and a folder of
        that name is always whole."""
        folder = self._unpack_dir / hash
        if folder.is_dir():
            return folder
        self._unpack_dir.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=f".{hash}-", dir=self._unpack_dir))
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                archive.extractall(making)
            making.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
        finally:
            shutil.rmtree(making, ignore_errors=True)
        return folder


_NEWEST = (flow_versions.c.published_at.desc(), flow_versions.c.hash)
_CURRENT = sa.select(flow_versions.c.hash).order_by(*_NEWEST).limit(1)


def _packed(flows: Path, prompts: Path) -> bytes:
    """The files as a zip, and the languages' folders, which may have none. Recordings stay where they are: rendered
    audio is addressed by its content."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for language in Catalogue.read(prompts).languages:
            archive.mkdir(f"prompts/{language}")
        for name, path in version_files(flows, prompts).items():
            archive.write(path, name)
    return packed.getvalue()


def version_files(flows: Path, prompts: Path) -> dict[str, Path]:
    """What a version consists of, YAML files and articles, by its name there."""
    roots = (("flows", flows), ("prompts", prompts))
    found = {f"{name}/{path.relative_to(root)}": path for name, root in roots for path in sorted(root.rglob("*.y*ml"))}
    return found | {f"flows/{path.relative_to(flows)}": path for path in article_files(flows)}
