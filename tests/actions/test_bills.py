"""Bills from the database and its import, and from a billing system behind HTTP that misbehaves."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from callcenter.db import reading
from callcenter.tables import accounts, bills
from ivr.actions import perform
from ivr.actions.bills import BillError, open_bill_source
from ivr.actions.bills.http import HttpBills
from ivr.actions.bills.importing import BillFileError, Imported, import_bills
from ivr.actions.payments.reconcile import Settled, reconcile
from ivr.settings import Settings
from tests.actions.support import NOW, PAY, charged, context, demo
from tests.servers import Handler, serving

TODAY = date(2026, 11, 22)
HEADER = "account,name,currency,bill,amount,due_on\n"


def test_the_demo_company(engine: Engine) -> None:
    demo(engine)
    due = perform("find_bill", context(engine), {"account": "10203040"})
    assert due.exit == "found"
    assert [due.data[name] for name in ("balance", "due_on", "overdue")] == [8450, "2026-12-04", False]
    assert perform("find_bill", context(engine), {"account": "10203041"}).data["overdue"]
    paid = perform("find_bill", context(engine), {"account": "10203042"}).data
    assert (paid["balance"], paid["due_on"], paid["overdue"]) == (0, None, False)
    two = perform("find_bill", context(engine), {"account": "10203044"}).data
    assert (two["bill"], two["open_bills"]) == ("RB-1005", 2)
    assert not perform("find_bill", context(engine), {"account": "10203045"}).data["overdue"]  # due today
    assert perform("find_bill", context(engine), {"account": "99999999"}).exit == "not_found"


def test_importing_again_replaces_what_it_names(engine: Engine, tmp_path: Path) -> None:
    demo(engine)
    file = tmp_path / "new.csv"
    file.write_text(HEADER + "10203040,Dana Rivers,USD,RB-1001,90.10,2026-12-24\n")
    assert import_bills(engine, file, TODAY) == Imported(1, 1)
    now = perform("find_bill", context(engine), {"account": "10203040"}).data
    assert (now["name"], now["balance"], now["due_on"]) == ("Dana Rivers", 9010, "2026-12-24")
    with reading(engine) as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(bills)).scalar_one() == 7


def test_json_and_other_currencies(sqlite_engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "bills.json"
    records = [
        {"account": "1", "name": "Yen", "currency": "JPY", "bill": "j", "amount": 1200, "due_on": "+1d"},
        {"account": "2", "name": "Dinar", "currency": "kwd", "bill": "k", "amount": "1.234", "due_on": "+1d"},
        {"account": "3", "name": "Nothing yet", "currency": "EUR", "bill": None, "amount": None, "due_on": None},
    ]
    file.write_text(json.dumps(records))
    assert import_bills(sqlite_engine, file, TODAY) == Imported(3, 2)
    balances = [perform("find_bill", context(sqlite_engine), {"account": n}).data["balance"] for n in "123"]
    assert balances == [1200, 1234, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("account,name\n", "bills.csv:1:1: missing: currency, bill, amount, due_on"),
        ("acount," + HEADER, "bills.csv:1:1: 'acount' is unknown or twice"),
        (HEADER + "1,A,USD,b,84,50,+1d\n", "bills.csv:2:1: 7 cells, but the header names 6"),
        (HEADER + "\n1,A,USD,b,1.234,+1d\n", "bills.csv:3:5: '1.234' is not an amount in USD"),
        (HEADER + "1,A,USD,b,-1,+1d\n", "bills.csv:2:5: '-1' is not an amount"),
        (HEADER + "1,A,USD,b,NaN,+1d\n", "bills.csv:2:5: 'NaN' is not an amount"),
        (HEADER + "1,A,USD,b,1e999999999,+1d\n", "bills.csv:2:5: '1e999999999' is not an amount"),
        (HEADER + "1,A,USD,b,1,31.12.2026\n", "bills.csv:2:6: '31.12.2026' is not a date"),
        (HEADER + "1,A,dollars,b,1,+1d\n", "bills.csv:2:3: 'dollars' is not an ISO 4217 currency"),
        (HEADER + "a b,A,USD,b,1,+1d\n", "bills.csv:2:1: an account is"),
        (HEADER + "1,A,USD,b,1,+1d\n2,B,USD,b,1,+1d\n", "bills.csv:3:4: the bill 'b' stands in the file twice"),
        (HEADER + "1,A,USD,b,1,+1d\n1,A,EUR,c,1,+1d\n", "bills.csv:3:3: the account has bills in USD already"),
        (HEADER + '1,"A,USD,b,1,+1d\n', "bills.csv:2:1: unexpected end of data"),
        (HEADER + "9,B,USD,RB-1001,1,+1d\n", "bills.csv:1:1: the bill 'RB-1001' belongs to the account 10203040"),
        ("", "bills.csv:1:1: missing"),
        (b"\xff\xfe\x00", "bills.csv:1:1: not UTF-8"),
    ],
)
def test_mistakes_are_named_and_change_nothing(
    sqlite_engine: Engine, tmp_path: Path, content: str | bytes, message: str
) -> None:
    demo(sqlite_engine)
    file = tmp_path / "bills.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BillFileError) as caught:
        import_bills(sqlite_engine, file, TODAY)
    assert message in str(caught.value).replace(f"{tmp_path}/", "")
    with reading(sqlite_engine) as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(accounts)).scalar_one() == 6


@pytest.mark.parametrize("content", ["{", "[1]", "{}", pytest.param("[" * 100_000, id="deep"), '[{"account": "1"}]'])
def test_broken_json_is_refused(sqlite_engine: Engine, tmp_path: Path, content: str) -> None:
    file = tmp_path / "bills.json"
    file.write_text(content)
    with pytest.raises(BillFileError):
        import_bills(sqlite_engine, file, TODAY)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200) | st.text('",\n+-d1.USDab', max_size=60))
def test_any_text_is_imported_or_refused(sqlite_engine: Engine, tmp_path: Path, text: str) -> None:
    file = tmp_path / "bills.csv"
    file.write_bytes((HEADER + text).encode("utf-8", "surrogatepass"))
    with contextlib.suppress(BillFileError):
        import_bills(sqlite_engine, file, TODAY)


# The billing system behind HTTP


class Billing:
    """A billing system with one account; `faults` are used one a request: 500, hang, drip, drop, or a body."""

    def __init__(self) -> None:
        self.balance = 8450
        self.posted: dict[str, int] = {}
        self.faults: list[Any] = []
        self.seen: list[tuple[str, str, Any]] = []
        self.release = threading.Event()

    def __call__(self, handler: Handler) -> None:
        self.seen.append((handler.command, handler.path, handler.headers.get("Idempotency-Key")))
        fault = self.faults.pop(0) if self.faults else None
        if handler.headers.get("Authorization") != "Bearer s3cret":
            handler.reply(401, b"{}")
        elif fault == "hang":
            self.release.wait()
        elif fault == "drip":
            handler.send_response(200)
            handler.end_headers()
            while not self.release.wait(0.05):
                handler.wfile.write(b" ")
        elif fault == "drop":
            handler.close_connection = True
        elif isinstance(fault, int):
            handler.reply(fault, b"{}")
        elif isinstance(fault, bytes):
            handler.reply(200, fault)
        elif handler.path == "/v2/accounts/10203040" and handler.command == "GET":
            answer = {"bill": "b1" if self.balance else "", "name": "Dana", "balance": self.balance,
                      "currency": "USD", "due_on": "2026-12-04", "new": 1}  # fmt: skip
            handler.reply(200, json.dumps(answer).encode())
        elif handler.path == "/v2/accounts/10203040/payments" and handler.command == "POST":
            body = json.loads(handler.body)
            if handler.headers["Idempotency-Key"] not in self.posted:
                self.posted[handler.headers["Idempotency-Key"]] = body["amount"]
                self.balance -= body["amount"]
            handler.reply(201, json.dumps({"balance": self.balance}).encode())
        else:
            handler.reply(404, b"{}")


@pytest.fixture
def billing(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Billing, HttpBills, Settings]]:
    monkeypatch.setattr("ivr.actions._rest.BACK_OFF", 0.001)
    system = Billing()
    with serving(system) as base:
        settings_ = Settings.defaults(billing_url=f"{base}/v2/", billing_token="s3cret")
        yield system, HttpBills(f"{base}/v2", "s3cret"), settings_
        system.release.set()


def soon(seconds: float = 10.0) -> float:
    return time.monotonic() + seconds


def test_a_bill_over_http(billing: Any) -> None:
    _, source, _ = billing
    bill = source.find("10203040", deadline=soon())
    assert (bill.balance, bill.due_on, bill.open_bills) == (8450, date(2026, 12, 4), 1)
    assert source.find("1", deadline=soon()) is None
    assert source.find("../admin?x=", deadline=soon()) is None
    assert "s3cret" not in repr(source)


@pytest.mark.parametrize("faults", [[500], [503, 500], ["drop"], ["drop", 429]])
def test_what_passes_is_tried_again(billing: Any, faults: list[Any]) -> None:
    system, source, _ = billing
    system.faults = list(faults)
    assert source.find("10203040", deadline=soon()).balance == 8450
    assert len(system.seen) == len(faults) + 1


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ([500] * 3, "answered 500"),
        ([400], "answered 400"),
        ([302], "answered 302"),
        (["drop"] * 3, "broke"),
        ([b"<html>"], "not JSON"),
        pytest.param([b"[" * 100_000], "not JSON", id="deep"),
        ([b"[]"], "wrong in: the whole"),
        ([b'{"balance": "12.50", "currency": "USD"}'], "wrong in: balance"),
        ([b'{"balance": -5, "currency": "USD"}'], "wrong in: balance"),
        ([b'{"balance": 5, "currency": "XX", "due_on": "soon"}'], "wrong in: currency, due_on"),
        ([b'{"balance": 5, "currency": "USD"}'], "a balance without a bill"),
        pytest.param([b" " * 1_100_000], "more than 1,000,000 bytes", id="big"),
    ],
)
def test_answers_that_make_no_sense(billing: Any, faults: list[Any], message: str) -> None:
    system, source, _ = billing
    system.faults = list(faults)
    with pytest.raises(BillError, match=message):
        source.find("10203040", deadline=soon())


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_the_time_budget_holds(billing: Any, fault: str) -> None:
    """Without it the request would last until the test's own timeout."""
    system, source, _ = billing
    system.faults = [fault]
    with pytest.raises(BillError, match="in time"):
        source.find("10203040", deadline=soon(0.5))


