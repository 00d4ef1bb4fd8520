"""What an agent writes arrives once, however often the page had to send it."""

from __future__ import annotations

import sqlalchemy as sa
from werkzeug.test import TestResponse

from callcenter.db import reading
from callcenter.tables import messages
from tests.desk.seed import seed
from tests.desk.support import Browser, Desk

JSON = {"Accept": "application/json"}


def written(desk: Desk) -> list[str]:
    with reading(desk.engine) as conn:
        query = sa.select(messages.c.body).where(messages.c.body.startswith("Sent"))
        return list(conn.execute(query.order_by(messages.c.id)).scalars())


def reply(browser: Browser, contact: str, text: str, key: str, **options: object) -> TestResponse:
    return browser.post(f"/desk/contacts/{contact}/reply", {"text": text, "key": key}, **options)


def test_again_under_the_same_key_is_the_same_message(desk: Desk) -> None:
    contact = seed(desk.engine, desk.folder)["contact"]
    maria = desk.browser("agent")
    for _ in range(3):
        answer = reply(maria, contact, "Sent", "k1", headers=JSON)
        assert answer.get_json() == {"go": f"/desk/contacts/{contact}"}
    assert (written(desk), len(desk.messaging.delivered)) == (["Sent"], 1)
    assert reply(maria, contact, "Sent again", "k2").status_code == 303  # without scripts
    assert reply(maria, contact, "Sent again", "k2").location == f"/desk/contacts/{contact}"
    assert written(desk) == ["Sent", "Sent again"]


def test_a_key_is_its_user_s_own(desk: Desk) -> None:
    contact = seed(desk.engine, desk.folder)["contact"]
    assert reply(desk.browser("agent"), contact, "Sent", "k1").status_code == 303
    refused = reply(desk.browser("supervisor"), contact, "Sent", "k1", headers=JSON)
    assert refused.status_code == 422  # the thread is another agent's; nobody is told that the key is known
    assert "error" in refused.get_json()
    assert written(desk) == ["Sent"]


def test_each_page_has_a_key_of_its_own(desk: Desk) -> None:
    contact = seed(desk.engine, desk.folder)["contact"]
    maria = desk.browser("agent")
    pages = [maria.get(f"/desk/contacts/{contact}").text.partition('name="key" value="')[2][:20] for _ in range(2)]
    assert pages[0] != pages[1]
    assert '"' not in pages[0][:16]
