"""Emergency announcements: begun and ended on the floor page, without the store of queues too."""

from __future__ import annotations

from typing import Any

import pytest

from callcenter import emergency
from callcenter.db import reading
from callcenter.desk import audit
from callcenter.emergency import Emergency
from tests.desk.support import Desk

OWN = {"scope": "*", "prompt": "", "words_en": "Fire. {Leave} the <b>house</b>.", "words_es": "", "then": "hang_up"}


def current(desk: Desk) -> dict[str, Emergency]:
    with reading(desk.engine) as conn:
        return emergency.current(conn)


def entries(desk: Desk) -> list[tuple[str, str, Any]]:
    with reading(desk.engine) as conn:
        return [(one.action, one.target, one.data) for one in audit.everything(conn) if "emergency" in one.action]


def test_a_supervisors_own_words_are_announced_until_they_are_ended(desk: Desk) -> None:
    sam = desk.browser("supervisor")
    answer = sam.post("/desk/floor/emergency", OWN)
    assert (answer.status_code, answer.location) == (303, "/desk/floor")
    [one] = current(desk).values()
    assert (one.scope, one.words, one.then, one.by) == ("*", {"en": OWN["words_en"]}, "hang_up", "agent:sam")
    assert ("floor", "emergency", {"scope": "*"}) in desk.messaging.told
    for role, ends in (("supervisor", True), ("auditor", False)):
        for path in ("/desk/floor", "/desk/floor/emergencies"):
            page = desk.browser(role).get(path).text
            assert "Fire. {Leave} the &lt;b&gt;house&lt;/b&gt;." in page
            assert ("End it" in page) == ends
    assert sam.post("/desk/floor/emergency/end", {"scope": "*"}).status_code == 303
    assert current(desk) == {}
    assert sam.post("/desk/floor/emergency/end", {"scope": "*"}).status_code == 404
    assert entries(desk) == [
        ("emergency.ended", "scope:*", {}),
        ("emergency.begun", "scope:*", {"words": {"en": OWN["words_en"]}, "prompt": "", "then": "hang_up"}),
    ]


def test_a_prompt_is_announced_in_every_language(desk: Desk) -> None:
    sam = desk.browser("supervisor")
    sam.post("/desk/floor/emergency", {**OWN, "prompt": "emergency.outage", "then": "voicemail"})
    [one] = current(desk).values()
    assert (one.words, one.prompt) == ({"en": "No power.", "es": "No hay luz."}, "emergency.outage")


def test_another_takes_its_place_and_is_another(desk: Desk) -> None:
    sam = desk.browser("supervisor")
    ids = set()
    for words in ("Fire.", "Water."):
        sam.post("/desk/floor/emergency", {**OWN, "words_en": words})
        [one] = current(desk).values()
        assert one.words == {"en": words}
        ids.add(one.id)
    assert len(ids) == 2


def test_a_queues_leads_nowhere_else(desk: Desk) -> None:
    sam = desk.browser("supervisor")
    sam.post("/desk/floor/emergency", {**OWN, "scope": "billing"})
    sam.post("/desk/floor/emergency", OWN)
    assert {scope: one.then for scope, one in current(desk).items()} == {"billing": "continue", "*": "hang_up"}
    assert "Sales" in sam.get("/desk/floor").text


@pytest.mark.parametrize(
    "wrong",
    [{"scope": "nowhere"}, {"prompt": "main.welcome"}, {"then": "explode"}, {"then": ""}, {"words_en": " "},
     {"words_en": "x" * 1001}],
)  # fmt: skip
def test_what_cant_be_announced_is_refused(desk: Desk, wrong: dict[str, str]) -> None:
    sam = desk.browser("supervisor")
    sam.post("/desk/floor/emergency", {**OWN, **wrong})
    assert current(desk) == {}
    assert entries(desk) == []


def test_who_only_looks_announces_nothing(desk: Desk) -> None:
    for role in ("agent", "auditor"):
        assert desk.browser(role).post("/desk/floor/emergency", OWN).status_code == 403
    assert current(desk) == {}
