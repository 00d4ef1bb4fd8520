"""A company's customers and contacts, on either database. Rows without words are made by the database itself from
numbers, which takes a million contacts minutes rather than hours; what is searched is made by `callcenter.searching`,
as it is in use."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from callcenter import merging, searching
from callcenter.tables import customers, identifiers, search_words

BUSY = 2000
"""Contacts of customer 0."""
SHARE = 5
"""Contacts of everybody else who has any: one customer in so many."""
MERGED = (1, 2, 3)
BATCH = 5000
NOW = datetime(2026, 11, 22, tzinfo=UTC)
BEGIN, MIDDLE, END = ("Al", "Bren", "Cor", "Dan", "Es", "Fi", "Gar", "Hol", "Ing", "Jan"), (
    "a", "el", "ing", "or", "ber", "mar", "st", "ö", "ná", "u",
), ("son", "mann", "ez", "ski", "ova", "i", "ton", "ley", "berg", "dóttir")  # fmt: skip

NUMBERS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT {low} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {high})",
    "postgresql": "WITH n(i) AS (SELECT generate_series({low}, {high} - 1))",
}
MOMENT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 1700000000 + ({s}), 'unixepoch')",
    "postgresql": "to_timestamp(1700000000 + ({s}))",
}
HEX = {"sqlite": "printf('%032x', {n})", "postgresql": "lpad(to_hex(({n})::bigint), 32, '0')"}


def given_name(number: int) -> str:
    """One of 200."""
    return BEGIN[number % 10] + END[number // 10 % 10] + ("a" if number % 200 >= 100 else "")


def family_name(number: int) -> str:
    """One of 5000."""
    digits = [number * 7919 % 5000 // 10**place % 10 for place in range(4)]
    return BEGIN[digits[0]] + MIDDLE[digits[1]] + MIDDLE[digits[2]] + END[digits[3]]


def name(number: int) -> str:
    return f"{given_name(number)} {family_name(number)}"


def phone(number: int) -> str:
    return f"+1202{number * 7 % 10_000_000:07d}"


def mail(number: int) -> str:
    """Of every second customer, the odd ones."""
    return f"{family_name(number).lower()}{number}@example{number % 50}.com"


def fill(engine: Engine, size: int) -> None:
    """Into an empty database: `size` customers, of whom every `SHARE`th has contacts, `size` of them in all; the
    customer's contacts lie far apart."""
    _people(engine, size)
    _contacts(engine, size)
    with engine.begin() as conn:
        for other in MERGED[1:]:
            merging.merge(conn, id_of(MERGED[0]), id_of(other), by="bench", at=NOW)
    with engine.connect() as conn, conn.begin():
        _patiently(conn)
        conn.exec_driver_sql("ANALYZE")  # as autovacuum does by itself, and SQLite on PRAGMA optimize


def id_of(number: int) -> str:
    return f"{number:032x}"


def _people(engine: Engine, size: int) -> None:
    kind = engine.dialect.name
    if kind == "postgresql":
        _run(engine, "DROP INDEX search_index")
    for start in range(0, size, BATCH):
        people, known, words = [], [], []
        for number in range(start, min(start + BATCH, size)):
            id = id_of(number)
            people.append({"id": id, "root_id": id, "name": name(number), "attributes": {}, "provisional": False,
                           "created_at": NOW, "updated_at": NOW})  # fmt: skip
            words.append(searching.name_row(id, [name(number)], kind))
            for what, value in (("phone", phone(number)), *([("email", mail(number))] if number % 2 else [])):
                one = f"{what}{number:027x}"
                known.append({"id": one, "customer_id": id, "kind": what, "value": value, "proof": "caller_id",
                              "created_at": NOW})  # fmt: skip
                words.append(searching.identifier_row(one, id, what, value, kind))
        with engine.begin() as conn:
            conn.execute(sa.insert(customers), people)
            conn.execute(sa.insert(identifiers), known)
            conn.execute(sa.insert(search_words), [row for row in words if row])
    if kind == "postgresql":
        _run(engine, "CREATE INDEX search_index ON search_words USING gin (grams)")  # as its migration does


def _contacts(engine: Engine, size: int) -> None:
    """Four events for each contact, a message and a note for each fifth, a payment, a recording and a file for each
    tenth, a case for each twentieth."""
    kind = engine.dialect.name
    customer = HEX[kind].format(n=f"CASE WHEN i % 10 = 0 AND i < {BUSY * 10} THEN 0 ELSE i % {size // SHARE} END")
    contact = HEX[kind].format(n="i")
    at = MOMENT[kind].format(s="i * 7")
    statements = [
        f"INSERT INTO contacts (id, channel, caller, called, direction, started_at, ended_at, outcome, customer_id) "
        f"{{n}} SELECT {contact}, 'sip', '', '100', 'in', {at}, {at}, 'completed', {customer} FROM n",
        *(f"INSERT INTO events (at, contact_id, kind, data) {{n}} SELECT {at}, {contact}, '{event}', "
          f"'{{\"step\":\"x\",\"value\":\"12345678\"}}' FROM n"
          for event in ("step", "chose", "slot_filled", "ended")),
        f"INSERT INTO messages (id, contact_id, channel, \"to\", body, status, next_at, created_at) "
        f"{{n}} SELECT {contact}, {contact}, 'sms', '', 'Thank you', 'sent', {at}, {at} FROM n WHERE i % 5 = 0",
        f"INSERT INTO notes (id, customer_id, contact_id, author, text, created_at) {{n}} "
        f"SELECT {contact}, {customer}, {contact}, 'agent', 'A note', {at} FROM n WHERE i % 5 = 1",
        f"INSERT INTO payments (id, account, bill, amount, currency, status, confirmation, gateway, posted_at, "
        f"created_at, updated_at, contact_id) {{n}} SELECT {contact}, {contact}, 'b', 1, 'USD', 'approved', {contact}, "
        f"'sandbox', {at}, {at}, {at}, {contact} FROM n WHERE i % 10 = 0",
        f"INSERT INTO recordings (id, contact_id, kind, path, seconds, sha256, created_at) {{n}} "
        f"SELECT {contact}, {contact}, 'voicemail', '', 5, '', {at} FROM n WHERE i % 10 = 1",
        f"INSERT INTO files (id, contact_id, name, media_type, size, sha256, path, created_at) {{n}} "
        f"SELECT {contact}, {contact}, 'a.pdf', 'application/pdf', 5, '', '', {at} FROM n WHERE i % 10 = 2",
        f"INSERT INTO cases (id, customer_id, subject, status, opened_by, opened_at, updated_at) {{n}} "
        f"SELECT {contact}, {customer}, 'A case', CASE WHEN i % 40 = 3 THEN 'open' ELSE 'resolved' END, "
        f"'agent', {at}, {at} FROM n WHERE i % 20 = 3",
        f"INSERT INTO case_contacts (case_id, contact_id, at) {{n}} "
        f"SELECT {contact}, {contact}, {at} FROM n WHERE i % 20 = 3",
    ]  # fmt: skip
    step = 50_000
    for statement in statements:
        for start in range(0, size, step):
            numbers = NUMBERS[kind].format(low=start, high=min(start + step, size))
            _run(engine, statement.replace("{n}", numbers))


def _run(engine: Engine, sql: str) -> None:
    with engine.begin() as conn:
        _patiently(conn)
        conn.exec_driver_sql(sql.replace("%", "%%") if engine.dialect.name == "postgresql" else sql)


def _patiently(conn: Connection) -> None:
    """Without the time limit that callers need."""
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql("SET LOCAL statement_timeout = 0")
