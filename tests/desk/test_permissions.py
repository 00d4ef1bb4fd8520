"""Every page with every role, row by row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from callcenter.db import reading
from callcenter.desk import audit
from callcenter.desk.permissions import MATRIX, PUBLIC, ROLES, SECOND_FACTOR, SELF, allows
from callcenter.desk.routing import Page, all_pages, page
from tests.desk.seed import seed
from tests.desk.support import Browser, Desk

PAGES = sorted(all_pages(), key=lambda found: found.name)
INSIDE = [found for found in PAGES if found.needs not in (PUBLIC, SECOND_FACTOR)]
DOCS = Path(__file__).parents[2] / "docs" / "desk.md"


def address(found: Page, ids: dict[str, str], desk: Desk) -> str:
    values = {
        "customer_id": ids["customer"], "case_id": ids["case"], "contact_id": ids["contact"],
        "identifier_id": ids["identifier"], "recording_id": ids["recording"], "file_id": ids["file"],
        "merge_id": ids["merge"], "user_id": desk.people["agent"].id, "name": "main", "version": "0", "token": "0",
        "offer_id": "0", "language": "en", "prompt_id": "main.welcome", "which": "voice", "evaluation_id": "0",
        "calibration_id": "0", "coaching_id": "0",
    }  # fmt: skip
    return "/desk" + re.sub(r"<(\w+)>", lambda match: values[match[1]], found.rule)


def ask(browser: Browser, found: Page, path: str) -> TestResponse:
    return browser.get(path) if found.method == "GET" else browser.post(path)


def test_every_route_is_a_page_with_a_permission(desk: Desk) -> None:
    """A route that is added past the registry, with no permission, fails here."""
    names = {found.name for found in PAGES}
    rules = [rule for rule in desk.app.url_map.iter_rules() if rule.rule.startswith("/desk")]
    assert len(rules) > 50
    for rule in rules:
        assert rule.endpoint.removeprefix("desk.") in names | {"nothing"}, f"{rule.rule} has no permission"
    assert {found.needs for found in PAGES} <= MATRIX.keys() | {PUBLIC, SECOND_FACTOR, SELF}


def test_a_page_without_a_known_permission_is_refused() -> None:
    with pytest.raises(ValueError, match="no permission"):
        page("/new", needs="customers.everything")


@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_what_the_matrix_says(desk: Desk, role: str) -> None:
    ids = seed(desk.engine, desk.folder)
    for found in INSIDE:
        browser = desk.browser(role)  # some pages sign out
        answer = ask(browser, found, address(found, ids, desk))
        refused = answer.status_code == 403
        assert refused != allows(role, found.needs), f"{role} {found.method} {found.rule}: {answer.status_code}"
        assert answer.status_code not in (401, 500), f"{role} {found.method} {found.rule}"
        if refused:
            with reading(desk.engine) as conn:
                last = audit.listed(conn, limit=1)[0]
            assert (last.action, last.target, last.role) == ("refused", f"page:{found.name}", role)


def test_nobody_gets_nothing(desk: Desk) -> None:
    ids = seed(desk.engine, desk.folder)
    stranger = Browser(desk.app)
    stranger.get("/desk/login")
    for found in INSIDE:
        answer = ask(stranger, found, address(found, ids, desk))
        if found.method == "GET":
            assert (answer.status_code, answer.location.startswith("/desk/login")) == (303, True), found.rule
        else:
            assert answer.status_code == 401, found.rule


def test_who_still_owes_the_code_gets_nothing(desk: Desk, with_codes: str) -> None:
    ids = seed(desk.engine, desk.folder)
    half = Browser(desk.app)
    half.sign_in("agent")
    for found in INSIDE:
        answer = ask(half, found, address(found, ids, desk))
        assert (answer.status_code, answer.location.startswith("/desk/login/code")) == (303, True), found.rule


def test_public_pages_are_few() -> None:
    assert {found.name for found in PAGES if found.needs == PUBLIC} == {
        "asset", "login", "sign_in", "sign_on", "signed_on", "welcome", "accept_welcome"
    }  # fmt: skip


def test_the_documented_matrix_is_the_one_in_force() -> None:
    written = {}
    for line in DOCS.read_text().splitlines():
        if found := re.match(r"\| `([a-z.]+)` \|(.+)\|$", line):
            cells = [cell.strip() for cell in found[2].split("|")]
            written[found[1]] = frozenset(role for role, cell in zip(ROLES, cells, strict=True) if cell == "yes")
    assert written == MATRIX


def test_an_unknown_permission_is_an_error() -> None:
    with pytest.raises(KeyError):
        allows("admin", "everything")
