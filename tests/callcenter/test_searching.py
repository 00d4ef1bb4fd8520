"""Finding customers by a part of a name or an identifier, in any script, on either database by the index."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection, Engine

from callcenter import contacts, customers, identifiers, merging, recognition, searching
from callcenter.db import migrate, open_database, reading
from callcenter.desk import finding
from callcenter.tables import search_words

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
PEOPLE = {
    "Zoë Müller-Straße": ["+4930901820", "zoe.mueller@example.de"],
    "Łukasz Ødegård": ["+4791234567", "lukasz@example.no"],
    "Иван Петрович Жуков": ["+74951234567", "ivan@пример.рф"],
    "王小明": ["+8613800138000"],
    "Γιώργος Παπαδόπουλος": ["+302101234567"],
    "محمد الحسن": ["+201001234567"],
    "नरेन्द्र कुमार": ["+919812345678"],
    "がくと": ["+81312345678"],
    "かくと": [],
    "Sinéad O’Brien": ["+35312345678", "sinead@example.ie"],
    "İlker Yıldız": ["+902121234567"],
    "100% Cotton_Co": ["+12025550143"],
    "J. Smith": [],
    "Ann Joan Smithers": [],
}


def fill(conn: Connection) -> dict[str, str]:
    ids = {}
    for name, known in PEOPLE.items():
        ids[name] = customers.create(conn, at=NOW, name=name)
        for value in known:
            identifiers.add(conn, ids[name], "email" if "@" in value else "phone", value, at=NOW)
    return ids


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("muller", ["Zoë Müller-Straße"]),
        ("MÜLLER zoe", ["Zoë Müller-Straße"]),
        ("STRASSE", ["Zoë Müller-Straße"]),
        ("raße", ["Zoë Müller-Straße"]),
        ("lukasz odegard", ["Łukasz Ødegård"]),
        ("жуков", ["Иван Петрович Жуков"]),
        ("ЖУКОВ иван", ["Иван Петрович Жуков"]),
        ("王小", ["王小明"]),
        ("王小明", ["王小明"]),
        ("παπαδοπουλος", ["Γιώργος Παπαδόπουλος"]),
        ("محمد", ["محمد الحسن"]),
        ("कुमार", ["नरेन्द्र कुमार"]),
        ("がく", ["がくと"]),
        ("obrien sinead", ["Sinéad O’Brien"]),
        ("o'brien", ["Sinéad O’Brien"]),
        ("ilker yildiz", ["İlker Yıldız"]),
        ("100% cotton", ["100% Cotton_Co"]),
        ("j smith", ["Ann Joan Smithers", "J. Smith"]),
        ("jo smith", ["Ann Joan Smithers"]),
        ("mith", ["Ann Joan Smithers", "J. Smith"]),
        ("nn", []),
        ("%%%", []),
        ("smith zzz", []),
        ('smith" OR "a', []),
        ("555 0143", ["100% Cotton_Co"]),
        ("138001380", ["王小明"]),
        ("ukasz@exam", ["Łukasz Ødegård"]),
        ("@example", ["Sinéad O’Brien", "Zoë Müller-Straße", "Łukasz Ødegård"]),
        ("ivan@пример", ["Иван Петрович Жуков"]),
    ],
)
def test_found_on_either_database(people: Engine, text: str, found: list[str]) -> None:
    with reading(people) as conn:
        assert sorted(person.name for person in finding.search(conn, text, region="US")) == found


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def people(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('search')}/test.db"
    else:
        url = request.getfixturevalue("postgres").url()
    engine = open_database(url)
    migrate(engine)
    with engine.begin() as conn:
        fill(conn)
    yield engine
    engine.dispose()


def test_what_changes_is_found_anew(engine: Engine) -> None:
    def names(text: str) -> list[str]:
        return [person.name for person in finding.search(conn, text)]

    with engine.begin() as conn:
        id = customers.create(conn, at=NOW, name="Ana Silva")
        mail = identifiers.add(conn, id, "email", "ana@example.com", at=NOW)
        identifiers.add(conn, id, "email", "ana@example.com", at=NOW, proof="agent")
        customers.update(conn, id, at=NOW, name="Ana Souza")
        assert (names("silva"), names("souza")) == ([], ["Ana Souza"])
        customers.update(conn, id, at=NOW, family_name="Pereira", language="pt")
        assert (names("souza"), names("pereira")) == (["Ana Souza"], ["Ana Souza"])
        assert names("@example") == ["Ana Souza"]
        identifiers.remove(conn, mail.id)
        assert names("@example") == []
        customers.update(conn, id, at=NOW, name="", family_name="")
        assert names("souza") == []
        assert conn.execute(sa.select(search_words)).all() == []


@pytest.mark.parametrize("looked_through", [2, 10_000])
def test_of_many_the_newest_come_first(engine: Engine, monkeypatch: pytest.MonkeyPatch, looked_through: int) -> None:
    monkeypatch.setattr(searching, "NEWEST", looked_through)
    with engine.begin() as conn:
        bob = customers.create(conn, at=NOW, name="Bob Banana")
        known = [customers.create(conn, at=NOW, name=f"Ana {number}") for number in range(20)]
        assert searching.by_name(conn, "ana", 5) == known[:-6:-1]
        assert searching.by_name(conn, "ana", 30) == [*known[::-1], bob]
        assert searching.by_name(conn, "an", 3) == known[:-4:-1]
        assert searching.by_name(conn, "bob", 30) == [bob]
        assert searching.by_name(conn, "eve", 30) == []


def test_a_merged_customers_old_name_finds_the_person_once(engine: Engine) -> None:
    with engine.begin() as conn:
        one = customers.create(conn, at=NOW, name="Ana Silva")
        other = customers.create(conn, at=NOW, name="Ana Silva-Souza")
        merging.merge(conn, one, other, by="agent:maria", at=NOW)
        assert [person.id for person in finding.search(conn, "souza")] == [one]
        assert [person.id for person in finding.search(conn, "silva")] == [one]


def test_a_browser_is_nothing_to_look_for(sqlite_engine: Engine) -> None:
    with sqlite_engine.begin() as conn:
        id = customers.create(conn, at=NOW, name="Ana")
        identifiers.add(conn, id, "chat_visitor", "vabcdef", at=NOW)
        assert finding.search(conn, "abcdef") == []


def test_a_stranger_who_gives_the_number_up_is_not_found_by_it(sqlite_engine: Engine) -> None:
    with sqlite_engine.begin() as conn:
        known = customers.create(conn, at=NOW, name="Ana")
        contact = contacts.start(conn, channel="sip", caller="+12025550143", called="1", at=NOW)
        recognition.recognise(conn, contact, channel="sip", address="+12025550143", at=NOW)
        recognition.settle(conn, contact, known, proof="pin", at=NOW)
        assert [person.id for person in finding.search(conn, "5550143")] == [known]


@pytest.mark.parametrize("text", ["muller", "j smith", "5550143"])
def test_the_index_does_it(people: Engine, text: str) -> None:
    """Of twenty rows PostgreSQL would read all, or all of a kind, if it might."""
    seen: list[str] = []

    def explain(conn: Connection, cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if "search_words" in statement and not statement.startswith("EXPLAIN"):
            how = "EXPLAIN QUERY PLAN " if conn.dialect.name == "sqlite" else "EXPLAIN "
            seen.extend(str(row[-1]) for row in conn.exec_driver_sql(how + statement, parameters))

    with people.connect() as conn, conn.begin() as change:
        if conn.dialect.name == "postgresql":
            conn.exec_driver_sql("SET LOCAL enable_seqscan = off")
            conn.exec_driver_sql("SET LOCAL enable_indexscan = off")
            conn.exec_driver_sql("DROP INDEX ix_search_words_source_kind")
        sa.event.listen(conn, "before_cursor_execute", explain)
        finding.search(conn, text, region="FR")
        change.rollback()
    plan = "\n".join(seen)
    assert "search_index" in plan, plan
    assert "SCAN search_words" not in plan, plan


@given(st.text(max_size=40))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert searching.fold(searching.fold(text)) == searching.fold(text)
    assert searching.fold(text.upper().lower()) == searching.fold(text.lower())


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=12), st.text(max_size=6))
def test_any_text_is_a_question(sqlite_engine: Engine, name: str, text: str) -> None:
    """Whoever has the words is found by each, whatever signs are in the question; nothing breaks the index's query."""
    with sqlite_engine.connect() as conn, conn.begin() as change:
        id = customers.create(conn, at=NOW, name=name.replace("\0", ""))
        for word in searching.words_of(name.replace("\0", "")):
            assert id in searching.by_name(conn, word, 30)
        finding.search(conn, text.replace("\0", ""))
        change.rollback()
