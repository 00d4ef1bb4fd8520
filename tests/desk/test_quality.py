"""Quality on the desk: what is drawn, evaluating, the agent's reply, calibration, coaching, scores; whose is whose."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from callcenter import contacts, evaluations
from callcenter.db import reading
from callcenter.desk import audit, users
from callcenter.desk.evaluation_forms import second
from callcenter.desk.users import User
from tests.desk.support import HASHED, NOW, Browser, Desk
from tests.quality.support import ANSWERS, FILE, talked, week_of_talks

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'>{{7*7}}%(x)s"
FIELDS = {f"q_{name}": answer for name, answer in ANSWERS.items()}


@pytest.fixture(autouse=True)
def forms(desk: Desk) -> None:
    desk.flows.files["quality"] = FILE


@pytest.fixture
def contact(desk: Desk) -> str:
    with desk.engine.begin() as conn:
        return talked(conn, "maria")


def add_user(desk: Desk, login: str, role: str, agent_id: str | None = None) -> User:
    with desk.engine.begin() as conn:
        user = users.add(conn, login=login, name=login.title(), role=role, at=NOW, agent_id=agent_id)
        users.set_password(conn, user.id, HASHED)
    return user


def begin(browser: Browser, contact: str, agent: str = "maria", form: str = "calls") -> str:
    """The path of the draft."""
    answer = browser.post(f"/desk/contacts/{contact}/evaluate", {"agent": agent, "form": form})
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def send(browser: Browser, path: str, do: str, data: Mapping[str, Any] | None = None) -> str:
    """A page's form, sent; what the next page says."""
    page = browser.get(path)
    seq = re.search(r'name="seq" value="(\d+)"', page.text)
    target = f"{path}/{do}" if do in ("settle", "reply") else path
    answer = browser.post(target, {"do": do, "seq": seq[1] if seq else "", **(data or {})})
    assert answer.status_code == 303, answer.status_code
    return browser.get(answer.location).text


def submitted(desk: Desk, contact: str, by: str = "supervisor", **changed: str) -> str:
    sam = desk.browser(by)
    path = begin(sam, contact)
    assert "The agent can see it now." in send(sam, path, "submit", FIELDS | changed)
    return path


def test_from_the_draw_to_the_settlement(desk: Desk) -> None:
    with desk.engine.begin() as conn:
        week_of_talks(conn, ("maria",))
    sam = desk.browser("supervisor")
    assert sam.get("/desk/quality").location == "/desk/quality/sample"
    page = sam.get("/desk/quality/sample?week=2026-W47").text
    assert "2 of 2 still to be evaluated." in page
    assert "the draw may change" in page
    path = re.search(r"/desk/contacts/\w+/evaluate", page)
    assert path
    assert 'value="calls" selected' in sam.get(path[0]).text
    draft = begin(sam, path[0].split("/")[3])
    comments = {"comment_0": "Well said", "comment_at_0": "1:05", "comment_1": "Earlier", "comment_at_1": "7"}
    said = send(sam, draft, "save", {"q_greeted": "yes", "summary": "So far", **comments})
    assert "The draft is kept." in said
    assert said.index('value="0:07"') < said.index('value="1:05"')
    assert desk.browser("agent").get(draft).status_code == 404
    said = send(sam, draft, "submit", {"q_greeted": "no", "q_identity": "yes", "q_solved": ""})
    assert "Not answered yet: Solved" in said
    assert re.search(r'name="q_greeted" value="no" checked', said)  # nothing that was written is lost
    assert "The agent can see it now." in send(sam, draft, "submit", FIELDS | comments)
    assert ("agent:maria", "evaluation", {"id": draft.rsplit("/", 1)[1]}) in desk.messaging.told
    assert "1 of 2 still to be evaluated." in sam.get("/desk/quality/sample?week=2026-W47").text
    assert "0 of 0 still to be evaluated." in sam.get("/desk/quality/sample").text  # the week before

    maria = desk.browser("agent")
    mine = maria.get(maria.get("/desk/quality").location).text
    assert ("85%" in mine, '<span class="chip open">new</span>' in mine) == (True, True)
    assert "Well said" in maria.get(draft).text
    assert '<span class="chip open">new</span>' not in maria.get("/desk/quality/mine").text
    assert "Write what you have to say." in send(maria, draft, "reply", {"do": "disagree"})
    assert "Your reply is kept." in send(maria, draft, "reply", {"do": "disagree", "text": "I summed it up."})
    assert ("agent:sam", "evaluation", {"id": draft.rsplit("/", 1)[1]}) in desk.messaging.told
    assert "You have replied" not in maria.get(draft).text
    assert "I summed it up." in sam.get(draft).text
    said = send(sam, draft, "settle", FIELDS | {"q_solved": "5", "text": "Right you are."})
    assert ("It is settled." in said, "100%" in said) == (True, True)
    assert "Right you are." in maria.get(draft).text
    with reading(desk.engine) as conn:
        actions = [one.action for one in audit.everything(conn) if one.action.startswith("evaluation.")]
    assert {"evaluation.begun", "evaluation.saved", "evaluation.submitted", "evaluation.viewed", "evaluation.disputed",
            "evaluation.settled"} == set(actions)  # fmt: skip


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


