"""Finding customers by a part of a name or of what names them, by an index whatever the script.

Names and identifiers are kept a second time, folded: without case and accents, words apart. A word of three letters or
more is found anywhere in another, a shorter one at the beginning of one. The index has all groups of three letters
("trigrams"): FTS5's trigram tokeniser on SQLite (https://www.sqlite.org/fts5.html), an array of them under GIN on
PostgreSQL, where `pg_trgm` would need an extension and drops what the database's locale takes for no letter. Both only
narrow it down; the words themselves decide, so that both find the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter.tables import customers, search_words

LONGEST = 300
"""Characters that are kept of a name or identifier."""
MARGIN = "  "
"""Before each word, so that its beginning makes groups of three of its own."""
NAME = "name"
NEWEST = 10_000
"""Rows that are looked through without the index, on PostgreSQL, before it is known how many have what is sought."""
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"})
_JOINED = re.compile(r"['’ʼ`´]")
_APART = re.compile(r"[\W_]+")
_ACCENTS = 10
"""Combining classes from here on are accents, points and tones; below are signs that make another letter (the marks of
kana, viramas)."""


def fold(text: str) -> str:
    """The text without case and accents: "Łódź" and "LODZ" are one, and so are "ß" and "ss"."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(sign for sign in apart if unicodedata.combining(sign) < _ACCENTS)
    return unicodedata.normalize("NFC", bare.casefold()).translate(_LETTERS)


def words_of(text: str) -> list[str]:
    """The folded words of a name, each once: O'Brien is one, Smith-Jones two."""
    return list(dict.fromkeys(word for word in _APART.split(_JOINED.sub("", fold(text))) if word))


def trigrams(text: str) -> list[str]:
    """All groups of three characters, each once."""
    return sorted({text[start : start + 3] for start in range(len(text) - 2)})


def put_name(conn: Connection, customer_id: str, names: Iterable[str]) -> None:
    """Keep a customer's names to be found by; they replace what was kept."""
    conn.execute(sa.delete(search_words).where(search_words.c.kind == NAME, search_words.c.source == customer_id))
    if row := name_row(customer_id, names, conn.dialect.name):
        conn.execute(sa.insert(search_words).values(row))


def put_identifier(conn: Connection, identifier_id: str, customer_id: str, kind: str, value: str) -> None:
    """Keep an identifier to be found by a part of it; a browser's is none that anybody knows."""
    if row := identifier_row(identifier_id, customer_id, kind, value, conn.dialect.name):
        conn.execute(sa.insert(search_words).values(row))


def drop_identifier(conn: Connection, identifier_id: str) -> None:
    conn.execute(sa.delete(search_words).where(search_words.c.kind != NAME, search_words.c.source == identifier_id))


def name_row(customer_id: str, names: Iterable[str], dialect: str) -> dict[str, object] | None:
    """The row of `search_words` for a customer's names; `None` for nobody's name."""
    words = words_of(" ".join(names)[:LONGEST])
    return _row(customer_id, customer_id, NAME, "".join(MARGIN + word for word in words), dialect) if words else None


def identifier_row(
    identifier_id: str, customer_id: str, kind: str, value: str, dialect: str
) -> dict[str, object] | None:
    """The row of `search_words` for a (normalised) identifier; `None` where nobody looks for such a one."""
    if kind == "chat_visitor":
        return None
    return _row(identifier_id, customer_id, kind, MARGIN + fold(value)[:LONGEST], dialect)


def _row(source: str, customer_id: str, kind: str, words: str, dialect: str) -> dict[str, object]:
    grams = grams_of(words, dialect)
    return {"source": source, "customer_id": customer_id, "kind": kind, "words": words, "grams": grams}


def grams_of(words: str, dialect: str) -> list[str] | str:
    """What a row of `search_words` keeps beside its words."""
    return trigrams(words) if dialect == "postgresql" else ""


def by_name(conn: Connection, text: str, limit: int) -> list[str]:
    """The ids (of roots) of those who have all words of `text` in their names, the newest name first."""
    return _found(conn, [word if len(word) > 2 else MARGIN + word for word in words_of(text)], True, limit)


def by_part(conn: Connection, part: str, limit: int) -> list[str]:
    """The ids (of roots) of those of whom an identifier contains this, three characters or more."""
    return _found(conn, [fold(part)] if len(fold(part)) > 2 else [], False, limit)


def _found(conn: Connection, needles: Sequence[str], names: bool, limit: int) -> list[str]:
    if not needles:
        return []
    kind = search_words.c.kind == NAME if names else search_words.c.kind != NAME
    all_of_them = [search_words.c.words.contains(needle, autoescape=True) for needle in needles]
    newest = sa.select(search_words.c.id, search_words.c.customer_id).where(kind, *all_of_them)
    newest = newest.limit(limit * 3)  # of one person several may be found
    found: list[str] = []
    for way, share in (_on_postgresql if conn.dialect.name == "postgresql" else _on_sqlite)(newest, needles):
        if len(found) < limit * 3 * share:
            continue
        few = way.subquery()  # so that the customers of all others aren't read
        people = sa.select(customers.c.root_id).join_from(few, customers, customers.c.id == few.c.customer_id)
        found = list(conn.execute(people.order_by(few.c.id.desc())).scalars())
        if len(found) == limit * 3:
            break
    return list(dict.fromkeys(found))[:limit]


_Ways = list[tuple[sa.Select[Any], float]]
"""Statements, each for where those before found too few but at least this share of what is wanted."""


def _on_sqlite(newest: sa.Select[Any], needles: Sequence[str]) -> _Ways:
    """From the index in its own order, so that of what many have only the newest are read. The plus keeps the planner
    from going the other way round."""
    quoted = " AND ".join('"' + needle.replace('"', '""') + '"' for needle in needles)
    index = sa.table("search_index", sa.column("rowid"), sa.column("search_index"))
    joined = newest.join_from(index, search_words, search_words.c.id == sa.literal_column("+search_index.rowid"))
    return [(joined.where(index.c.search_index.op("MATCH")(quoted)).order_by(index.c.rowid.desc()), 0)]


def _on_postgresql(newest: sa.Select[Any], needles: Sequence[str]) -> _Ways:
    """A GIN index has no order: of what many have it would read every row, which lie far apart. So the newest rows are
    looked through first, ten times as many where that promises enough, and the index is asked for what is rare."""
    grams = sorted({gram for needle in needles for gram in trigrams(needle)})
    newest = newest.order_by(search_words.c.id.desc())
    last = sa.select(sa.func.max(search_words.c.id)).scalar_subquery()
    return [
        (newest.where(search_words.c.id > last - NEWEST), 0),
        (newest.where(search_words.c.id > last - 10 * NEWEST), 0.2),
        (newest.where(search_words.c.grams.op("@>")(sa.cast(grams, search_words.c.grams.type))), 0),
    ]
