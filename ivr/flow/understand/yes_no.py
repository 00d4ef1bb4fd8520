"""Yes or no, in all the ways that people say it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from ivr.flow.understand.lexicon import Lexicon, lexicon, phrases_in
from ivr.flow.understand.tokens import tokens

LONGEST = 6
"""Words in a phrase."""


def yes_no(text: str, lexicon: Lexicon, yes: Iterable[str] = (), no: Iterable[str] = ()) -> bool | None:
    """True, False, or `None` for neither and for both. `yes` and `no` are further phrases, the catalogue's.

    Firm words (yes, no) at the beginning count whatever follows; others (right, wrong) only among words that mean
    nothing, so that "the right number" is no answer.
    """
    words = tokens(text)
    own = {" ".join(tokens(phrase)): value for value, phrases in ((True, yes), (False, no)) for phrase in phrases}
    if " ".join(words) in own:
        return own[" ".join(words)]
    if phrases_in(words, lexicon.unsure):
        return None
    firm, loose = _tables(lexicon.code)
    meanings: list[bool] = []
    begins_firmly = strange = False
    at = 0
    while at < len(words):
        for size in range(min(LONGEST, len(words) - at), 0, -1):
            phrase = " ".join(words[at : at + size])
            value = firm.get(phrase, loose.get(phrase, own.get(phrase)))
            if value is not None:
                begins_firmly |= phrase in firm and not meanings and not strange
                meanings.append(value)
                at += size
                break
        else:
            strange |= words[at] not in lexicon.polite
            at += 1
    if not meanings or len(set(meanings)) == 2:
        return None
    return meanings[0] if begins_firmly or not strange else None


@lru_cache
def _tables(language: str) -> tuple[Mapping[str, bool], Mapping[str, bool]]:
    """Firm phrases and loose ones with what they mean; a negation before a loose one turns it round."""
    table = lexicon(language)
    firm = {**dict.fromkeys(table.yes, True), **dict.fromkeys(table.no, False)}
    plain = {**dict.fromkeys(table.right, True), **dict.fromkeys(table.wrong, False)}
    turned = {
        f"{negation} {phrase}": not value
        for negation in table.negations
        for phrase, value in plain.items()
        # Spanish no before a word for wrong is a no of its own: no, está mal.
        if value or negation.split()[0] not in table.no
    }
    return firm, {**turned, **plain}
