"""Pages: a decorator notes each with its address and the permission that it needs; `app` makes routes of them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from flask import Response

from callcenter.desk.permissions import known

Transaction = Literal["read", "write", "own"]
View = Callable[..., Response]
LARGEST = 256 * 1024
"""Bytes of a request, unless a page takes files."""


@dataclass(frozen=True, slots=True)
class Page:
    """`rule` is under /desk, in Flask's way of writing. In an "own" transaction the view opens its own, and none is
    open while it computes."""

    method: str
    rule: str
    needs: str
    view: View
    transaction: Transaction
    largest: int

    @property
    def name(self) -> str:
        """For `Visit.url`."""
        return self.view.__name__


@dataclass(frozen=True, slots=True)
class Link:
    """An entry of the navigation. `key` is the letter after g that goes there."""

    order: int
    page: str
    label: str
    icon: str
    needs: str
    key: str


_pages: list[Page] = []
_links: list[Link] = []


def page(
    rule: str,
    *,
    needs: str,
    method: Literal["GET", "POST"] = "GET",
    transaction: Transaction | None = None,
    largest: int = LARGEST,
) -> Callable[[View], View]:
    """Register a view: it takes a `Visit` and the parts of its address. A POST writes in one transaction with its line
    in the audit log; a GET only reads. Raises ValueError for a permission that there isn't."""
    if not known(needs):
        raise ValueError(f"{rule}: there is no permission {needs!r}")

    def register(view: View) -> View:
        how = transaction or ("read" if method == "GET" else "write")
        _pages.append(Page(method, rule, needs, view, how, largest))
        return view

    return register


def link(order: int, page: str, label: str, *, icon: str, needs: str, key: str) -> None:
    """Register an entry of the navigation; `label` is in English, a key of the words."""
    _links.append(Link(order, page, label, icon, needs, key))


@cache
def all_pages() -> tuple[Page, ...]:
    """All that the files in `pages` register."""
    _import_all()
    found: dict[str, Page] = {}
    for registered in _pages:
        if registered.name in found:
            raise ValueError(f"two pages are called {registered.name}")
        found[registered.name] = registered
    return tuple(found.values())


@cache
def all_links() -> tuple[Link, ...]:
    _import_all()
    return tuple(sorted(_links, key=lambda found: found.order))


def _import_all() -> None:
    from callcenter.desk import pages

    for module in pkgutil.iter_modules(pages.__path__):
        importlib.import_module(f"{pages.__name__}.{module.name}")


def one(value: Any) -> str:
    """A form's field as one line without control characters."""
    return " ".join(str(value or "").split())
