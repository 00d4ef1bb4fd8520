"""What is tried against evaluations: others' and one's own, stored scripts, nonsense, old pages."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from callcenter import contacts, evaluations
from callcenter.db import reading
from callcenter.desk import audit
from tests.desk.quality import FIELDS, add_user, begin, contact, forms, send, submitted
from tests.desk.support import Desk
from tests.quality.support import FILE, talked

__all__ = ["contact", "forms"]
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'>{{7*7}}%(x)s"


def test_another_agents_evaluation_is_not_there(desk: Desk, contact: str) -> None:
    path = submitted(desk, contact)
    add_user(desk, "tom", "agent", "tom")
    tom = desk.browser("tom")
    assert tom.get(path).status_code == 404
    assert "85%" not in tom.get("/desk/quality/mine").text
    for do in ("reply", "settle"):
        assert tom.post(f"{path}/{do}", {"do": "disagree", "text": "x", "seq": "1"}).status_code in (403, 404)
    for page in ("sample", "evaluations", "calibrations", "coaching", "report", "report.csv"):
        assert tom.get(f"/desk/quality/{page}").status_code == 403, page
    assert tom.get(f"/desk/contacts/{contact}").text.count("85%") == 0
    with reading(desk.engine) as conn:
        assert evaluations.listed(conn)[0].status == "submitted"


def test_a_login_that_is_called_as_an_agent_is_nobody_elses(desk: Desk, contact: str) -> None:
    path = submitted(desk, contact)
    add_user(desk, "maria", "agent")  # a login as the agent's id is
    impostor = desk.browser("maria")
    assert impostor.get(path).status_code == 404
    assert "85%" not in impostor.get("/desk/quality/mine").text


def test_nobody_evaluates_or_settles_their_own(desk: Desk) -> None:
    with desk.engine.begin() as conn:
        own = talked(conn, "sam")
    sam = desk.browser("supervisor")
    answer = sam.post(f"/desk/contacts/{own}/evaluate", {"agent": "sam", "form": "calls"})
    assert "Nobody evaluates themselves." in sam.get(answer.location).text
    admin = desk.browser("admin")
    path = begin(admin, own, "sam")
    assert sam.get(path).status_code == 404  # a draft about oneself
    assert "Draft" not in sam.get("/desk/quality/evaluations?status=draft").text.split("<tbody>")[1]
    send(admin, path, "submit", FIELDS)
    assert sam.get(path).status_code == 200
    send(sam, path, "reply", {"do": "disagree", "text": "No"})
    assert "Settle it" not in sam.get(path).text
    seq = re.search(r'name="seq" value="(\d+)"', admin.get(path).text)
    assert seq
    answer = sam.post(f"{path}/settle", {**FIELDS, "seq": seq[1], "text": "I win"})
    assert "Nobody evaluates themselves." in sam.get(answer.location).text
    with reading(desk.engine) as conn:
        assert evaluations.listed(conn)[0].status == "disputed"


def test_two_evaluators_at_once(desk: Desk, contact: str) -> None:
    sam, admin = desk.browser("supervisor"), desk.browser("admin")
    path = begin(sam, contact)
    answer = admin.post(f"/desk/contacts/{contact}/evaluate", {"agent": "maria", "form": "calls"})
    assert "Somebody else evaluates this conversation already." in admin.get(answer.location).text
    assert "Somebody else" in send(admin, path, "submit", FIELDS)
    other = desk.browser("supervisor")  # the same one in a second browser, with a page that is older
    old = re.search(r'name="seq" value="(\d+)"', other.get(path).text)
    send(sam, path, "save", {"summary": "first"})
    assert old
    answer = other.post(path, {"do": "save", "seq": old[1], "summary": "second"})
    assert "Somebody has changed it meanwhile" in other.get(answer.location).text
    assert "first" in sam.get(path).text
    assert admin.post(path, {"do": "discard"}).location == "/desk/quality"
    assert sam.get(path).status_code == 404


def test_scripts_in_what_people_write_stay_words(desk: Desk, contact: str) -> None:
    desk.flows.files["quality"] = {**FILE, "forms": {"calls": {**FILE["forms"]["calls"], "title": SCRIPT}}}
    sam, maria = desk.browser("supervisor"), desk.browser("agent")
    path = begin(sam, contact)
    given = {"summary": SCRIPT, "comment_0": SCRIPT, "comment_sound_0": '"><script>alert(1)</script>', "q_else": SCRIPT}
    send(sam, path, "save", given)
    drafted = sam.get(path).text
    send(sam, path, "submit", FIELDS | given)
    send(maria, path, "reply", {"do": "disagree", "text": SCRIPT})
    user = desk.people["agent"].id
    sam.post("/desk/quality/coaching", {"user": user, "goal": SCRIPT, "note": SCRIPT, "due_on": "2026-12-01"})
    pages = [drafted, sam.get(path).text, maria.get(path).text, maria.get("/desk/quality/mine").text]
    pages += [sam.get(f"/desk/quality/{one}").text for one in ("report?group=form", "coaching", "evaluations")]
    pages.append(sam.get(f"/desk/contacts/{contact}/evaluate").text)
    for text in pages:
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "49%(x)s" not in text
    assert sum("&lt;script&gt;alert" in text for text in pages) >= 6


@pytest.mark.parametrize(
    "data",
    [
        {"q_greeted": "maybe"},
        {"q_solved": "99"},
        {"comment_0": "x", "comment_at_0": "soon"},
        {"comment_0": "x", "comment_at_0": "１:05"},
        {"seq": "-1"},
        {"seq": "x" * 9},
        {"seq": "²"},
        {"do": "elsewhere", "q_else": "x" * 1999, "seq": "77"},
    ],
)
def test_nonsense_changes_nothing(desk: Desk, contact: str, data: dict[str, str]) -> None:
    sam = desk.browser("supervisor")
    path = begin(sam, contact)
    answer = sam.post(path, {"do": "save", "seq": "0", **data})
    assert answer.status_code == 303
    with reading(desk.engine) as conn:
        [found] = evaluations.listed(conn)
    assert (found.status, found.seq, found.answers) == ("draft", 0, {})


def test_what_is_too_long_is_refused(desk: Desk, contact: str) -> None:
    sam = desk.browser("supervisor")
    path = begin(sam, contact)
    for name, longest in (("summary", 4000), ("comment_0", 1000), ("q_else", 2000)):
        assert sam.post(path, {"do": "save", "seq": "0", name: "x" * (longest + 1)}).status_code == 400, name


@pytest.mark.parametrize(
    "query", ["week=%00", "week=2026-W99&only=<script>", "only=short&week=0000-W00", "week=" + "9" * 50]
)
def test_nonsense_in_the_address_does_no_harm(desk: Desk, query: str) -> None:
    sam = desk.browser("supervisor")
    for path in ("sample", "report", "report.csv", "evaluations", "coaching"):
        answer = sam.get(f"/desk/quality/{path}?{query}&group={query}&agent=%27%20OR%201=1&user=x&status=x")
        assert answer.status_code == 200, path
        assert "<script>" not in answer.text


def test_looks_are_written_down(desk: Desk, contact: str) -> None:
    path = submitted(desk, contact)
    auditor = desk.browser("auditor")
    assert auditor.get(path).status_code == 200
    with reading(desk.engine) as conn:
        looks = [(one.action, one.target) for one in audit.everything(conn) if one.login == "auditor"]
    assert ("evaluation.viewed", f"evaluation:{path.rsplit('/', 1)[1]}") in looks
    assert ("contact.viewed", f"contact:{contact}") in looks


def test_scores_are_not_on_the_timeline(desk: Desk, contact: str) -> None:
    path = submitted(desk, contact)
    with reading(desk.engine) as conn:
        found = conn.execute(sa.text("SELECT kind FROM events WHERE contact_id = :id"), {"id": contact}).scalars()
        assert not [kind for kind in found if kind.startswith("evaluation")]
        assert contacts.get(conn, contact) is not None
    assert path.rsplit("/", 1)[1] not in desk.browser("agent").get(f"/desk/contacts/{contact}").text
