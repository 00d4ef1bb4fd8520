"""Beam search of a model's tokens under a grammar: the readings that the grammar allows, with their log probabilities.

Each state of a grammar is compiled to a tree of tokens, once per model. The same words may be written in several ways
(`One`, ` one`, `, one`); probabilities of readings that mean the same are added.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ivr.speech.recognise.grammar import Grammar
from ivr.speech.recognise.models import Model

STEPS = 96
MARGIN = {"digits": 7.0, "phrases": 15.0}
"""Readings that are less probable than the best by this log probability are given up; among a few phrases an unlikely
beginning may still be the right one."""
ENDINGS = ("", ".", "!", "?")


@dataclass(slots=True)
class Node:
    """In a tree of tokens: what may follow, and what has been said if the words end here."""

    children: dict[int, Node] = field(default_factory=dict)
    said: list[tuple[str, int, float]] = field(default_factory=list)
    """Meaning, the grammar's next state, cost."""
    ends: bool = False
    """Whether the utterance may end here."""


@dataclass(slots=True)
class Compiled:
    kind: str
    first: Node
    later: dict[int, Node]
    """By the grammar's state; words that are not the first may have a comma before them."""
    interest: Any
    column: dict[int, int]


@dataclass(frozen=True, slots=True)
class Reading:
    means: str
    score: float


@dataclass(frozen=True, slots=True)
class _Beam:
    node: Node
    means: str
    score: float
    token: int
    parent: int


def compile_(grammar: Grammar, model: Model) -> Compiled:
    states = {arc.to for arcs in grammar.arcs.values() for arc in arcs}
    first = Node()
    for arc in grammar.arcs.get(0, []):
        for text in dict.fromkeys((f" {arc.words}", f" {_capital(arc.words)}")):
            _add(first, model.tokens(text), (arc.means, arc.to, arc.cost))
    later = {state: Node() for state in states}
    for state, node in later.items():
        for arc in grammar.arcs.get(state, []):
            for text in (f" {arc.words}", f", {arc.words}"):
                _add(node, model.tokens(text), (arc.means, arc.to, arc.cost))
        if state in grammar.final:
            for ending in ENDINGS:
                at = node
                for token in model.tokens(ending) if ending else ():
                    at = at.children.setdefault(token, Node())
                at.ends = True
    tokens = sorted({model.end, *_tokens(first), *(token for node in later.values() for token in _tokens(node))})
    return Compiled(
        grammar.kind, first, later, np.array(tokens), {token: column for column, token in enumerate(tokens)}
    )


def search(model: Model, encoded: Any, compiled: Compiled, *, width: int = 8, count: int = 8) -> list[Reading]:
    """The `count` best readings, best first. `width` readings are followed at a time."""
    scores, state = model.begin(encoded, compiled.kind, compiled.interest)
    beams = [_Beam(compiled.first, "", 0.0, -1, 0)]
    done: dict[str, float] = {}
    end = compiled.column[model.end]
    for _ in range(STEPS):
        following: list[_Beam] = []
        for row, beam in enumerate(beams):
            if beam.node.ends:
                done[beam.means] = _add_logs(done.get(beam.means, -math.inf), beam.score + float(scores[row, end]))
            for token, child in beam.node.children.items():
                score = beam.score + float(scores[row, compiled.column[token]])
                if child.children or child.ends:
                    following.append(_Beam(child, beam.means, score, token, row))
                for means, to, cost in child.said:
                    following.append(_Beam(compiled.later[to], _join(beam.means, means), score + cost, token, row))
        following.sort(key=lambda beam: -beam.score)
        best = max([*done.values(), *(beam.score for beam in following[:1])], default=0.0)
        beams = [beam for beam in following[:width] if beam.score > best - MARGIN[compiled.kind]]
        if not beams or (len(done) >= count and sorted(done.values())[-count] > beams[0].score):
            break
        scores, state = model.step(state, [beam.parent for beam in beams], [beam.token for beam in beams])
    ranked = sorted(done.items(), key=lambda found: -found[1])[:count]
    return [Reading(means, score) for means, score in ranked]


def _add(node: Node, tokens: tuple[int, ...], said: tuple[str, int, float]) -> None:
    for token in tokens:
        node = node.children.setdefault(token, Node())
    if said not in node.said:
        node.said.append(said)


def _tokens(node: Node) -> set[int]:
    found = set(node.children)
    for child in node.children.values():
        found |= _tokens(child)
    return found


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _join(before: str, after: str) -> str:
    """Digits follow each other; a phrase is the only thing that means something in its utterance."""
    return before + after


def _add_logs(a: float, b: float) -> float:
    high, low = max(a, b), min(a, b)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