def test_without_forms_the_pages_say_so(desk: Desk, contact: str) -> None:
    for file in (None, {"forms": {"broken": 1}}):
        desk.flows.files["quality"] = file
        sam = desk.browser("supervisor")
        assert "There are no forms yet" in sam.get("/desk/quality/sample").text
        assert "There are no forms yet" in sam.get(f"/desk/contacts/{contact}/evaluate").text
        answer = sam.post(f"/desk/contacts/{contact}/evaluate", {"agent": "maria", "form": "calls"})
        assert "There is no such form" in sam.get(answer.location).text
        assert sam.get("/desk/quality/report").status_code == 200


def test_another_version_of_the_form_leaves_it_as_it_was(desk: Desk, contact: str) -> None:
    sam = desk.browser("supervisor")
    path = begin(sam, contact)
    desk.flows.files["quality"] = {"forms": {"calls": {"title": "New", "sections": {
        "a": {"title": "A", "questions": {"other": {"ask": "Something else"}}}}}}}  # fmt: skip
    assert "Greeted" in sam.get(path).text
    assert "The agent can see it now." in send(sam, path, "submit", FIELDS)


def test_filters_of_what_stands_out(desk: Desk) -> None:
    with desk.engine.begin() as conn:
        made = {
            "short": talked(conn, "maria", seconds=12),
            "dissatisfied": talked(conn, "maria", csat=1),
            "transferred": talked(conn, "maria", transferred=True),
            "held": talked(conn, "maria", seconds=400, held=200),
        }
    sam = desk.browser("supervisor")
    for only, id in made.items():
        page = sam.get(f"/desk/quality/sample?week=2026-W47&only={only}").text
        assert set(re.findall(r"/desk/contacts/(\w+)/evaluate", page)) == {id}, only


def test_a_calibration_is_blind_until_it_is_closed(desk: Desk, contact: str) -> None:
    sam, admin = desk.browser("supervisor"), desk.browser("admin")
    path = sam.post(f"/desk/contacts/{contact}/calibrate", {"agent": "maria", "form": "calls"}).location
    own = {}
    for browser, changed in ((sam, {}), (admin, {"q_solved": "1", "summary": "Not so good"})):
        own[browser] = browser.post(f"{path}/join").location
        assert "At least 2 must have completed it." in browser.get(browser.post(f"{path}/close").location).text
        assert "Your evaluation is kept." in send(browser, own[browser], "submit", FIELDS | changed)
        assert "Cohen" not in browser.get(path).text
    assert sam.get(own[admin]).status_code == 404
    assert desk.browser("agent").get(own[sam]).status_code == 404
    assert desk.browser("auditor").get(own[sam]).status_code == 404
    assert not [one for one in desk.messaging.told if one[1] == "evaluation"]
    assert sam.post(f"{path}/close").status_code == 303
    page = sam.get(path).text
    assert ("85%" in page, "40%" in page, "67%" in page) == (True, True, True)
    assert "isn&#39;t possible" in admin.get(admin.post(f"{path}/join").location).text
    assert "maria" not in desk.browser("agent").get("/desk/quality/mine").text
    with desk.engine.begin() as conn:
        mine = talked(conn, "sam")
    theirs = admin.post(f"/desk/contacts/{mine}/calibrate", {"agent": "sam", "form": "calls"}).location
    assert sam.get(theirs).status_code == 404
    assert theirs not in sam.get("/desk/quality/calibrations").text


