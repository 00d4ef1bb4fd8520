"""A number with its noun."""

from __future__ import annotations

import pytest

from callcenter.counting import counted


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 queues"), (1, "1 queue"), (2, "2 queues"), (-1, "-1 queues"), (21, "21 queues")]
)
def test_only_one_is_singular(number: int, said: str) -> None:
    assert counted(number, "queue") == said


def test_a_plural_of_its_own() -> None:
    assert [counted(number, "person", "people") for number in (1, 2)] == ["1 person", "2 people"]
