"""Evaluations: one for each conversation of an agent, by the form it was begun with, and what each may do when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from callcenter import evaluations, quality_calibration, quality_coaching
from callcenter.desk import users
from callcenter.evaluations import Comment, Impossible
from callcenter.quality import Form, read
from callcenter.quality_calibration import agreement, kappa
from callcenter.tables import contacts as contacts_table
from callcenter.tables import evaluations as table
from callcenter.tables import events as events_table
from tests.databases import database_url, engine, sqlite_engine
from tests.postgres import postgres
from tests.quality.support import ANSWERS, FILE, MONDAY, calls, talked

__all__ = ["database_url", "engine", "postgres", "sqlite_engine"]
GOOD = read(calls(), ANSWERS, complete=True)
BAD = read(calls(), ANSWERS | {"identity": "no"}, complete=True)


@pytest.fixture
def conn(engine: Engine) -> Iterator[Connection]:
    with engine.begin() as conn:
        yield conn


@pytest.fixture
def people(conn: Connection) -> dict[str, str]:
    found = {}
    for name, role, agent in (("maria", "agent", "maria"), ("sam", "supervisor", "sam"), ("sue", "supervisor", None)):
        found[name] = users.add(conn, login=name, name=name.title(), role=role, at=MONDAY, agent_id=agent).id
    return found


@pytest.fixture
def contact(conn: Connection) -> str:
    return talked(conn, "maria")


def begin(conn: Connection, contact: str, by: str, agent: str = "maria") -> evaluations.Evaluation:
    id = evaluations.start(
        conn, contact_id=contact, agent=agent, queue="billing", form_name="calls", form=calls(), evaluator_id=by,
        at=MONDAY,
    )  # fmt: skip
    return evaluations.get(conn, id)


def submitted(conn: Connection, contact: str, by: str) -> evaluations.Evaluation:
    found = begin(conn, contact, by)
    evaluations.submit(conn, found, answers=GOOD, comments=[], summary="", at=MONDAY)
    return evaluations.get(conn, found.id)


def told(conn: Connection, kind: str) -> list[dict[str, object]]:
    query = sa.select(events_table).where(events_table.c.kind == kind).order_by(events_table.c.id)
    rows = conn.execute(query).all()
    assert all(row.contact_id is None for row in rows)  # no score is on a customer's timeline
    return [dict(row.data) for row in rows]


def test_from_a_draft_to_what_is_settled(conn: Connection, people: dict[str, str], contact: str) -> None:
    found = begin(conn, contact, people["sam"])
    assert (found.status, found.score, found.user_id) == ("draft", None, people["maria"])
    evaluations.save(conn, found, answers={"greeted": "no"}, comments=[Comment("r1", 65, "here")], summary="So far")
    found = evaluations.get(conn, found.id)
    assert (found.answers, found.comments, found.summary) == ({"greeted": "no"}, [Comment("r1", 65, "here")], "So far")
    assert evaluations.submit(conn, found, answers=BAD, comments=found.comments, summary="All", at=MONDAY) == 0
    found = evaluations.get(conn, found.id)
    assert (found.status, found.score, found.sections["opening"]) == ("submitted", 0, 1)
    assert evaluations.seen(conn, found, MONDAY)
    assert not evaluations.seen(conn, found, MONDAY)
    evaluations.reply(conn, evaluations.get(conn, found.id), "I did ask.", disagrees=True, at=MONDAY)
    found = evaluations.get(conn, found.id)
    assert (found.status, found.reply) == ("disputed", "I did ask.")
    assert evaluations.settle(conn, found, "True.", answers=GOOD, by=people["sue"], at=MONDAY) == pytest.approx(0.85)
    found = evaluations.get(conn, found.id)
    assert (found.status, found.settlement, found.settled_by) == ("settled", "True.", people["sue"])
    [first], [last] = told(conn, "evaluation.submitted"), told(conn, "evaluation.settled")
    assert (first["score"], first["failed"], first["contact"]) == (0, ["identity"], contact)
    assert first["answers"] == {"greeted": "yes", "identity": "no", "solved": 4}  # what people wrote isn't in the log
    assert last["score"] == pytest.approx(0.85)


def test_one_counts_for_a_conversation(conn: Connection, people: dict[str, str], contact: str) -> None:
    found = begin(conn, contact, people["sam"])
    assert begin(conn, contact, people["sam"]).id == found.id
    with pytest.raises(Impossible, match="somebody else"):
        begin(conn, contact, people["sue"])
    evaluations.discard(conn, found)
    begin(conn, contact, people["sue"])


def test_two_at_once_are_one(engine: Engine) -> None:
    """The index decides, whatever both have looked up before."""
    with engine.begin() as conn:
        contact = talked(conn, "maria")
        first = begin(conn, contact, "u1")
        row: sa.Row[Any] = conn.execute(sa.select(table).where(table.c.id == first.id)).one()
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as conn:
        conn.execute(sa.insert(table).values({**row._mapping, "id": "other", "evaluator_id": "u2"}))


def test_nobody_evaluates_themselves(conn: Connection, people: dict[str, str]) -> None:
    contact = talked(conn, "sam")
    with pytest.raises(Impossible, match="themselves"):
        begin(conn, contact, people["sam"], "sam")
    by_login = talked(conn, "sue")  # who has no agent's id
    with pytest.raises(Impossible, match="themselves"):
        begin(conn, by_login, people["sue"], "sue")
    with pytest.raises(LookupError):
        begin(conn, "nowhere", people["sam"])


def test_an_agents_id_that_somebody_else_has_now(conn: Connection, people: dict[str, str], contact: str) -> None:
    found = submitted(conn, contact, people["sam"])
    users.change(conn, people["maria"], agent_id=None)
    new = users.add(conn, login="nina", name="Nina", role="agent", at=MONDAY, agent_id="maria")
    assert found.of(people["maria"], None)
    assert not found.of(new.id, "maria")
    assert evaluations.listed(conn, *evaluations.seen_by_agent(new.id, "maria")) == []
    assert len(evaluations.listed(conn, *evaluations.seen_by_agent(people["maria"], None))) == 1


def test_what_was_changed_meanwhile_is_not_overwritten(conn: Connection, people: dict[str, str], contact: str) -> None:
    found = begin(conn, contact, people["sam"])
    evaluations.save(conn, found, answers={"greeted": "no"}, comments=[], summary="")
    with pytest.raises(Impossible, match="meanwhile"):
        evaluations.save(conn, found, answers={"greeted": "yes"}, comments=[], summary="")
    with pytest.raises(Impossible, match="meanwhile"):
        evaluations.submit(conn, found, answers=GOOD, comments=[], summary="", at=MONDAY)
    assert told(conn, "evaluation.submitted") == []
    assert evaluations.get(conn, found.id).answers == {"greeted": "no"}


def test_what_can_not_be_done_now(conn: Connection, people: dict[str, str], contact: str) -> None:
    draft = begin(conn, contact, people["sam"])
    with pytest.raises(Impossible):
        evaluations.reply(conn, draft, "", disagrees=False, at=MONDAY)
    with pytest.raises(Impossible):
        evaluations.settle(conn, draft, "x", answers=GOOD, by=people["sue"], at=MONDAY)
    evaluations.submit(conn, draft, answers=GOOD, comments=[], summary="", at=MONDAY)
    found = evaluations.get(conn, draft.id)
    changes: list[Callable[[], object]] = [
        lambda: evaluations.discard(conn, found),
        lambda: evaluations.discard(conn, draft),  # a page that is old
        lambda: evaluations.save(conn, found, answers={}, comments=[], summary=""),
        lambda: evaluations.settle(conn, found, "x", answers=GOOD, by=people["sue"], at=MONDAY),
    ]
    for change in changes:
        with pytest.raises(Impossible):
            change()
    evaluations.reply(conn, found, "Thanks", disagrees=False, at=MONDAY)
    with pytest.raises(Impossible, match="already"):
        evaluations.reply(conn, evaluations.get(conn, found.id), "No", disagrees=True, at=MONDAY)
    assert evaluations.get(conn, found.id).status == "submitted"


def test_the_form_is_kept_as_it_was(conn: Connection, people: dict[str, str], contact: str) -> None:
    found = begin(conn, contact, people["sam"])
    other = Form.model_validate({**FILE["forms"]["calls"], "title": "Changed since"})
    assert evaluations.keep_form(conn, "calls", other, MONDAY) != found.form_hash
    name, form = evaluations.form_of(conn, found.form_hash)
    assert (name, form) == ("calls", calls())
    with pytest.raises(LookupError):
        evaluations.form_of(conn, "nowhere")


def test_they_go_with_their_contact(conn: Connection, people: dict[str, str], contact: str) -> None:
    found = submitted(conn, contact, people["sam"])
    quality_coaching.add(
        conn, user_id=people["maria"], author_id=people["sam"], goal="Ask", note="", due_on=MONDAY.date(), at=MONDAY,
        evaluation_ids=[found.id],
    )  # fmt: skip
    calibration(conn, people, contact)
    conn.execute(sa.delete(contacts_table).where(contacts_table.c.id == contact))
    with pytest.raises(LookupError):
        evaluations.get(conn, found.id)
    assert quality_calibration.listed(conn) == []
    assert quality_coaching.listed(conn)[0].evaluations == ()


def test_a_user_who_is_removed(conn: Connection, people: dict[str, str], contact: str) -> None:
    found = submitted(conn, contact, people["sam"])
    for name in ("sam", "maria"):
        users.remove(conn, people[name])
    assert evaluations.get(conn, found.id).score == found.score


def calibration(conn: Connection, people: dict[str, str], contact: str) -> quality_calibration.Calibration:
    id = quality_calibration.start(
        conn, contact_id=contact, agent="maria", queue="billing", form_name="calls", form=calls(), by=people["sam"],
        at=MONDAY,
    )  # fmt: skip
    return quality_calibration.get(conn, id)


def test_a_calibration(conn: Connection, people: dict[str, str], contact: str) -> None:
    found = calibration(conn, people, contact)
    for name, answers in (("sam", GOOD), ("sue", BAD)):
        own = evaluations.get(conn, quality_calibration.join(conn, found, people[name], MONDAY))
        with pytest.raises(Impossible, match="too few"):
            quality_calibration.close(conn, found, MONDAY)
        evaluations.submit(conn, own, answers=answers, comments=[], summary="", at=MONDAY)
    with pytest.raises(Impossible, match="themselves"):
        quality_calibration.join(conn, found, people["maria"], MONDAY)
    late = users.add(conn, login="late", name="Late", role="supervisor", at=MONDAY).id
    draft = quality_calibration.join(conn, found, late, MONDAY)
    with pytest.raises(Impossible, match="isn't closed"):
        quality_calibration.result(conn, found)
    quality_calibration.close(conn, found, MONDAY)
    with pytest.raises(LookupError):
        evaluations.get(conn, draft)
    closed = quality_calibration.get(conn, found.id)
    result = quality_calibration.result(conn, closed)
    assert result.scores == {people["sam"]: pytest.approx(0.85), people["sue"]: 0.0}
    assert result.agreed == {"greeted": 1.0, "identity": 0.0, "solved": 1.0}
    with pytest.raises(Impossible, match="closed"):
        quality_calibration.join(conn, closed, late, MONDAY)
    with pytest.raises(Impossible, match="closed"):
        quality_calibration.close(conn, closed, MONDAY)
    assert evaluations.listed(conn) == []  # none of it counts


def test_kappa_of_an_example_worked_by_hand() -> None:
    """50 things: 20 times both yes, 15 both no, 5 and 10 apart. p_o = 0.7, p_e = 0.5 * 0.6 + 0.5 * 0.4 = 0.5."""
    mine = ["yes"] * 25 + ["no"] * 25
    theirs = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert kappa(mine, theirs) == pytest.approx(0.4)
    assert kappa(theirs, mine) == pytest.approx(0.4)


def test_kappa_at_its_limits() -> None:
    assert kappa(["a", "b"], ["a", "b"]) == 1
    assert kappa(["a", "b"], ["b", "a"]) == -1
    assert kappa(["a", "a"], ["a", "a"]) is None  # chance alone gives it
    assert kappa([], []) is None
    with pytest.raises(ValueError, match="same length"):
        kappa(["a"], [])


def test_agreement_of_three() -> None:
    answers: dict[str, dict[str, str | int]] = {
        "a": {"q": 1, "r": "yes"},
        "b": {"q": 1, "r": "no"},
        "c": {"q": 2, "r": "yes"},
    }
    by_question, pairs = agreement(answers, ["q", "r"])
    assert by_question == {"q": pytest.approx(1 / 3), "r": pytest.approx(1 / 3)}
    assert [(pair.one, pair.other, pair.agreed) for pair in pairs] == [("a", "b", 0.5), ("a", "c", 0.5), ("b", "c", 0)]


def test_coaching(conn: Connection, people: dict[str, str], contact: str) -> None:
    found = submitted(conn, contact, people["sam"])
    given: dict[str, Any] = {
        "user_id": people["maria"],
        "author_id": people["sam"],
        "note": "",
        "due_on": MONDAY.date(),
        "at": MONDAY,
    }
    id = quality_coaching.add(conn, goal=" Ask whom ", evaluation_ids=[found.id, found.id], **given)
    kept = quality_coaching.get(conn, id)
    assert (kept.goal, kept.evaluations, kept.done_at) == ("Ask whom", (found.id,), None)
    with pytest.raises(LookupError):  # somebody else's evaluation isn't shown by coaching
        quality_coaching.add(conn, goal="x", evaluation_ids=[found.id], **given | {"user_id": people["sue"]})
    with pytest.raises(ValueError, match="goal"):
        quality_coaching.add(conn, goal="  ", **given)
    assert quality_coaching.finish(conn, id, by=people["maria"], at=MONDAY)
    assert not quality_coaching.finish(conn, id, by=people["sam"], at=MONDAY)
    assert quality_coaching.get(conn, id) == replace(kept, done_at=MONDAY, done_by=people["maria"])
    assert quality_coaching.listed(conn, user_id=people["sam"]) == []
