"""A caller's number that the network says is forged, on a real call."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callcenter import customers, identifiers
from callcenter.db import reading
from callcenter.events import of_contact
from callcenter.tables import contacts
from tests.voice.line import Line

pytestmark = pytest.mark.sip
DANA = "+12025550143"


@pytest.fixture
def line(tmp_path: Path, audio: Path) -> Iterator[Line]:
    with Line(tmp_path, audio) as line:
        yield line


@pytest.mark.parametrize(("verdict", "known"), [("failed", False), ("A", True), ("", True)])
def test_whom_a_number_names(line: Line, verdict: str, known: bool) -> None:
    now = datetime.now(UTC)
    with line.engine.begin() as conn:
        dana = customers.create(conn, name="Dana Fields", at=now)
        identifiers.add(conn, dana, "phone", DANA, at=now, proof="caller_id")
    phone = line.call(DANA, attestation=verdict)
    assert phone.hears("main.how_can_we_help")
    phone.hang_up()
    phone.close()
    with reading(line.engine) as conn:
        [row] = conn.execute(contacts.select())
        facts = {event.kind: event.data for event in of_contact(conn, row.id)}
    assert (row.caller, row.customer_id) == (DANA, dana if known else None)
    assert facts.get("attested") == ({"attestation": verdict} if verdict else None)
