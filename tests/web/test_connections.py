"""How many connections a web worker keeps: browsers hold up to six each."""

from __future__ import annotations

import resource

import pytest

from ivr.web.gunicorn import MOST_CONNECTIONS, OTHER_FILES, connections


@pytest.mark.parametrize(
    ("soft", "hard", "kept", "raised"),
    [
        (1024, resource.RLIM_INFINITY, MOST_CONNECTIONS, MOST_CONNECTIONS + OTHER_FILES),
        (1024, 4096, 4096 - OTHER_FILES, 4096),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, MOST_CONNECTIONS, None),
        (100_000, 200_000, MOST_CONNECTIONS, None),
        (256, 256, 64, None),  # hardly enough: two a thread
    ],
)
def test_as_many_as_the_system_allows(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, kept: int, raised: int | None
) -> None:
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda what: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda what, given: limits.append(given))
    assert connections(32) == kept
    assert limits == ([] if raised is None else [(raised, hard)])
