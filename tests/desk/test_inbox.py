"""What the inbox counts is what it lists; what a page says of customers is written as people read it."""

from __future__ import annotations

import re

import sqlalchemy as sa

from callcenter import contacts
from callcenter.desk import threads
from callcenter.desk.threads import Box
from callcenter.tables import contacts as table
from tests.desk.seed import seed
from tests.desk.support import NOW, Desk


def test_calls_that_wait_are_not_counted_among_threads(desk: Desk) -> None:
    seed(desk.engine, desk.folder)
    with desk.engine.begin() as conn:
        for served_by in ("queue", "agent:maria"):
            call = contacts.start(conn, channel="sip", caller="+15550101010", called="1", at=NOW)
            conn.execute(sa.update(table).where(table.c.id == call).values(served_by=served_by))
        counted = threads.counts(conn, mine="agent:maria", now=NOW)
        boxes: tuple[Box, ...] = ("mine", "queue")
        listed = {box: len(threads.threads(conn, box, mine="agent:maria", now=NOW)) for box in boxes}
    assert counted == listed == {"mine": 1, "queue": 1}


def test_a_merge_shows_details_as_the_customers_own_page_does(desk: Desk) -> None:
    ids = seed(desk.engine, desk.folder)
    answer = desk.browser("agent").get(f"/desk/customers/{ids['customer']}/merge?other={ids['other']}")
    shown = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", answer.text))
    assert (shown["Postcode"], shown["Limit"]) == ("12345", "250.00")
    assert "<dd>English</dd>" in answer.text
    assert "<dt>limit</dt>" not in answer.text
