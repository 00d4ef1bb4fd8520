"""Finding the articles of one language that answer somebody's words: offline, explained, with an honest "none does".

Three things count, with the same features that intents are recognised by (`ivr.flow.understand.features`):

- **likeness**: the cosine of the words with the nearest question or title, by TF-IDF of words, pairs of words and
  letter sequences, so that another ending or a typing error hardly matters;
- **coverage**: the share of the words, weighted by how rare they are, that the article has anywhere;
- **lead**: how much more likely than any other article it is.

A classifier like that of intents is no use here: it inverts a matrix of all examples, and there may be fifty thousand.
A search engine's score (BM25, full-text search in a database) ranks well, but has no zero: it can't tell that nothing
fits. `sure` is between 0 and 1, to be held against the same bands as an intent.
"""

from __future__ import annotations

import math
import re
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ivr.flow.knowledge.articles import Article
from ivr.flow.understand.features import COMMON, STEM, content, features
from ivr.flow.understand.lexicon import Lexicon
from ivr.flow.understand.tokens import tokens

LIKENESS, COVERAGE, LEAD, OFFSET = 5.5, 3.0, 3.0, -4.3
"""What each counts for in `sure`, by a logistic curve; measured with the questions in tests/flow/knowledge."""
NEWS = 0.35
"""What words that are in no question and no title count for where only the text of an article has them."""
ALIKE = 0.4
"""The likeness from which on two questions are taken for the same."""
MAX_SENTENCES = 12
_SENTENCES = re.compile(r"[.!?;\n]+(?:\s+|$)")
_MARKUP = re.compile(r"\]\([^)]*\)|[#*_`>|\[\]]+")


@dataclass(frozen=True, slots=True)
class Found:
    """An article that may answer, how sure that is (0 to 1), and why: the `nearest` of its questions (or its title),
    how `like` it is (0 to 1), and how much of the words the article `covers` (0 to 1)."""

    article: Article
    sure: float
    nearest: str
    like: float
    covers: float


