"""Customers, contacts, timeline, messages, cases, notes, files and webhooks over REST."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.engine import Engine

from callcenter import contacts, events, files, one_time_codes, opt_outs, recognition, undeliverable
from callcenter.api import SCOPES, create_key
from tests.api.conftest import NOW, Api

PHONE = "+12025550143"


def call(engine: Engine, address: str = PHONE) -> str:
    with engine.begin() as conn:
        contact = contacts.start(conn, channel="sip", caller=address, called="100", at=NOW)
        recognition.recognise(conn, contact, channel="sip", address=address, at=NOW)
        events.record(conn, contact, None, "chose", {"key": "1"}, NOW)
    return contact


def done(response: Any, status: int = 200) -> Any:
    assert response.status_code == status, response.get_data(as_text=True)
    return response.get_json() if response.data else None


@pytest.fixture
def ana(api: Api) -> str:
    sent = {"given_name": "Ana", "family_name": "Ruiz", "language": "es", "attributes": {"tier": "gold"},
            "identifiers": [{"kind": "phone", "value": "+1 202 555 0143", "proof": "agent"}]}  # fmt: skip
    made = done(api("POST", "/customers", sent), 201)
    assert (made["name"], made["attributes"], made["provisional"]) == ("Ana Ruiz", {"tier": "gold"}, False)
    assert made["identifiers"][0]["value"] == PHONE
    return str(made["id"])


def test_customers_and_identifiers(api: Api, ana: str) -> None:
    changed = done(api("PATCH", f"/customers/{ana}", {"name": " Ana R. ", "attributes": {"tier": None}}))
    assert (changed["name"], changed["language"], changed["attributes"]) == ("Ana R.", "es", {})
    added = done(api("POST", f"/customers/{ana}/identifiers", {"kind": "email", "value": "Ana@Example.com"}), 201)
    assert added["value"] == "ana@example.com"
    found = done(api("GET", "/identifiers", query_string={"kind": "email", "value": "ana@example.com"}))
    assert [item["customer_id"] for item in found["items"]] == [ana]
    done(api("DELETE", f"/customers/{ana}/identifiers/{added['id']}"), 204)
    assert api("DELETE", f"/customers/{ana}/identifiers/{added['id']}").status_code == 404
    assert len(done(api("GET", f"/customers/{ana}"))["identifiers"]) == 1


def test_another_customers_identifier_is_not_removed(api: Api, ana: str) -> None:
    ben = done(api("POST", "/customers", {"identifiers": [{"kind": "account", "value": "5"}]}), 201)
    identifier = ben["identifiers"][0]["id"]
    assert api("DELETE", f"/customers/{ana}/identifiers/{identifier}").status_code == 404


def test_addresses_at_which_there_is_nobody(api: Api, ana: str, engine: Engine) -> None:
    assert done(api("GET", f"/customers/{ana}/undeliverable"))["items"] == []
    with engine.begin() as conn:
        undeliverable.mark(conn, "sms", PHONE, code="30006", reason="a landline", at=NOW)
    [item] = done(api("GET", f"/customers/{ana}/undeliverable"))["items"]
    assert (item["channel"], item["address"], item["code"], item["reason"]) == ("sms", PHONE, "30006", "a landline")
    done(api("DELETE", f"/customers/{ana}/identifiers/{item['identifier_id']}/undeliverable"), 204)
    assert done(api("GET", f"/customers/{ana}/undeliverable"))["items"] == []
    assert api("DELETE", f"/customers/{ana}/identifiers/none/undeliverable").status_code == 404


def test_addresses_that_have_opted_out(api: Api, ana: str, engine: Engine) -> None:
    assert done(api("GET", f"/customers/{ana}/opt-outs"))["items"] == []
    with engine.begin() as conn:
        opt_outs.opt_out(conn, "sms", PHONE, source=opt_outs.CARRIER, at=NOW, contact_id=None, code="21610")
    [item] = done(api("GET", f"/customers/{ana}/opt-outs"))["items"]
    assert (item["channel"], item["address"], item["source"]) == ("sms", PHONE, "carrier")
    [given] = done(api("GET", f"/customers/{ana}/consents"))["items"]
    assert (given["channel"], given["consent"], given["source"]) == ("sms", "withdrawn", "carrier")
    done(api("DELETE", f"/customers/{ana}/identifiers/{item['identifier_id']}/opt-outs"), 204)
    assert done(api("GET", f"/customers/{ana}/opt-outs"))["items"] == []
    [given] = done(api("GET", f"/customers/{ana}/consents"))["items"]
    assert given["consent"] == "granted"
    assert given["source"].startswith("api:")
    assert api("DELETE", f"/customers/{ana}/identifiers/none/opt-outs").status_code == 404


def test_merging_and_undoing(api: Api, ana: str) -> None:
    ben = done(api("POST", "/customers", {"name": "Ben"}), 201)["id"]
    merge = done(api("POST", f"/customers/{ana}/merges", {"customer_id": ben}), 201)
    assert merge["by"].startswith("api:")
    assert done(api("GET", f"/customers/{ben}"))["id"] == ana
    assert api("POST", f"/customers/{ana}/merges", {"customer_id": ben}).status_code == 409
    assert done(api("POST", f"/merges/{merge['id']}/undo"))["undone_by"] == merge["by"]
    assert api("POST", f"/merges/{merge['id']}/undo").status_code == 409
    assert api("POST", "/merges/none/undo").status_code == 404
    assert done(api("GET", f"/customers/{ben}"))["id"] == ben
    assert len(done(api("GET", f"/customers/{ana}/merges"))["items"]) == 1


def test_contacts_and_timeline(api: Api, ana: str, engine: Engine, tmp_path: Path) -> None:
    contact = call(engine)
    path = tmp_path / "f"
    path.write_bytes(b"12345")
    with engine.begin() as conn:
        files.keep(conn, path=path, name="a.txt", media_type="text/plain", contact_id=contact, at=NOW + timedelta(1))
    done(api("POST", f"/customers/{ana}/notes", {"text": "hello"}), 201)
    timeline = done(api("GET", f"/customers/{ana}/timeline?limit=1"))
    assert [item["kind"] for item in timeline["items"]] == ["note"]
    older = done(api("GET", f"/customers/{ana}/timeline?cursor={timeline['next']}"))
    assert [(item["id"], item["unresolved"]) for item in older["items"]] == [(contact, True)]
    assert [detail["name"] for detail in older["items"][0]["details"]] == ["identified", "chose", "text/plain"]
    assert older["next"] is None
    assert done(api("GET", f"/contacts/{contact}"))["customer_id"] == ana
    assert [item["kind"] for item in done(api("GET", f"/contacts/{contact}/events"))["items"]] == [
        "identified",
        "chose",
    ]
    (file,) = done(api("GET", f"/customers/{ana}/files"))["items"]
    assert (file["name"], file["size"]) == ("a.txt", 5)
    assert "path" not in file


def test_settling_whom_a_contact_is_with(api: Api, ana: str, engine: Engine) -> None:
    contact = call(engine, "+12025550199")
    assert done(api("GET", f"/contacts/{contact}"))["customer_id"] != ana
    settled = done(api("PUT", f"/contacts/{contact}/customer", {"customer_id": ana}))
    assert settled["customer_id"] == ana
    assert api("PUT", f"/contacts/{contact}/customer", {"customer_id": "none"}).status_code == 422
    assert api("PUT", "/contacts/none/customer", {"customer_id": ana}).status_code == 404
    assert [item["id"] for item in done(api("GET", "/contacts"))["items"]] == [contact]


def test_messages_go_to_the_outbox_unless_they_are_not_wanted(api: Api, ana: str, engine: Engine) -> None:
    contact = call(engine)
    sent = {"channel": "sms", "to": PHONE, "body": "Hello", "contact_id": contact}
    message = done(api("POST", "/messages", sent), 202)
    assert (message["status"], message["to"]) == ("queued", PHONE)
    assert done(api("GET", f"/messages/{message['id']}")) == message
    assert done(api("GET", f"/contacts/{contact}/messages"))["items"] == [message]
    assert api("POST", "/messages", {**sent, "needs_consent": True}).status_code == 409
    done(api("PUT", f"/customers/{ana}/consents/sms", {"consent": "granted"}))
    done(api("POST", "/messages", {**sent, "needs_consent": True}), 202)
    done(api("PUT", f"/customers/{ana}/consents/sms", {"do_not_contact": True, "source": "letter"}))
    assert api("POST", "/messages", sent).status_code == 409
    (decided,) = done(api("GET", f"/customers/{ana}/consents"))["items"]
    assert (decided["consent"], decided["do_not_contact"], decided["source"]) == ("granted", True, "letter")
    assert api("PUT", f"/customers/{ana}/consents/telex", {}).status_code == 404
    assert api("PUT", f"/customers/{ana}/consents/sms", {"source": "x"}).status_code == 422, "nothing was decided"
    assert api("POST", "/messages", {**sent, "contact_id": "none"}).status_code == 422


def test_a_code_is_not_shown(api: Api, engine: Engine) -> None:
    contact = call(engine)
    with engine.begin() as conn:
        one_time_codes.issue(conn, "phone", PHONE, body="{code}", at=NOW, contact_id=contact)
    (message,) = done(api("GET", f"/contacts/{contact}/messages"))["items"]
    assert message["body"] == one_time_codes.HIDDEN
    assert done(api("GET", f"/messages/{message['id']}"))["body"] == one_time_codes.HIDDEN


def test_cases(api: Api, ana: str, engine: Engine) -> None:
    contact = call(engine)
    case = done(api("POST", "/cases", {"customer_id": ana, "subject": "A wrong bill"}), 201)
    assert done(api("POST", f"/cases/{case['id']}/contacts", {"contact_id": contact}))["contacts"] == [contact]
    resolved = done(api("PATCH", f"/cases/{case['id']}", {"status": "resolved", "reason": "refunded"}))
    assert [(change["status"], change["reason"]) for change in resolved["history"]] == [
        ("open", ""), ("resolved", "refunded"),
    ]  # fmt: skip
    assert api("PATCH", f"/cases/{case['id']}", {"status": "open"}).status_code == 409
    assert done(api("GET", f"/cases?status=open&customer_id={ana}"))["items"] == []
    assert [item["id"] for item in done(api("GET", "/cases"))["items"]] == [case["id"]]
    assert api("GET", "/cases/none").status_code == 404
    assert api("POST", "/cases", {"customer_id": "none", "subject": "x"}).status_code == 422


def test_notes(api: Api, ana: str) -> None:
    note = done(api("POST", f"/customers/{ana}/notes", {"text": "hello"}), 201)
    assert note["author"] == "tests"
    assert done(api("GET", f"/customers/{ana}/notes"))["items"] == [note]
    for missing in ({"contact_id": "none"}, {"case_id": "none"}):
        assert api("POST", f"/customers/{ana}/notes", {"text": "x", **missing}).status_code == 422


def test_webhooks(api: Api, ana: str) -> None:
    made = done(api("POST", "/webhooks", {"url": "https://example.com/hook", "events": ["note.added"]}), 201)
    assert made["secret"].startswith("whsec_")
    done(api("POST", f"/customers/{ana}/notes", {"text": "hello"}), 201)
    (delivery,) = done(api("GET", f"/webhooks/{made['id']}/deliveries"))["items"]
    assert (delivery["type"], delivery["status"]) == ("note.added", "queued")
    assert api("POST", f"/deliveries/{delivery['id']}/replay").status_code == 404  # it hasn't left yet
    done(api("DELETE", f"/webhooks/{made['id']}"), 204)
    (listed,) = done(api("GET", "/webhooks"))["items"]
    assert (listed["active"], "secret" in listed) == (False, False)
    assert done(api("GET", f"/webhooks/{made['id']}/deliveries"))["items"][0]["status"] == "parked"
    assert api("GET", "/webhooks/none/deliveries").status_code == 404


def test_the_same_key_at_once_does_a_thing_once(engine: Engine, make_app: Callable[..., Flask]) -> None:
    with engine.begin() as conn:
        key = create_key(conn, "x", SCOPES, at=NOW)
    app = make_app(engine)
    together = threading.Barrier(5)

    def send(_: int) -> tuple[int, str]:
        api = Api(app.test_client(), key)
        together.wait(timeout=30)
        response = api("POST", "/customers", {"name": "Ana"}, headers={"Idempotency-Key": "same"})
        return response.status_code, response.get_json()["id"]

    with ThreadPoolExecutor(5) as pool:
        answers = set(pool.map(send, range(5)))
    assert len(answers) == 1
    assert answers.pop()[0] == 201
