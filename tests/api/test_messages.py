"""Messages both ways and files, over the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter import files, outbox
from callcenter.messages.inbound import Inbound, InboundFile, receive
from callcenter.tables import messages
from tests.api.conftest import NOW, Api


def filled(engine: Engine, folder: Path) -> tuple[str, str, str]:
    """A contact with a message in, its file, and a message out."""
    with engine.begin() as conn:
        file = InboundFile('me"ter\r\n<b>.html.txt', "text/plain", b"<script>alert(1)</script>")
        came = Inbound(channel="sms", sender="+12025550143", to="+1", text="hi", provider_id="1", files=(file,))
        got = receive(conn, came, NOW, files_dir=folder)
        sent = outbox.queue(conn, channel="sms", to="+12025550143", body="hello", at=NOW, contact_id=got.contact_id)
        (row,) = files.of_contact(conn, got.contact_id)
    return got.contact_id, sent, str(row.id)


def test_messages_both_ways(engine: Engine, api: Api, tmp_path: Path) -> None:
    contact, sent, _ = filled(engine, tmp_path)
    items = api("GET", f"/contacts/{contact}/messages").json["items"]
    assert [(one["direction"], one["author"], one["status"], one["segments"]) for one in items] == [
        ("in", "customer", "received", 0), ("out", "flow", "queued", 1)]  # fmt: skip
    page = api("GET", "/messages?limit=1").json
    assert page["items"][0]["id"] == sent
    rest = api("GET", f"/messages?limit=1&cursor={page['next']}").json
    assert (rest["items"][0]["direction"], rest["next"]) == ("in", None)
    assert [one["id"] for one in api("GET", "/messages?status=queued").json["items"]] == [sent]
    assert api("GET", "/messages?status=unknown").json["items"] == []
    assert len(api("GET", "/messages?direction=in").json["items"]) == 1
    assert api("GET", "/messages?status=eaten").status_code == 422
    timeline: Any = api("GET", "/contacts").json
    assert timeline["items"][0]["id"] == contact


def test_a_person_decides_on_what_may_have_been_sent(engine: Engine, api: Api, tmp_path: Path) -> None:
    _, sent, _ = filled(engine, tmp_path)
    assert api("POST", f"/messages/{sent}/requeue", {}).status_code == 409
    with engine.begin() as conn:
        conn.execute(sa.update(messages).where(messages.c.id == sent).values(status="unknown"))
    refused = api("POST", f"/messages/{sent}/requeue", {})
    assert (refused.status_code, "again" in refused.json["detail"]) == (409, True)
    again = api("POST", f"/messages/{sent}/requeue", {"again": True})
    assert (again.status_code, again.json["status"]) == (202, "queued")
    assert api("POST", "/messages/none/requeue", {}).status_code == 404


def test_files_are_saved_never_shown(engine: Engine, api: Api, tmp_path: Path) -> None:
    _, _, file = filled(engine, tmp_path)
    known = api("GET", f"/files/{file}").json
    assert (known["size"], known["media_type"]) == (25, "text/plain")
    got = api("GET", f"/files/{file}/content")
    assert got.data == b"<script>alert(1)</script>"
    assert got.headers["Content-Disposition"].startswith("attachment;")
    assert "\n" not in got.headers["Content-Disposition"]
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in got.headers["Content-Security-Policy"]
    assert api("GET", "/files/none/content").status_code == 404
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.suffix == "":
            path.unlink()
    assert api("GET", f"/files/{file}/content").status_code == 410
