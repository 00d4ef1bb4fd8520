"""An address at which there is nobody: seen on the customer's page, and sent to again when a person says so."""

from __future__ import annotations

from callcenter import customers, identifiers, undeliverable
from callcenter.db import reading
from tests.desk.support import NOW, Desk


def test_it_is_shown_and_cleared(any_desk: Desk) -> None:
    with any_desk.engine.begin() as conn:
        dana = customers.create(conn, at=NOW, name="Dana")
        known = identifiers.add(conn, dana, "email", "dana@example.com", at=NOW)
        undeliverable.mark(conn, "email", "dana@example.com", code="5.1.1", reason="<b>no such user</b>", at=NOW)
    agent = any_desk.browser("agent")
    page = agent.get(f"/desk/customers/{dana}").text
    assert "undeliverable" in page
    assert "&lt;b&gt;no such user&lt;/b&gt;" in page
    agent.post(f"/desk/customers/{dana}/identifiers/{known.id}/deliverable")
    assert "undeliverable" not in agent.get(f"/desk/customers/{dana}").text
    with reading(any_desk.engine) as conn:
        assert undeliverable.found(conn, "email", "dana@example.com") is None
    assert agent.post(f"/desk/customers/{dana}/identifiers/none/deliverable").status_code == 404
