"""Values that must never land anywhere: card numbers, security codes, PINs."""

from __future__ import annotations

from typing import Any, NoReturn


class Secret:
    """A secret slot's value. It shows as dots wherever it is printed, and refuses to be pickled or turned to JSON."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself: for the action that it was asked for, and for nothing else."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(•••)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret can't be stored")


def masked(value: Any) -> Any:
    """The value with every secret in it replaced by dots: for logs, events, snapshots and screens."""
    if isinstance(value, Secret):
        return "•••"
    if isinstance(value, dict):
        return {key: masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item) for item in value]
    return value
