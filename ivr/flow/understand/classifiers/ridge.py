"""ridge: kernel ridge regression on TF-IDF features, one against the rest.

A score is a weighted sum of likenesses to the examples, so the nearest examples explain it. Training is one matrix
inversion, which also gives the score that every example would have had if it, or all of its intent, had been left out
(the closed forms for leave-one-out: Rasmussen and Williams, Gaussian Processes for Machine Learning, 5.4.2). From
those it is learnt how much a score is worth: examples left out are known to be in scope, and examples whose whole
intent was left out are known to be in none of the others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ivr.flow.understand.classifier import Classifier, Match, Nearest, classifier
from ivr.flow.understand.features import content, features
from ivr.flow.understand.lexicon import Lexicon

Array = npt.NDArray[np.float64]

RIDGE = 0.35
"""How much a single example is mistrusted, against likenesses from 0 to 1."""
EXPLAINED = 5
"""Nearest examples that are told."""
PRIOR = np.array([4.0, 2.0, 3.0, 3.0])
"""What best score, lead, nearest likeness and known share count for where examples are too few to learn it."""
PRIOR_OFFSET = -5.0
STRANGERS = 0.45
"""The share of sentences that is taken to be out of scope, however many there are to learn from."""
DOUBT = 0.45
"""By how much another intent must lead for an example to be told of: paraphrases of a dozen differ a little."""
STIFFNESS = 1.0
"""How strongly the learnt weights are drawn to these."""


@classifier("ridge")
def train(examples: Mapping[str, Sequence[str]], out_of_scope: Sequence[str], lexicon: Lexicon) -> Classifier:
    return Ridge(examples, out_of_scope, lexicon)


@dataclass(frozen=True, slots=True)
class _Sight:
    """A sentence as features: likeness to every example, and its words that mean something."""

    likeness: Array
    words: tuple[str, ...]


class Ridge:
    def __init__(self, examples: Mapping[str, Sequence[str]], out_of_scope: Sequence[str], lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.intents = [name for name, texts in examples.items() if texts]
        texts = [(text, place) for place, name in enumerate(self.intents) for text in examples[name]]
        texts += [(text, -1) for text in out_of_scope]
        self.texts = [text for text, _ in texts]
        self.owner = np.array([place for _, place in texts])
        self._index([content(text, lexicon) for text in self.texts])
        self._solve()
        self._calibrate()

    # Likeness: cosines of TF-IDF vectors, kept as postings by feature.

    def _index(self, sentences: Sequence[Sequence[str]]) -> None:
        self.sentences = [tuple(words) for words in sentences]
        counted = [features(words, self.lexicon) for words in sentences]
        held: dict[str, int] = {}
        for counts in counted:
            for feature in counts:
                held[feature] = held.get(feature, 0) + 1
        total = len(counted)
        self._idf = {feature: math.log((1 + total) / (1 + count)) + 1 for feature, count in held.items()}
        self._unknown_idf = math.log(1 + total) + 1
        postings: dict[str, list[tuple[int, float]]] = {}
        for place, counts in enumerate(counted):
            for feature, weight in self._normed(counts).items():
                postings.setdefault(feature, []).append((place, weight))
        self._postings = {
            feature: (np.array([place for place, _ in items]), np.array([weight for _, weight in items]))
            for feature, items in postings.items()
        }
        self._known: dict[str, set[int]] = {}
        for place, words in enumerate(self.sentences):
            for word in words:
                self._known.setdefault(word, set()).add(place)
                self._known.setdefault(word[:5] + "*", set()).add(place)
        self._exact: dict[tuple[str, ...], set[int]] = {}
        for place, words in enumerate(self.sentences):
            self._exact.setdefault(words, set()).add(int(self.owner[place]))

    def _normed(self, counts: Mapping[str, float]) -> dict[str, float]:
        weights = {
            feature: math.sqrt(count) * self._idf.get(feature, self._unknown_idf) for feature, count in counts.items()
        }
        length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        return {feature: weight / length for feature, weight in weights.items()}

    def _sight(self, words: Sequence[str]) -> Array:
        likeness = np.zeros(len(self.texts))
        for feature, weight in self._normed(features(words, self.lexicon)).items():
            found = self._postings.get(feature)
            if found is not None:
                likeness[found[0]] += weight * found[1]
        return likeness

    # Scores

    def _solve(self) -> None:
        likeness = np.array([self._sight(words) for words in self.sentences])
        self._likeness = (likeness + likeness.T) / 2
        wanted = np.zeros((len(self.texts), len(self.intents)))
        inside = self.owner >= 0
        wanted[inside, self.owner[inside]] = 1.0
        self._inverse = np.linalg.inv(self._likeness + RIDGE * np.eye(len(self.texts)))
        self._weights = self._inverse @ wanted
        self._wanted = wanted
        self._left_out = wanted - self._weights / np.diag(self._inverse)[:, None]

    def _evidence(self, scores: Array, likeness: Array, known: float) -> Array:
        """What the certainty is made of: best score, lead over the next, nearest example of it, known share."""
        order = np.argsort(-scores, kind="stable")
        best = order[0]
        lead = scores[best] - (scores[order[1]] if len(order) > 1 else 0.0)
        mine = likeness[self.owner == best]
        return np.array([scores[best], lead, mine.max() if len(mine) else 0.0, known])

    def _known_share(self, words: Sequence[str], without: frozenset[int] = frozenset()) -> float:
        """The share of the words that occurs in the examples, rare words counting more."""
        known = total = 0.0
        for word in words:
            if word in self.lexicon.polite or word in self.lexicon.common:
                continue
            weight = self._idf.get(f"w:{word}", self._unknown_idf)
            total += weight
            for form, share in ((word, 1.0), (word[:5] + "*", 0.7 if len(word) >= 5 else 0.0)):
                if self._known.get(form, set()) - without:
                    known += weight * share
                    break
        return known / total if total else 0.0

    # How much a score is worth

    def _calibrate(self) -> None:
        rows: list[Array] = []
        truth: list[float] = []
        everyone = np.arange(len(self.texts))
        for place, words in enumerate(self.sentences):
            likeness = np.where(everyone == place, 0.0, self._likeness[place])
            known = self._known_share(words, frozenset({place}))
            rows.append(self._evidence(self._left_out[place], likeness, known))
            truth.append(float(self.owner[place] >= 0 and self._left_out[place].argmax() == self.owner[place]))
        if len(self.intents) > 2:
            for intent in range(len(self.intents)):
                self._without(intent, rows, truth)
        weights, offset = _logistic(np.array(rows), np.array(truth))
        self._worth, self._offset = weights, offset

    def _without(self, intent: int, rows: list[Array], truth: list[float]) -> None:
        """The intent's examples as strangers: scored by a model that was never told of any of them."""
        group = np.flatnonzero(self.owner == intent)
        inverse = np.linalg.inv(self._inverse[np.ix_(group, group)])
        scores = self._wanted[group] - inverse @ self._weights[group]
        scores[:, intent] = -1.0
        outsiders = frozenset(int(place) for place in group)
        for row, place in enumerate(group):
            likeness = np.where(self.owner == intent, 0.0, self._likeness[place])
            known = self._known_share(self.sentences[place], outsiders)
            rows.append(self._evidence(scores[row], likeness, known))
            truth.append(0.0)

    def classify(self, words: str) -> Match:
        said = content(words, self.lexicon)
        likeness = self._sight(said)
        scores = likeness @ self._weights
        order = np.argsort(-scores, kind="stable")
        owners = self._exact.get(tuple(said), set())
        if len(owners) == 1 and -1 not in owners:
            best, sure = next(iter(owners)), 1.0
        else:
            best = int(order[0])
            evidence = self._evidence(scores, likeness, self._known_share(said))
            sure = float(1 / (1 + np.exp(-(evidence @ self._worth + self._offset))))
        nearest = tuple(
            Nearest(float(likeness[place]), self._name(int(self.owner[place])), self.texts[place])
            for place in np.argsort(-likeness, kind="stable")[:EXPLAINED]
            if likeness[place] > 0
        )
        ranked = {self.intents[place]: float(scores[place]) for place in order}
        return Match(self.intents[best], sure, ranked, nearest)

    def _name(self, owner: int) -> str:
        return self.intents[owner] if owner >= 0 else ""

    def doubtful(self) -> list[tuple[str, int, str]]:
        found = []
        for intent, name in enumerate(self.intents):
            for place, row in enumerate(np.flatnonzero(self.owner == intent)):
                scores = self._left_out[row]
                best = int(scores.argmax())
                if best != intent and scores[best] > scores[intent] + DOUBT:
                    found.append((name, place, self.intents[best]))
        return found


