"""What the chat's pages fetch by HTTP, and who may."""

from __future__ import annotations

import io
import time
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import OctKey
from sqlalchemy.engine import Engine

from callcenter import customers, identifiers
from callcenter.files import Limits
from callcenter.tables import contacts, files
from callcenter.tables import identifiers as identifiers_table
from callcenter.tickets import Tickets
from ivr.assembly import make_tickets
from ivr.channels.chat import rates, routes, visitors
from ivr.settings import Settings
from tests.chat.conftest import ANA, SHOP, rows, stored
from tests.live.conftest import ORIGIN
from tests.twilio.support import NOON


@pytest.fixture
def tickets(settings: Settings) -> Tickets:
    return make_tickets(settings)


def ask(client: FlaskClient, origin: str | None = SHOP, **given: Any) -> Any:
    return client.post("/chat/ticket", json=given, headers={"Origin": origin} if origin else {})


def bearer(tickets: Tickets, visitor: str = ANA) -> dict[str, str]:
    return {"Origin": SHOP, "Authorization": f"Bearer {visitors.ticket(tickets, visitor, site=SHOP, network='n')}"}


def token(settings: Settings, **claims: Any) -> str:
    given = {"sub": "10203040", "exp": int(time.time()) + 600, **claims}
    return jwt.encode({"alg": "HS256"}, given, OctKey.import_key(settings.chat_token_key))


def test_a_ticket_is_for_the_visitor_whom_the_browser_remembers(client: FlaskClient, tickets: Tickets) -> None:
    first = ask(client).json
    again = ask(client, visitor=first["visitor"]).json
    one, other = (tickets.read(answer["ticket"], "chat", 60) for answer in (first, again))
    assert one.subject == other.subject
    assert one.data["site"] == SHOP
    assert first["url"] == "wss://voice.example.com/live/chat"
    assert first["company"] == "Riverbend Water and Power"
    assert tickets.read(ask(client, visitor="x" * 50).json["ticket"], "chat", 60).subject != one.subject


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://www.example.org", "null", "https://www.example.org."]
)
def test_another_sites_page_gets_none(client: FlaskClient, origin: str) -> None:
    answer = ask(client, origin)
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_site_of_ours_may_read_the_answer(client: FlaskClient) -> None:
    for origin in (SHOP, ORIGIN):
        answer = ask(client, origin)
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "Origin" in answer.headers["Vary"]
        assert answer.headers["Cache-Control"] == "no-store"
    before = client.options("/chat/ticket", headers={"Origin": SHOP, "Access-Control-Request-Method": "POST"})
    assert (before.status_code, before.headers["Access-Control-Allow-Origin"]) == (204, SHOP)
    assert (
        "Access-Control-Allow-Origin" not in client.options("/chat/ticket", headers={"Origin": "https://x.y"}).headers
    )


@pytest.mark.parametrize("body", ["", "[]", "{", '"x"', "null", "[" * 60_000])
def test_what_is_no_request(client: FlaskClient, body: str) -> None:
    answer = client.post("/chat/ticket", data=body, content_type="application/json", headers={"Origin": SHOP})
    assert answer.status_code == 400


@pytest.mark.parametrize("name", ["visitor", "link", "token"])
def test_half_a_surrogate_pair_is_no_ticket(client: FlaskClient, name: str) -> None:
    body = f'{{"{name}": "\\ud83d"}}'
    answer = client.post("/chat/ticket", data=body, content_type="application/json", headers={"Origin": SHOP})
    assert answer.status_code == (403 if name == "token" else 200)
    assert name == "token" or answer.get_json()["visitor"].isascii()


