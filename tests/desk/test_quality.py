"""Quality on the desk: what is drawn, evaluating, the agent's reply, calibration, coaching, scores."""

from __future__ import annotations

import csv
import io
import re

from callcenter.db import reading
from callcenter.desk import audit
from callcenter.desk.evaluation_forms import second
from tests.desk.quality import FIELDS, add_user, begin, contact, forms, send, submitted
from tests.desk.support import Desk
from tests.quality.support import talked, week_of_talks

__all__ = ["contact", "forms"]


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


def test_moments() -> None:
    assert [second(one) for one in ("", "65", "1:05", "01:02:03", " 0:07 ")] == [0, 65, 65, 3723, 7]
    assert [second(one) for one in ("x", "1:5", "-1", "1:05:", "١:٠٥", "1.5")] == [None] * 6
