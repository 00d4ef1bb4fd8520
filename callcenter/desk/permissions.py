"""Who may do what: roles against permissions, as data. Each page names the permission that it needs.

A role is a row of the matrix that `docs/desk.md` shows; `tests/desk/test_permissions.py` goes through every page with
every role.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

Role = Literal["agent", "supervisor", "admin", "auditor"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

PUBLIC: Final = "public"
"""Needs nobody signed in: signing in itself, and files without content."""
SECOND_FACTOR: Final = "second factor"
"""The password was right, the code is still to come."""
SELF: Final = "self"
"""Whoever is signed in, on themselves."""

MATRIX: Final[dict[str, frozenset[Role]]] = {
    name: frozenset(role for role, cell in zip(ROLES, cells, strict=True) if cell)
    for name, cells in {
        #                    agent supervisor admin auditor
        "calls.take":         (1,    1,         1,    0),
        "inbox.read":         (1,    1,         1,    0),
        "inbox.write":        (1,    1,         1,    0),
        "customers.read":     (1,    1,         1,    1),
        "customers.write":    (1,    1,         1,    0),
        "customers.merge":    (1,    1,         1,    0),
        "cases.write":        (1,    1,         1,    0),
        "files.read":         (1,    1,         1,    1),
        "recordings.listen":  (1,    1,         1,    1),
        "knowledge.read":     (1,    1,         1,    1),
        "flows.read":         (1,    1,         1,    1),
        "flows.publish":      (0,    0,         1,    0),
        "hours.read":         (1,    1,         1,    1),
        "hours.write":        (0,    0,         1,    0),
        "prompts.read":       (0,    1,         1,    1),
        "prompts.write":      (0,    0,         1,    0),
        "floor.read":         (0,    1,         1,    1),
        "floor.control":      (0,    1,         1,    0),
        "agents.control":     (0,    1,         1,    0),
        "emergencies.write":  (0,    1,         1,    0),
        "reports.read":       (0,    1,         1,    1),
        "campaigns.read":     (0,    1,         1,    1),
        "campaigns.control":  (0,    1,         1,    0),
        "quality.read":       (0,    1,         1,    1),
        "quality.evaluate":   (0,    1,         1,    0),
        "users.read":         (0,    0,         1,    1),
        "users.write":        (0,    0,         1,    0),
        "audit.read":         (0,    0,         1,    1),
    }.items()
}  # fmt: skip


def allows(role: str, permission: str) -> bool:
    """Whether a role has a permission. Raises KeyError for a permission that isn't in the matrix."""
    return permission == SELF or role in MATRIX[permission]


def known(permission: str) -> bool:
    """Whether a page may name it."""
    return permission in MATRIX or permission in (PUBLIC, SECOND_FACTOR, SELF)