class Finder:
    """The articles of one language, ready to be searched. Thread-safe once it is made."""

    def __init__(self, articles: Sequence[Article], lexicon: Lexicon) -> None:
        self.articles = list(articles)
        self.lexicon = lexicon
        asked = [(place, text) for place, one in enumerate(self.articles) for text in (one.title, *one.about.questions)]
        self._asked = [text for _, text in asked]
        self._owner = np.array([place for place, _ in asked], dtype=np.intp)
        held: defaultdict[str, int] = defaultdict(int)
        for text in self._asked:
            for feature in features(content(text, lexicon), lexicon):
                held[feature] += 1
        total = len(self._asked)
        self._idf = {feature: math.log((1 + total) / (1 + count)) + 1 for feature, count in held.items()}
        self._unknown = math.log(1 + total) + 1
        self._postings = _Postings(self._vector(text) for text in self._asked)
        self._words = _Postings(self._vocabulary(article) for article in self.articles)

    def find(self, words: str, *, fits: Callable[[Article], bool] = lambda _: True, limit: int = 5) -> list[Found]:
        """The likeliest articles first, those that have nothing in common with the words left out. Of several
        sentences (a mail, say) each is looked at by itself."""
        best: dict[int, Found] = {}
        for sentence in _sentences(words):
            for place, found in self._candidates(sentence, limit, fits):
                if place not in best or found.sure > best[place].sure:
                    best[place] = found
        ranked = sorted(best.values(), key=lambda found: (-found.sure, found.article.name))
        return ranked[:limit]

    def groups(self, questions: Sequence[str]) -> list[list[int]]:
        """Questions that are much alike together, as places in `questions`: each joins the group whose first question
        it is most like, or begins one. The largest group first."""
        firsts: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
        groups: list[list[int]] = []
        for place, question in enumerate(questions):
            vector = self._vector(question)
            likeness: defaultdict[int, float] = defaultdict(float)
            for feature, weight in vector.items():
                for group, other in firsts.get(feature, ()):
                    likeness[group] += weight * other
            best = max(likeness, key=lambda group: (likeness[group], -group), default=-1)
            if best >= 0 and likeness[best] >= ALIKE:
                groups[best].append(place)
                continue
            for feature, weight in vector.items():
                firsts[feature].append((len(groups), weight))
            groups.append([place])
        return sorted(groups, key=lambda group: (-len(group), group))

    def _candidates(self, sentence: str, limit: int, fits: Callable[[Article], bool]) -> Iterator[tuple[int, Found]]:
        said = content(sentence, self.lexicon)
        if not said:
            return
        likeness = np.zeros(len(self._asked))
        for feature, weight in self._vector(sentence).items():
            self._postings.add(feature, weight, likeness)
        covered = self._covered(said)
        top = np.zeros(len(self.articles))
        np.maximum.at(top, self._owner, np.minimum(likeness, 1.0))
        sure = 1 / (1 + np.exp(-(LIKENESS * top + COVERAGE * covered + LEAD * _lead(top) + OFFSET)))
        shown = 0
        for place in np.argsort(-sure, kind="stable"):
            at = int(place)
            if shown == limit or (top[at] <= 0.05 and covered[at] <= 0):
                return
            if not fits(self.articles[at]):
                continue
            own = np.flatnonzero(self._owner == at)
            nearest = self._asked[int(own[likeness[own].argmax()])]
            shown += 1
            yield at, Found(self.articles[at], float(sure[at]), nearest, float(top[at]), float(covered[at]))

    def _covered(self, said: Sequence[str]) -> npt.NDArray[np.float64]:
        """The share of the words that each article has, in full or by their beginning."""
        covered = np.zeros(len(self.articles))
        whole = 0.0
        for word in dict.fromkeys(said):
            if word in self.lexicon.polite:
                continue
            worth = self._idf.get(f"w:{word}", self._unknown) * (COMMON if word in self.lexicon.common else 1.0)
            whole += worth
            if not self._words.add(word, worth, covered):
                self._words.add(_beginning(word), worth, covered)
        return np.minimum(covered / whole, 1.0) if whole else covered

    def _vocabulary(self, article: Article) -> Mapping[str, float]:
        """The words that an article has, and their beginnings, and how much each counts."""
        about = article.about
        out: dict[str, float] = {}
        parts = (
            (" ".join((about.title, *about.tags, *about.questions)), 1.0),
            (f"{about.answer} {_MARKUP.sub(' ', article.text)}", NEWS),
        )
        for text, worth in parts:
            for word in _words(text):
                for form in (word, _beginning(word)):
                    out[form] = max(out.get(form, 0.0), worth)
        return out

    def _vector(self, text: str) -> dict[str, float]:
        """TF-IDF by feature, of length 1."""
        counts = features(content(text, self.lexicon), self.lexicon)
        weights = {name: math.sqrt(count) * self._idf.get(name, self._unknown) for name, count in counts.items()}
        length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        return {name: weight / length for name, weight in weights.items()}


def _lead(top: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How much more each has than the best of the others; never below 0."""
    if len(top) < 2:
        return np.zeros(len(top))
    first, second = np.partition(top, -2)[[-1, -2]]
    return np.where(top == first, first - second, 0.0)


class _Postings:
    """Which rows have a feature, and with what weight. Kept small: there may be millions."""

    def __init__(self, rows: Iterator[Mapping[str, float]]) -> None:
        self._rows: defaultdict[str, array[int]] = defaultdict(lambda: array("i"))
        self._weights: defaultdict[str, array[float]] = defaultdict(lambda: array("f"))
        for place, row in enumerate(rows):
            for feature, weight in row.items():
                self._rows[feature].append(place)
                self._weights[feature].append(weight)

    def add(self, feature: str, worth: float, to: npt.NDArray[np.float64]) -> bool:
        """Add to each row that has the feature its weight times `worth`; whether any has it."""
        if feature not in self._rows:
            return False
        rows = np.frombuffer(self._rows[feature], dtype=np.intc)
        to[rows] += worth * np.frombuffer(self._weights[feature], dtype=np.single)
        return True


def _beginning(word: str) -> str:
    return f"{word[:STEM]}*" if len(word) >= STEM else word


def _words(text: str) -> Iterator[str]:
    """All words of a long text: `tokens` looks at a thousand characters."""
    for line in re.split(r"\n|(?<=[.!?])\s", text):
        yield from tokens(line)


def _sentences(words: str) -> list[str]:
    """The sentences of a message; the whole of a short one, too, since its parts may only make sense together."""
    parts = [part for part in _SENTENCES.split(words) if len(tokens(part)) > 1][:MAX_SENTENCES]
    whole = [words] if len(parts) < 4 else []
    return list(dict.fromkeys((*whole, *parts)))