def test_a_server_that_is_not_there() -> None:
    with serving(lambda handler: None) as base:
        pass
    with pytest.raises(BillError, match="reached"):
        HttpBills(base, "").find("1", deadline=soon(1))


def test_a_bill_paid_over_http(sqlite_engine: Engine, billing: Any) -> None:
    system, _, settings_ = billing
    result = perform("pay_bill", context(sqlite_engine, settings=settings_), PAY)
    assert (result.exit, result.data["new_balance"]) == ("approved", 0)
    assert system.posted == {"call-1:1": 8450}
    again = perform("pay_bill", context(sqlite_engine, "call-2:1", settings=settings_), PAY)
    assert again.exit == "already_paid"


@pytest.mark.parametrize("faults", [[None, 500, 500, 500], [None, "drop", "drop", "drop"]])
def test_an_approved_payment_is_posted_later(sqlite_engine: Engine, billing: Any, faults: list[Any]) -> None:
    """The caller has paid, whatever the billing system says; nobody is charged again meanwhile."""
    system, _, settings_ = billing
    system.faults = faults
    first = perform("pay_bill", context(sqlite_engine, settings=settings_), PAY)
    assert (first.exit, first.data["new_balance"]) == ("approved", 0)
    assert system.posted == {}
    assert perform("pay_bill", context(sqlite_engine, "call-2:1", settings=settings_), PAY).exit == "pending"
    later = NOW + timedelta(minutes=5)
    assert reconcile(sqlite_engine, settings_, later) == [Settled("call-1:1", "approved", True)]
    assert reconcile(sqlite_engine, settings_, later) == []
    assert system.posted == {"call-1:1": 8450}
    assert charged(sqlite_engine) == [8450]