def test_coaching_is_for_the_two(desk: Desk, contact: str) -> None:
    evaluation = submitted(desk, contact).rsplit("/", 1)[1]
    sam, user = desk.browser("supervisor"), desk.people["agent"].id
    given = {"user": user, "goal": "Sum up", "note": "At the end", "due_on": "2026-11-20", "evaluation": evaluation}
    assert evaluation in sam.get(f"/desk/quality/coaching?user={user}").text
    for wrong, said in (({"due_on": "soon"}, "Choose the day"), ({"goal": " "}, "Write the goal.")):
        assert said in sam.get(sam.post("/desk/quality/coaching", given | wrong).location).text
    assert sam.post("/desk/quality/coaching", given | {"evaluation": "other"}).status_code == 404
    assert sam.post("/desk/quality/coaching", given | {"user": "nobody"}).status_code == 404
    assert sam.post("/desk/quality/coaching", given).status_code == 303
    add_user(desk, "tom", "agent", "tom")
    tom, maria = desk.browser("tom"), desk.browser("agent")
    page = maria.get("/desk/quality/mine").text
    done = re.search(r"/desk/quality/coaching/\w+/done", page)
    assert done
    assert ("Sum up" in page, "late" in page, f"/desk/quality/evaluations/{evaluation}" in page) == (True, True, True)
    assert "Sum up" not in tom.get("/desk/quality/mine").text
    assert tom.post(done[0]).status_code == 404
    assert maria.post(done[0]).status_code == 303
    assert "ticked off by Maria Ortiz" in sam.get("/desk/quality/coaching").text
    assert "already" in sam.get(sam.post(done[0]).location).text


def test_scores_and_their_file(desk: Desk) -> None:
    with desk.engine.begin() as conn:
        ids = week_of_talks(conn, ("maria", "tom"), 3)
    for number, id in enumerate(ids[:5]):  # three of maria's, two of tom's
        sam = desk.browser("supervisor")
        send(sam, begin(sam, id, "maria" if number < 3 else "tom"), "submit", FIELDS)
    sam = desk.browser("supervisor")
    query = "period=range&from=2026-11-16&to=2026-11-22&group=agent"
    page = sam.get(f"/desk/quality/report?{query}").text
    assert page.count("85.0%") == 3  # a tile, maria, all; not tom
    assert f"/desk/quality/report.csv?{query.replace('&', '&amp;')}" in page
    answer = sam.get(f"/desk/quality/report.csv?{query}")
    rows = {row["agent"]: row for row in csv.DictReader(io.StringIO(answer.text))}
    assert (rows["maria"]["evaluations"], rows["maria"]["score"]) == ("3", "0.85")
    assert (rows["tom"]["evaluations"], rows["tom"]["score"], rows["tom"]["failed"]) == ("2", "", "")
    assert rows["all"]["evaluations"] == "5"
    with reading(desk.engine) as conn:
        assert [one for one in audit.everything(conn) if one.action == "quality.exported"]
    for group in ("queue", "form", "section", "week"):
        assert "85" in sam.get(f"/desk/quality/report?{query.replace('agent', group)}").text, group
    assert "Nothing was evaluated" in sam.get("/desk/quality/report?period=today").text


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


def test_moments() -> None:
    assert [second(one) for one in ("", "65", "1:05", "01:02:03", " 0:07 ")] == [0, 65, 65, 3723, 7]
    assert [second(one) for one in ("x", "1:5", "-1", "1:05:", "١:٠٥", "1.5")] == [None] * 6
