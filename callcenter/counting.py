"""A number with its noun, for what programs print in English. The desk's pages have `desk.words.Words.counted`."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """`1 queue`, `2 queues`, `0 queues`; `many` where an s won't do: `counted(2, "person", "people")`."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"
