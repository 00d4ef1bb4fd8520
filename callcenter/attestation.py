"""How far the network vouches for a caller's number (STIR/SHAKEN: RFC 8224, RFC 8588, ATIS-1000074).

The carrier that takes a call from the network checks the signature that came with it, and tells us the verdict as a
`verstat` (3GPP TS 24.229 section 7.2A.20), to which carriers append the level.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter.events import Event
from callcenter.tables import events

FAILED: Final = "failed"
VERSTAT: Final = {
    "TN-Validation-Passed-A": "A",
    "TN-Validation-Passed-B": "B",
    "TN-Validation-Passed-C": "C",
    "TN-Validation-Passed": "passed",
    **{f"TN-Validation-Failed{level}": FAILED for level in ("-C", "-B", "-A", "")},
    "No-TN-Validation": "none",
}
"""`A` full: the carrier of origin knows the caller, and that the number is theirs; `B` partial: it knows the caller;
`C` gateway: it knows where the call came in. `passed`: one of these, we aren't told which. `failed`: the signature is
wrong, so the number may be anybody's. `none`: there was none. "" stands for not being told anything."""
KIND = "attested"
_KNOWN = {verstat.lower(): attestation for verstat, attestation in VERSTAT.items()}


def of_verstat(value: str) -> str:
    """The attestation; "" for what is no verstat."""
    return _KNOWN.get(value.strip().lower(), "")


def event(contact_id: str, session_id: str, attestation: str, at: datetime) -> Event:
    """What is noted of it when the contact begins."""
    return Event(at, contact_id, session_id, KIND, {"attestation": attestation})


def forged(conn: Connection, contact_id: str) -> bool:
    """Whether the number that the contact came from may be anybody's."""
    query = sa.select(events.c.data).where(events.c.contact_id == contact_id, events.c.kind == KIND)
    return any(data["attestation"] == FAILED for data in conn.execute(query).scalars())
