"""How far the network vouches for a number, and who is not recognised by one that may be anybody's."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy.engine import Engine

from callcenter import attestation, contacts, customers, events, identifiers, recognition

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
PHONE = "+12025550143"


@pytest.mark.parametrize(
    ("verstat", "known"),
    [
        ("TN-Validation-Passed-A", "A"),
        (" tn-validation-passed-c ", "C"),
        ("TN-Validation-Passed", "passed"),
        ("TN-Validation-Failed-B", "failed"),
        ("TN-Validation-Failed", "failed"),
        ("No-TN-Validation", "none"),
        ("TN-Validation-Passed-D", ""),
        ("", ""),
        ("x" * 10_000, ""),
    ],
)
def test_verdicts(verstat: str, known: str) -> None:
    assert attestation.of_verstat(verstat) == known


@pytest.mark.parametrize(("verdict", "remembered"), [("failed", False), ("A", True)])
def test_a_number_that_may_be_anybodys_is_not_remembered_as_a_customers(
    engine: Engine, verdict: str, remembered: bool
) -> None:
    """Whoever proves by a PIN who they are has not proven whose number the call came from."""
    with engine.begin() as conn:
        customer = customers.create(conn, name="Dana", at=NOW)
        contact = contacts.start(conn, channel="sip", caller=PHONE, called="100", at=NOW)
        events.record_all(conn, [attestation.event(contact, "s1", verdict, NOW)])
        assert attestation.forged(conn, contact) is not remembered
        recognition.settle(conn, contact, customer, proof="pin", at=NOW)
        row = contacts.get(conn, contact)
        assert row is not None
        assert row.customer_id == customer
        assert bool(identifiers.identify(conn, "phone", PHONE)) is remembered
