"""Identifiers: normalised, proven, shared."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from callcenter import customers, identifiers
from callcenter.identifiers import KINDS, InvalidIdentifier, normalise

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "written", "stored"),
    [
        ("phone", "+1 (202) 555-0143", "+12025550143"),
        ("phone", "tel:+12025550143", "+12025550143"),
        ("phone", "+44 20 7946 0018", "+442079460018"),
        ("email", " Ana.Ruiz@Example.COM ", "ana.ruiz@example.com"),
        ("email", "ana@xn--bcher-kva.example", "ana@bücher.example"),
        ("account", "ab-1234 567", "AB1234567"),
        ("social", "Messenger:@Ana", "messenger:ana"),
        ("chat_visitor", "v_8f2K", "v_8f2K"),
    ],
)
def test_a_value_is_stored_in_one_way(kind: str, written: str, stored: str) -> None:
    assert normalise(kind, written) == stored


def test_a_national_number_needs_a_country() -> None:
    assert normalise("phone", "020 7946 0018", "gb") == "+442079460018"
    with pytest.raises(InvalidIdentifier, match="phone"):
        normalise("phone", "020 7946 0018")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("phone", "anonymous"),
        ("phone", "+1"),
        ("phone", "+12025550143 ext. 5"),
        ("email", "ana"),
        ("email", "ana@"),
        ("email", "a@b.example\nBcc: c@d.example"),
        ("account", "--"),
        ("social", "ana"),
        ("social", "x:"),
        ("chat_visitor", "a b"),
        ("chat_visitor", ""),
        ("account", "9" * 300),
        ("passport", "X1"),
    ],
)
def test_what_cannot_be_an_identifier_is_refused(kind: str, value: str) -> None:
    with pytest.raises(InvalidIdentifier):
        normalise(kind, value)


@given(st.sampled_from(KINDS), st.text(max_size=40))
def test_normalising_again_changes_nothing(kind: str, value: str) -> None:
    try:
        once = normalise(kind, value)
    except InvalidIdentifier:
        return
    assert normalise(kind, once) == once


def test_a_shared_phone_gives_candidates_the_best_proven_first(engine: Engine) -> None:
    with engine.begin() as conn:
        ana = customers.create(conn, at=NOW, name="Ana", language="es")
        ben = customers.create(conn, at=NOW, name="Ben")
        identifiers.add(conn, ana, "phone", "+12025550143", at=NOW, proof="caller_id")
        identifiers.add(conn, ben, "phone", "+1 202 555 0143", at=NOW, proof="one_time_code")
        found = identifiers.identify(conn, "phone", "+1-202-555-0143")
        assert [(candidate.customer_id, candidate.proof) for candidate in found] == [
            (ben, "one_time_code"),
            (ana, "caller_id"),
        ]
        assert found[1].language == "es"
        assert identifiers.identify(conn, "phone", "+12025550144") == []


def test_a_proof_is_renewed_and_never_weakened(engine: Engine) -> None:
    later = NOW + timedelta(days=1)
    with engine.begin() as conn:
        ana = customers.create(conn, at=NOW)
        first = identifiers.add(conn, ana, "email", "a@b.example", at=NOW)
        assert (first.proof, first.proven_at) == ("none", None)
        proven = identifiers.add(conn, ana, "email", "A@b.example", at=NOW, proof="one_time_code")
        assert (proven.id, proven.proof, proven.proven_at) == (first.id, "one_time_code", NOW)
        assert identifiers.add(conn, ana, "email", "a@b.example", at=later) == proven
        assert identifiers.add(conn, ana, "email", "a@b.example", at=later, proof="agent") == proven
        again = identifiers.add(conn, ana, "email", "a@b.example", at=later, proof="one_time_code")
        assert again.proven_at == later
        assert identifiers.of_customers(conn, [ana]) == [again]
        assert identifiers.remove(conn, again.id)
        assert not identifiers.remove(conn, again.id)


def test_an_unknown_customer_or_proof_is_refused(engine: Engine) -> None:
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as conn:
        identifiers.add(conn, "nobody", "account", "1", at=NOW)
    with pytest.raises(InvalidIdentifier, match="proof"), engine.begin() as conn:
        identifiers.add(conn, "nobody", "account", "1", at=NOW, proof="looks")  # type: ignore[arg-type]
