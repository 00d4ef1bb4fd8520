"""A link to the chat from a real SIP call: keyed on the telephone, texted, opened in a browser, gone on with there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from callcenter import customers, identifiers, timeline
from callcenter.db import reading
from callcenter.tables import contacts, messages, sessions
from ivr.actions import specs
from ivr.flow.load import load
from ivr.rehearsal.reading import read_scripts
from ivr.web import create_app
from tests.chat.conftest import SHOP, kinds, rows
from tests.chat.test_links import chats, open_link, said
from tests.servers import Handler, serving
from tests.twilio.support import ACCOUNT_SID, BASE_URL, TOKEN
from tests.twilio.test_scripted_calls import Pinned
from tests.valkey import redis_url, valkey
from tests.voice.line import FLOWS, PROMPTS, Line
from tests.waiting import until

__all__ = ["redis_url", "valkey"]

pytestmark = [pytest.mark.sip, pytest.mark.timeout(300)]

DANA = "+12025550143"


@pytest.fixture
def texts() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Where Twilio takes texts, and those that it took."""
    taken: list[dict[str, str]] = []

    def take(handler: Handler) -> None:
        taken.append({name: values[0] for name, values in parse_qs(handler.body.decode()).items()})
        handler.reply(201, json.dumps({"sid": f"SM{len(taken):032x}"}).encode())

    with serving(take) as base:
        yield base, taken


def test_a_call_goes_on_in_the_chat(
    tmp_path: Path, audio: Path, redis_url: str, texts: tuple[str, list[dict[str, str]]]
) -> None:
    base, taken = texts
    now = datetime.now(UTC)
    day = now.date() + timedelta(days=30)
    [script] = [
        one for one in read_scripts(FLOWS / "calls", load(FLOWS, PROMPTS, specs()))[0] if one.name == "link_to_the_chat"
    ]
    with Line(
        tmp_path, audio, redis_url=redis_url, public_base_url=BASE_URL, chat_origins=SHOP,
        twilio_account_sid=ACCOUNT_SID, twilio_auth_token=TOKEN, twilio_from="+12025550100", twilio_api_base=base,
    ) as line:  # fmt: skip
        line.runner.published = Pinned(script.flows)  # type: ignore[assignment]
        with line.engine.begin() as conn:
            dana = customers.create(conn, at=now, name="Dana Reyes")
            identifiers.add(conn, dana, "phone", DANA, at=now)
        phone = line.call(DANA)
        assert phone.listen(lambda heard: heard.id == "move.ask_day")
        phone.press(f"{day:%m%d%Y}")
        assert phone.listen(lambda heard: heard.id == "move.link_sent")
        until(lambda: phone.ended)
        facts = phone.facts()
        assert (facts.outcome, facts.slots["moving_on"]) == ("chat_link_sent", day.isoformat())
        assert phone.lost == 0
        [sent] = taken
        assert sent["To"] == DANA
        found = re.search(r"/chat/link#(\S+)$", sent["Body"])
        assert found, sent["Body"]
        with line.engine.connect() as conn:
            assert [row.status for row in conn.execute(messages.select())] == ["sent"]
        app = create_app(line.settings, line.runner)
        client = app.test_client()
        assert open_link(client, found[1])["link"] == "opened"
        [chat] = chats(line.engine)
        assert until(lambda: said(line.engine, chat.id)) == [
            "What is your new address? Please write it with the postcode."
        ]
        assert "asked_again" not in kinds(line.engine, chat.id)
        [session] = [row for row in rows(line.engine, sessions) if row.contact_id == chat.id]
        assert json.loads(session.data)["slots"]["moving_on"] == day.isoformat()
        with reading(line.engine) as conn:
            page = timeline.page(conn, dana)
        assert [entry.data["channel"] for entry in reversed(page.entries) if entry.kind == "contact"] == ["sip", "chat"]
        assert {row.customer_id for row in rows(line.engine, contacts)} == {dana}