def _logistic(rows: Array, truth: Array) -> tuple[Array, float]:
    """Weights and offset of a logistic regression by Newton's method, drawn to the prior and never negative: more
    evidence can't make an intent less likely."""
    prior = np.append(PRIOR, PRIOR_OFFSET)
    inputs = np.column_stack([rows, np.ones(len(rows))])
    positive, negative = truth.sum(), (1 - truth).sum()
    if not positive or not negative:
        return PRIOR, PRIOR_OFFSET
    balance = np.where(truth == 1, (1 - STRANGERS) / positive, STRANGERS / negative) * len(truth)
    bounded = np.arange(len(prior)) < len(PRIOR)

    def cost(weights: Array) -> float:
        margin = inputs @ weights
        loss = balance @ (np.logaddexp(0.0, margin) - truth * margin)
        return float(loss + STIFFNESS / 2 * ((weights - prior) ** 2).sum())

    weights = prior.copy()
    for _ in range(60):
        chance = 1 / (1 + np.exp(-(inputs @ weights)))
        gradient = inputs.T @ (balance * (chance - truth)) + STIFFNESS * (weights - prior)
        curve = (inputs * (balance * chance * (1 - chance))[:, None]).T @ inputs + STIFFNESS * np.eye(len(prior))
        free = ~bounded | (weights > 0) | (gradient < 0)
        step = np.zeros(len(prior))
        step[free] = np.linalg.solve(curve[np.ix_(free, free)], gradient[free])
        size, now = 1.0, cost(weights)
        while size > 1e-6:
            tried = weights - size * step
            tried[bounded] = np.maximum(tried[bounded], 0.0)
            if cost(tried) < now - 1e-10:
                break
            size /= 2
        else:
            break
        weights = tried
    return weights[:-1], float(weights[-1])
