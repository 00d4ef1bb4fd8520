"""The audit log in words: a sentence for each kind, with names and links; nothing that was written is lost."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

import callcenter.desk
from callcenter.desk import audit
from callcenter.desk.audit_words import KINDS, SENTENCES
from callcenter.desk.calling import AGENTS_OWN, SUPERVISORS
from tests.desk.seed import seed
from tests.desk.support import NOW, Browser, Desk


def logged() -> Iterator[str]:
    """Every action that the desk writes."""
    for path in Path(callcenter.desk.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("log", "look")
            ):
                if not node.args or getattr(node.func.value, "id", "") != "visit":
                    continue
                for part in ast.walk(node.args[0]):
                    if isinstance(part, ast.Constant) and re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", str(part.value)):
                        yield str(part.value)
    yield from (f"call.{verb}" for verb in AGENTS_OWN | SUPERVISORS)
    yield from ("queue.closed", "queue.reopened", "queue.priority", "queue.moved")


def test_each_kind_has_a_sentence_and_a_filter() -> None:
    found = set(logged()) - {"closed", "reopened"}
    assert len(found) > 60
    assert sorted(found - SENTENCES.keys()) == []
    assert sorted({action.partition(".")[0] for action in found} - KINDS.keys()) == []


def rows(browser: Browser, query: str = "") -> list[str]:
    """What the page says, a line for each entry, with its links as [text](path)."""
    page = browser.get(f"/desk/audit?{query}").text
    found = []
    for row in re.findall(r"<tr><td><time.*?</tr>", page, re.DOTALL):
        who, what = re.findall(r"<td.*?</td>", row, re.DOTALL)[1:3]
        what = re.sub(r'<a class="same".*?</a>', "", what, flags=re.DOTALL)
        what = re.sub(r'<a href="(.*?)">(.*?)</a>', r"[\2](\1)", what)
        found.append(
            unescape(re.sub(r"<.*?>", "", f"{who.partition('<br>')[0]}: {what.replace('<br>', ' | ')}")).strip()
        )
    return found


def note(desk: Desk, action: str, target: str, **data: Any) -> None:
    with desk.engine.begin() as conn:
        user = desk.people["agent"]
        audit.write(conn, audit.Entry(NOW, user.id, user.login, user.role, action, target, "192.0.2.7", data))


@pytest.fixture
def ids(desk: Desk) -> dict[str, str]:
    return seed(desk.engine, desk.folder)


def test_what_was_done_with_names_and_links(desk: Desk, ids: dict[str, str]) -> None:
    maria = desk.browser("agent")
    maria.get(f"/desk/customers/{ids['customer']}")
    maria.get("/desk/customers?q=silva")
    maria.get("/desk/users")
    note(desk, "queue.moved", f"contact:{ids['contact']}", queue="sales")
    note(desk, "customer.merged", f"customer:{ids['customer']}", merge="m1", absorbed=ids["other"])
    note(desk, "agent.skills", "agent:maria", skills={"billing": 5}, until="2026-11-22T23:00:00+00:00")
    note(desk, "emergency.begun", "scope:all", words={"en": "No power."}, prompt="", then="hang_up")
    note(desk, "hours.changed", "hours:business_hours", version="a" * 16, before="b" * 16, also=[], changes=[
        {"kind": "weekday", "key": "monday", "was": ["08:00-18:00"], "now": []},
        {"kind": "holiday", "key": "", "was": None, "now": {"date": "12-25", "name": "Christmas", "hours": []}},
    ])  # fmt: skip
    note(desk, "prompt.recorded", "prompt:en/system.sorry", seconds=2.5, decibels=-20.1, clipped=False)
    customer = f"[Ana Silva](/desk/customers/{ids['customer']})"
    assert rows(desk.browser("auditor"), "login=agent")[:-1] == [
        "Maria Ortiz: gave the prompt [system.sorry (English)](/desk/prompts/en/system.sorry) an own recording of "
        "2.5 s | dBFS: -20.1",
        "Maria Ortiz: changed the opening hours [business_hours](/desk/hours/business_hours): Monday: closed instead "
        "of 8:00\u202fAM – 6:00\u202fPM; added: every Dec 25: closed (Christmas)",
        "Maria Ortiz: began an emergency announcement for all queues: en: No power. | And then: The call ends",
        "Maria Ortiz: changed the skills of Maria Ortiz: billing: 5 | Until: Nov 23, 2026, 12:00\u202fAM",
        f"Maria Ortiz: merged [A. Silva](/desk/customers/{ids['other']}) into the customer {customer}",
        f"Maria Ortiz: moved the contact [text message +15550101010](/desk/contacts/{ids['contact']}) to the queue "
        "Sales",
        "Maria Ortiz: was refused people | Permission: users.read",
        "Maria Ortiz: searched customers for “silva”: 2 found",
        f"Maria Ortiz: looked at the customer {customer}",
    ]


def test_kinds_that_nobody_wrote_a_sentence_for_show_their_fields(desk: Desk) -> None:
    note(desk, "robot.fed", "robot:7", oil="5 l", parts=["a", "b"], times={"x": 1}, done=False)
    note(desk, "customer.viewed", "customer:gone", reason="an old entry")
    note(desk, "queue.moved", "contact:gone")
    note(desk, "hours.changed", "hours:x", changes=[{"odd": 1}])
    note(desk, "hours.changed", "hours:x", changes=[{"kind": "holiday", "key": "", "was": 3, "now": 4}])
    assert rows(desk.browser("auditor"), "login=agent")[:5] == [
        "Maria Ortiz: changed the opening hours [x](/desk/hours/x): holiday : 3 → 4",
        "Maria Ortiz: changed the opening hours [x](/desk/hours/x): [{'odd': 1}]",
        "Maria Ortiz: moved the contact contact:gone to the queue –",
        "Maria Ortiz: looked at the customer customer:gone | Reason: an old entry",
        "Maria Ortiz: robot.fed robot:7 | oil: 5 l · parts: a, b · times: x: 1 · done: no",
    ]


def test_what_strangers_typed_stays_text(desk: Desk) -> None:
    hostile = "<script>alert(1)</script>%(x)s%d"
    note(desk, "login.failed", f"login:{hostile}")
    note(desk, "customers.searched", "customers", text=hostile, found=0)
    note(desk, hostile, hostile, **{hostile: {hostile: [hostile]}})
    note(desk, "emergency.begun", "scope:all", words={hostile: hostile})
    page = desk.browser("auditor").get("/desk/audit").text
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;%(x)s%d") >= 9


def test_filters_by_person_kind_and_day(desk: Desk, ids: dict[str, str]) -> None:
    desk.browser("agent").get(f"/desk/customers/{ids['customer']}")
    desk.clock.go_on(days=1)
    auditor = desk.browser("auditor")
    page = auditor.get("/desk/audit?login=agent&action=customer").text
    assert re.search(r'<option value="agent" selected>Maria Ortiz \(agent\)</option>', page)
    assert re.search(r'<option value="customer" selected>Customers</option>', page)
    assert len(rows(auditor, "login=agent&action=customer")) == 1
    assert rows(auditor, "login=agent&action=flows") == []
    assert len(rows(auditor, "action=customer&since=2026-11-22&until=2026-11-22")) == 1
    assert rows(auditor, "action=customer&since=2026-11-23") == []
    assert '<option value="gone" selected>gone</option>' in auditor.get("/desk/audit?login=gone").text
    assert "<option selected>customer.viewed</option>" in auditor.get("/desk/audit?action=customer.viewed").text


def test_who_has_no_inbox_sees_a_contact_without_its_list(desk: Desk, ids: dict[str, str]) -> None:
    for role, shown in (("auditor", False), ("agent", True)):
        page = desk.browser(role).get(f"/desk/contacts/{ids['contact']}").text
        assert ('class="inbox-list"' in page) == shown
        assert ('class="inbox alone"' in page) != shown
        assert "Thank you! Here is a picture of it." in page
