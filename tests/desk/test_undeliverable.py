"""Addresses at which there is nobody, or that have opted out: seen on the customer's page, and sent to again when a
person says so."""

from __future__ import annotations

from callcenter import consent, customers, identifiers, opt_outs, undeliverable
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


def test_an_opt_out_is_shown_and_taken_back(any_desk: Desk) -> None:
    with any_desk.engine.begin() as conn:
        dana = customers.create(conn, at=NOW, name="Dana")
        known = identifiers.add(conn, dana, "phone", "+12025550143", at=NOW)
        opt_outs.opt_out(conn, "sms", known.value, source=opt_outs.CARRIER, at=NOW, contact_id=None, code="21610")
        opt_outs.opt_out(conn, "whatsapp", known.value, source=opt_outs.KEYWORD, at=NOW, contact_id=None)
    agent = any_desk.browser("agent")
    page = agent.get(f"/desk/customers/{dana}").text
    assert page.count("has opted out") == 2
    assert "as the carrier says" in page
    agent.post(f"/desk/customers/{dana}/identifiers/{known.id}/opt-in")
    assert "has opted out" not in agent.get(f"/desk/customers/{dana}").text
    with reading(any_desk.engine) as conn:
        assert [consent.refusal(conn, one, known.value, needs_consent=True) for one in ("sms", "whatsapp")] == ["", ""]
        decided = consent.of(conn, dana)["sms"]
    assert (decided.consent, decided.source[:6]) == ("granted", "agent:")
    assert agent.post(f"/desk/customers/{dana}/identifiers/none/opt-in").status_code == 404
