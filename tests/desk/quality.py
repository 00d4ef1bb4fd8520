"""Evaluating by the desk's forms: what the tests of quality share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from callcenter.desk import users
from callcenter.desk.users import User
from tests.desk.support import HASHED, NOW, Browser, Desk
from tests.quality.support import ANSWERS, FILE, talked

FIELDS = {f"q_{name}": answer for name, answer in ANSWERS.items()}


@pytest.fixture(autouse=True)
def forms(desk: Desk) -> None:
    """Published, in every test of a file that imports it."""
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