def test_tickets_are_limited_by_network(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = int(rates.PER_NETWORK["ticket"].partition("/")[0])
    codes = [ask(client).status_code for _ in range(limit + 1)]
    assert codes == [200] * limit + [429]


def test_the_companys_login_says_who_it_is(client: FlaskClient, settings: Settings, engine: Engine) -> None:
    with engine.begin() as conn:
        ana = customers.create(conn, at=NOON, name="Ana Reyes")
        identifiers.add(conn, ana, "account", "10203040", at=NOON)
    first = ask(client).json
    known = ask(client, visitor=first["visitor"], token=token(settings, email="ana@example.org", email_verified=True))
    assert known.status_code == 200
    found = {(row.kind, row.value, row.proof) for row in rows(engine, identifiers_table) if row.customer_id == ana}
    visitor = make_tickets(settings).read(first["ticket"], "chat", 60).subject
    assert found == {
        ("account", "10203040", "login"), ("email", "ana@example.org", "login"), ("chat_visitor", visitor, "login"),
    }  # fmt: skip


def test_another_customer_at_the_same_browser_is_another_visitor(client: FlaskClient, settings: Settings) -> None:
    ana = ask(client, token=token(settings, sub="A1")).json
    same = ask(client, visitor=ana["visitor"], token=token(settings, sub="A1")).json
    eve = ask(client, visitor=ana["visitor"], token=token(settings, sub="B2")).json
    subjects = [make_tickets(settings).read(one["ticket"], "chat", 60).subject for one in (ana, same, eve)]
    assert subjects[0] == subjects[1] != subjects[2]


def test_an_unverified_address_proves_nothing(client: FlaskClient, settings: Settings, engine: Engine) -> None:
    ask(client, token=token(settings, email="ana@example.org"))
    assert {row.kind for row in rows(engine, identifiers_table)} == {"account", "chat_visitor"}


def test_a_token_that_is_not_the_logins_is_refused(client: FlaskClient, settings: Settings, engine: Engine) -> None:
    other = jwt.encode({"alg": "HS256"}, {"sub": "1", "exp": time.time() + 60}, OctKey.import_key("x" * 40))
    for wrong in (other, "x", token(settings, exp=int(time.time()) - 60)):
        assert ask(client, token=wrong).status_code == 403
    assert rows(engine, identifiers_table) == []


def upload(
    client: FlaskClient, headers: dict[str, str], name: str, data: bytes, kind: str, id: str = "file-0001"
) -> Any:
    form = {"id": id, "file": (io.BytesIO(data), name, kind)}
    return client.post("/chat/files", data=form, headers=headers, content_type="multipart/form-data")


def test_a_file_is_a_message(client: FlaskClient, tickets: Tickets, engine: Engine) -> None:
    for _ in range(2):  # the second is the same
        answer = upload(client, bearer(tickets), "../../a\x00b.pdf", b"%PDF", "application/pdf")
        assert answer.status_code == 200
    (row,) = stored(engine)
    (file,) = rows(engine, files)
    assert (row.sender, answer.json["message"], file.message_id) == (ANA, row.id, row.id)
    assert "/" not in file.name
    link = f"/chat/files/{file.id}?ticket={visitors.file_ticket(tickets, ANA, file.id)}"
    with client.get(link) as down:
        assert down.data == b"%PDF"
        assert down.headers["Content-Type"] == "application/octet-stream"
        assert down.headers["Content-Disposition"].startswith("attachment")
        assert down.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in down.headers["Content-Security-Policy"]


def test_files_of_a_wrong_kind_or_size_are_refused(
    client: FlaskClient, tickets: Tickets, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert upload(client, bearer(tickets), "a.html", b"<script>", "text/html").status_code == 422
    assert upload(client, bearer(tickets), "a.pdf.exe", b"MZ", "application/pdf").status_code == 422
    assert upload(client, bearer(tickets), "a.pdf", b"", "application/pdf").json == {"error": "empty"}
    monkeypatch.setattr(routes, "LIMITS", Limits(size=1000))
    for size in (1001, 1000 + routes.FORM_OVERHEAD):
        too_large = upload(client, bearer(tickets), "a.pdf", bytes(size), "application/pdf")
        assert too_large.status_code == 413
        assert too_large.headers["Access-Control-Allow-Origin"] == SHOP, "or the page can't tell why"
    assert rows(engine, files) == rows(engine, contacts) == []


def test_who_may_send_a_file(client: FlaskClient, tickets: Tickets) -> None:
    good = bearer(tickets)
    for headers in (
        {**good, "Authorization": ""},
        {**good, "Authorization": "Bearer " + visitors.token(tickets, ANA)},
        {**good, "Origin": "https://evil.example"},
    ):
        assert upload(client, headers, "a.pdf", b"%PDF", "application/pdf").status_code == 403
    assert upload(client, good, "a.pdf", b"%PDF", "application/pdf", id="'").status_code == 400


def test_who_may_fetch_a_file(client: FlaskClient, tickets: Tickets, engine: Engine, settings: Settings) -> None:
    upload(client, bearer(tickets), "a.pdf", b"%PDF", "application/pdf")
    (file,) = rows(engine, files)
    right = visitors.file_ticket(tickets, ANA, file.id)
    for wrong in ("", "x", visitors.file_ticket(tickets, ANA, "0" * 32), visitors.token(tickets, ANA)):
        assert client.get(f"/chat/files/{file.id}?ticket={wrong}").status_code == 403
    with engine.begin() as conn:  # even if the database were made to say so
        conn.execute(sa.update(files).values(path="/etc/passwd"))
    assert client.get(f"/chat/files/{file.id}?ticket={right}").status_code == 404


@pytest.mark.parametrize(
    "name", ["..%2froutes.py", "../routes.py", "routes.py", "%2e%2e/x.js", "nothing.js", "etc/passwd"]
)
def test_only_the_modules_are_served(client: FlaskClient, name: str) -> None:
    assert client.get(f"/chat/{name}").status_code == 404


def test_the_modules_may_be_fetched_by_any_site(client: FlaskClient) -> None:
    plain = client.get("/chat/widget.js")
    packed = client.get("/chat/widget.js", headers={"Accept-Encoding": "gzip, br"})
    assert plain.headers["Content-Type"].startswith("text/javascript")
    assert plain.headers["Access-Control-Allow-Origin"] == "*"
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) < len(plain.data) / 2
    again = client.get("/chat/widget.js", headers={"If-None-Match": plain.headers["ETag"]})
    assert again.status_code == 304
