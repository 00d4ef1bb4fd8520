"""flows/knowledge/<language>/<name>.md: one article a file, Markdown behind YAML front matter.

Articles of the same name in several languages are the same article. Every mistake is told at its place.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from ivr.flow.model import NAME, Model
from ivr.flow.problems import FlowError, Mark, Problem
from ivr.flow.yaml_source import MAX_BYTES, Node, parse

FOLDER = "knowledge"
FENCE = "---"
MAX_ARTICLES = 10_000
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")


class FrontMatter(Model):
    """What stands between the two lines `---` at the beginning of an article."""

    title: str = Field(min_length=1, max_length=120, description="what it is about; callers are asked by it")
    questions: list[str] = Field(
        default_factory=list, max_length=200, description="how people ask for it, in their own words: five or more"
    )
    answer: str = Field(
        min_length=1, max_length=600, description="the short answer, as it is spoken and texted: plain words"
    )
    tags: list[str] = Field(default_factory=list, description="names by which a flow can narrow the search")
    queues: list[str] = Field(default_factory=list, description="the queues that it is for; by default all")
    from_: dt.date | None = Field(None, alias="from", description="the first day on which it holds: 2026-01-31")
    until: dt.date | None = Field(None, description="the last day on which it holds")
    note: str | None = Field(None, description="a remark for whoever reads this file; never shown to customers")

    @field_validator("title", "answer")
    @classmethod
    def _one_line(cls, text: str) -> str:
        said = " ".join(text.split())
        if not said:
            raise ValueError("is empty")
        return said

    @field_validator("from_", "until", mode="before")
    @classmethod
    def _day(cls, day: Any) -> Any:
        if day is not None and not isinstance(day, str):
            raise ValueError("is no day; write it as 2026-01-31")
        return day

    @field_validator("questions")
    @classmethod
    def _asked(cls, questions: list[str]) -> list[str]:
        if any(not question.strip() for question in questions):
            raise ValueError("one of the questions is empty")
        return [" ".join(question.split()) for question in questions]

    @model_validator(mode="after")
    def _in_order(self) -> FrontMatter:
        if self.from_ and self.until and self.until < self.from_:
            raise ValueError("`until` lies before `from`")
        return self


@dataclass(frozen=True, slots=True)
class Article:
    """One article in one language. `text` is its whole text in Markdown."""

    name: str
    language: str
    about: FrontMatter
    text: str
    file: str
    node: Node = field(repr=False, compare=False)

    @property
    def title(self) -> str:
        return self.about.title

    @property
    def answer(self) -> str:
        return self.about.answer

    def holds(self, day: dt.date) -> bool:
        """Whether it may be told on that day."""
        since, until = self.about.from_, self.about.until
        return (since is None or since <= day) and (until is None or day <= until)

    def mark(self, *path: Any) -> Mark:
        """Where something of its front matter stands."""
        return self.node.at(path)


Articles = Mapping[str, Mapping[str, Article]]
"""Articles by language and name."""


def files(flows: Path) -> list[Path]:
    """All articles' files in a folder of flows, in order."""
    return sorted(path for path in (flows / FOLDER).rglob("*.md") if path.is_file())


def read_articles(flows: Path) -> tuple[Articles, list[Problem]]:
    """All articles that can be read, and every mistake of shape. Never raises for what is in the files."""
    found: dict[str, dict[str, Article]] = {}
    problems: list[Problem] = []
    paths = files(flows)
    if len(paths) > MAX_ARTICLES:
        what = f"there are {len(paths)} articles, more than {MAX_ARTICLES}"
        problems.append(Problem(Mark(str(flows / FOLDER)), what, "remove those that nobody needs", "too_many"))
    for path in paths[:MAX_ARTICLES]:
        try:
            article = _article(path, path.relative_to(flows / FOLDER))
            found.setdefault(article.language, {})[article.name] = article
        except FlowError as error:
            problems += error.problems
    for stray in _strays(flows / FOLDER):
        fix = "an article is Markdown: give its file the ending .md"
        problems.append(Problem(Mark(str(stray)), "this is no article", fix, "bad_article", True))
    return found, problems


def _strays(folder: Path) -> Iterator[Path]:
    """Files that look like articles and aren't read."""
    endings = (".markdown", ".txt", ".yaml", ".yml")
    yield from sorted(path for path in folder.rglob("*") if path.suffix.lower() in endings and path.is_file())


def _article(path: Path, place: Path) -> Article:
    mark = Mark(str(path))
    if len(place.parts) != 2 or not LANGUAGE.match(place.parts[0]):
        raise _error(mark, "an article stands in the folder of its language", "move it: knowledge/en/NAME.md")
    if not NAME.match(path.stem):
        fix = "use small letters, digits and _, beginning with a letter"
        raise _error(mark, f"an article can't be named '{path.stem}'", fix, "bad_name")
    front, text = _parted(_text(path), str(path))
    from ivr.flow.load import validated

    node = parse(front, str(path))
    about = validated(FrontMatter, node)
    return Article(path.stem, place.parts[0], about, text, str(path), node)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _error(
                Mark(str(path)), f"the file is larger than {MAX_BYTES // 1000} kB", "make several articles of it"
            )
        data = path.read_bytes()
    except OSError as error:
        fix = "check its name and permissions"
        raise _error(Mark(str(path)), f"the file can't be read ({error.strerror})", fix, "unreadable") from None
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _error(Mark(str(path), line), "the file is not UTF-8 text", "save it as UTF-8", "unreadable") from None


def _parted(text: str, name: str) -> tuple[str, str]:
    """The front matter, its lines numbered as in the file, and the text behind it."""
    lines = text.split("\n")
    if lines[0].rstrip() != FENCE:
        fix = "begin with a line ---, then `title:`, `questions:` and `answer:`, then a second line ---"
        raise _error(Mark(name), "an article begins with its front matter", fix)
    end = next((place for place, line in enumerate(lines[1:], 1) if line.rstrip() == FENCE), None)
    if end is None:
        raise _error(Mark(name), "the front matter has no end", "write a second line --- behind it")
    # The line of the first fence stays, empty, so that all places are those of the file.
    return "\n".join(["", *lines[1:end]]), "\n".join(lines[end + 1 :]).strip()


def _error(mark: Mark, what: str, fix: str, code: str = "bad_article") -> FlowError:
    return FlowError([Problem(mark, what, fix, code)])