def test_a_billing_system_that_fails_is_the_exit_failed(sqlite_engine: Engine, billing: Any) -> None:
    system, _, settings_ = billing
    system.faults = [500] * 3
    result = perform("find_bill", context(sqlite_engine, settings=settings_), {"account": "10203040"})
    assert result.exit == "failed"


def test_the_source_is_chosen_by_settings(sqlite_engine: Engine) -> None:
    with pytest.raises(ValueError, match="there are database, http"):
        open_bill_source(sqlite_engine, Settings.defaults(bill_source="sap"))
    with pytest.raises(ValueError, match="BILLING_URL"):
        open_bill_source(sqlite_engine, Settings.defaults(bill_source="http"))


# The http action


def http(engine: Engine, answer: Callable[[Handler], None], **arguments: Any) -> Any:
    with serving(answer) as base:
        return perform("http", context(engine), {"url": f"{base}/x"} | arguments)


def test_a_value_is_taken_of_an_answer(sqlite_engine: Engine) -> None:
    seen = []

    def answer(handler: Handler) -> None:
        seen.append((handler.path, handler.headers["X-Key"]))
        handler.reply(200, b'{"orders": [{"state": "sent"}]}')

    result = http(sqlite_engine, answer, params={"q": "a&b=/.."}, headers={"X-Key": "k"}, path="orders.0.state")
    assert (result.exit, result.data) == ("ok", {"status": 200, "value": "sent"})
    assert seen == [("/x?q=a%26b%3D%2F..", "k")]


def test_a_post_is_repeated_with_its_key(sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.actions._rest.BACK_OFF", 0.001)
    seen: list[Any] = []

    def answer(handler: Handler) -> None:
        seen.append((handler.headers["Idempotency-Key"], json.loads(handler.body)))
        handler.reply(500 if len(seen) == 1 else 204, b"")

    result = http(sqlite_engine, answer, method="POST", json={"n": 1})
    assert (result.exit, result.data["value"]) == ("ok", None)
    assert seen == [("call-1:1", {"n": 1})] * 2


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [(404, b"{}", "not_found"), (403, b"{}", "failed"), (200, b"{}", "failed"), (200, b'{"a": [1]}', "failed")],
)
def test_other_answers(sqlite_engine: Engine, status: int, body: bytes, expected: str) -> None:
    assert http(sqlite_engine, lambda handler: handler.reply(status, body), path="a.1").exit == expected


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/", "http://", "http://[", "http://exa mple/"])
def test_addresses_that_are_none(sqlite_engine: Engine, url: str) -> None:
    assert perform("http", context(sqlite_engine), {"url": url, "seconds": 1}).exit == "failed"
