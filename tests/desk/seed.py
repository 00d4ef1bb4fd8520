"""A day at the desk: customers, threads on all channels, cases, a payment, a recording."""

from __future__ import annotations

import wave
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter import cases, consent, contacts, customers, events, files, identifiers, notes, outbox, recordings
from callcenter.messages.inbound import Inbound, InboundFile, receive
from callcenter.tables import contacts as contacts_table
from callcenter.tables import identifiers as identifiers_table
from callcenter.tables import messages, payments
from tests.desk.support import NOW


def seed(engine: Engine, folder: Path) -> dict[str, str]:
    """Ids by what they are: customer, other, identifier, case, contact (an agent's), queued, flow, ended, recording,
    file, merge."""
    found: dict[str, str] = {}
    with engine.begin() as conn:
        ana = customers.create(conn, at=NOW - timedelta(days=90), name="Ana Silva", language="en",
                               attributes={"postcode": "12345", "limit": 25000})  # fmt: skip
        identifiers.add(conn, ana, "phone", "+15550101010", at=NOW - timedelta(days=90), proof="pin")
        identifiers.add(conn, ana, "email", "ana@example.com", at=NOW - timedelta(days=80), proof="one_time_code")
        other = customers.create(conn, at=NOW - timedelta(days=3), name="A. Silva")
        identifiers.add(conn, other, "phone", "+15550101012", at=NOW - timedelta(days=3), proof="caller_id")
        found |= {"customer": ana, "other": other}
        query = sa.select(identifiers_table.c.id).where(identifiers_table.c.customer_id == ana)
        found["identifier"] = str(conn.execute(query.limit(1)).scalar_one())

        call = contacts.start(conn, channel="sip", caller="+15550101010", called="100", at=NOW - timedelta(days=2))
        conn.execute(sa.update(contacts_table).where(contacts_table.c.id == call).values(customer_id=ana))
        events.record(
            conn, call, None, "slot_filled", {"slot": "account", "value": "10203040"}, NOW - timedelta(days=2)
        )
        conn.execute(
            sa.insert(payments).values(
                id="pay1", account="10203040", bill="b1", amount=8450, currency="USD", status="approved",
                confirmation="R4T7", gateway="sandbox", card_last4="4242", posted_at=NOW - timedelta(days=2),
                created_at=NOW - timedelta(days=2), updated_at=NOW - timedelta(days=2), contact_id=call,
            )
        )  # fmt: skip
        contacts.end(conn, call, outcome="completed", at=NOW - timedelta(days=2) + timedelta(minutes=4))
        sound = folder / "recordings" / "r1.wav"
        with wave.open(str(sound), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(8000)
            out.writeframes(b"\0\1" * 8000)
        missed = contacts.start(conn, channel="sip", caller="+15550101010", called="100", at=NOW - timedelta(days=1))
        conn.execute(sa.update(contacts_table).where(contacts_table.c.id == missed).values(customer_id=ana))
        contacts.end(conn, missed, outcome="hung_up", at=NOW - timedelta(days=1) + timedelta(minutes=1))
        found["recording"] = recordings.keep(conn, path=sound, seconds=1.0, kind="voicemail", contact_id=missed,
                                             number="+15550101010", at=NOW - timedelta(days=1))  # fmt: skip
        found["ended"] = call
        notes.add(conn, ana, "Prefers to be called after five.", author="agent:maria", at=NOW - timedelta(hours=20))
        case = cases.open_case(conn, ana, "The meter shows too much", by="agent:maria", at=NOW - timedelta(hours=20),
                               contact_id=missed)  # fmt: skip
        found["case"] = case.id
        consent.put(conn, ana, "sms", source="agent:maria", at=NOW, consent="granted")

        def write(channel: str, sender: str, text: str, minutes: int, **more: object) -> str:
            came = receive(
                conn, Inbound(channel, sender, "us", text, f"{channel}{sender}{minutes}", **more),  # type: ignore[arg-type]
                NOW - timedelta(minutes=minutes), region="US", files_dir=folder / "files",
            )  # fmt: skip
            return came.contact_id

        mine = write("sms", "+15550101010", "Hello, my bill is far too high this month", 30)
        at = NOW - timedelta(minutes=29)
        outbox.queue(conn, channel="sms", to="+15550101010", body="Welcome to Riverbend. Text PAY, HOURS or PERSON.",
                     contact_id=mine, author="flow", at=at)  # fmt: skip
        write("sms", "+15550101010", "PERSON", 28)
        contacts.set_served_by(conn, mine, "agent:maria", NOW - timedelta(minutes=27))
        outbox.queue(conn, channel="sms", to="+15550101010", body="Hello Ana, this is Maria. I look at your meter now.",
                     contact_id=mine, author="agent:maria", at=NOW - timedelta(minutes=26))  # fmt: skip
        write("sms", "+15550101010", "Thank you! Here is a picture of it.", 5,
              files=(InboundFile("meter.png", "image/png", b"\x89PNG\r\n\x1a\n0000"),))  # fmt: skip
        found["contact"] = mine
        found["file"] = str(files.of_contact(conn, mine)[0].id)
        found["queued"] = write("email", "joe@example.com", "Can you send me a copy of my contract?", 12,
                                subject="Copy of my contract")  # fmt: skip
        contacts.set_served_by(conn, found["queued"], "queue", NOW - timedelta(minutes=11))
        found["flow"] = write("chat", "visitor-7", "when are you open", 2)
        found["others"] = write("whatsapp", "+15550101013", "Is my payment there?", 50)
        contacts.set_served_by(conn, found["others"], "agent:tom", NOW - timedelta(minutes=40))
        conn.execute(sa.update(messages).where(messages.c.direction == "out").values(status="delivered"))
        from callcenter import merging

        third = customers.create(conn, at=NOW - timedelta(days=9), name="Ana S.")
        found["merge"] = merging.merge(conn, ana, third, by="agent:maria", at=NOW - timedelta(days=1))
    return found
