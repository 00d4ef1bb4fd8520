"""Lists to choose from: in the step itself, or in a data file of their own beside the flows.

options: [Springfield, Shelbyville]
options: {Capital City: [the capital, the city]}     # with other words for each
options: towns                                       # flows/towns.yaml, written either way
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ivr.flow.model import FlowSet
from ivr.flow.understand.lexicon import lexicon
from ivr.flow.understand.names import Names

MAX_OPTIONS = 5000


def options(given: Any, flows: FlowSet) -> Mapping[str, Sequence[str]]:
    """Each option with its other words. Empty for what isn't there, or can't be read: the check tells of it."""
    listed = flows.files.get(given) if isinstance(given, str) else given
    if isinstance(listed, Mapping):
        return {str(value): _words(others) for value, others in list(listed.items())[:MAX_OPTIONS]}
    if isinstance(listed, list | tuple):
        return {str(value): () for value in listed[:MAX_OPTIONS]}
    return {}


def _words(others: Any) -> tuple[str, ...]:
    if others is None:
        return ()
    return tuple(str(word) for word in others) if isinstance(others, list | tuple) else (str(others),)


def names(given: Any, flows: FlowSet, language: str) -> Names:
    """The options, ready to be found in words. Made once for a set of flows."""
    key = ("names", repr(given), language)
    found = flows.memo.get(key)
    if found is None:
        found = flows.memo[key] = Names(options(given, flows), lexicon(language))
    assert isinstance(found, Names)
    return found
