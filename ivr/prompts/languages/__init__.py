"""Languages: one file each, which registers itself. A language without a file gets the general rules of CLDR
(Babel) and num2words, so that an admin can add its catalogue first and someone its file later."""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache

from ivr.prompts.languages.base import Language

_registered: dict[str, type[Language]] = {}


def register(cls: type[Language]) -> type[Language]:
    """Class decorator: this language says values for its `code` and all its regions."""
    _registered[cls.code] = cls
    return cls


@lru_cache(maxsize=1)
def _discover() -> None:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


@lru_cache(maxsize=256)
def language(tag: str) -> Language:
    """The rules for a language tag such as `en`, `es-MX` or `pt_BR`; never raises."""
    _discover()
    base = tag.replace("_", "-").split("-")[0].lower()
    return _registered.get(base, Language)(tag)


def known() -> list[str]:
    """Codes of the languages that have a file."""
    _discover()
    return sorted(_registered)
