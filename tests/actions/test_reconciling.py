"""Payments in doubt: lost answers, crashes and broken gateways, and how the reconciliation settles them."""

from __future__ import annotations

import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from callcenter import events
from callcenter.db import migrate, open_database, reading
from ivr.actions import perform
from ivr.actions.payments import sandbox
from ivr.actions.payments.reconcile import Settled, reconcile
from ivr.settings import Settings
from tests.actions.support import CARD, LATER, NOW, PAY, balance, charged, context, demo, statuses


@pytest.mark.usefixtures("no_sleep")
def test_a_lost_answer_is_pending_then_paid(shop: Engine) -> None:
    first = perform("pay_bill", context(shop), PAY | {"card": sandbox.LOST})
    assert first.exit == "pending"
    assert statuses(shop) == ["in_doubt"]
    assert perform("pay_bill", context(shop, "call-2:1"), PAY).exit == "pending"  # not charged a second time
    assert reconcile(shop, Settings.defaults(), NOW + timedelta(seconds=10)) == []  # somebody may still be at it
    assert reconcile(shop, Settings.defaults(), LATER) == [Settled("call-1:1", "approved", True)]
    assert reconcile(shop, Settings.defaults(), LATER) == []
    assert perform("pay_bill", context(shop), PAY).exit == "approved"
    assert perform("pay_bill", context(shop, "call-3:1"), PAY).exit == "already_paid"
    assert charged(shop) == [8450]
    assert balance(shop) == 0


@pytest.mark.usefixtures("no_sleep")
def test_a_slow_gateway_is_approved(lite_shop: Engine) -> None:
    assert perform("pay_bill", context(lite_shop), PAY | {"card": sandbox.SLOW}).exit == "approved"


@pytest.mark.usefixtures("no_sleep")
def test_reconciliations_at_once_settle_once(shop: Engine) -> None:
    perform("pay_bill", context(shop), PAY | {"card": sandbox.LOST, "amount": 5000})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: reconcile(shop, Settings.defaults(), LATER), range(4)))
    assert balance(shop) == 3450
    with reading(shop) as conn:
        kinds = [event.kind for event in events.of_contact(conn, "contact")]
    assert kinds == ["payment_started", "payment_in_doubt", "payment_approved"]


CRASHES = {
    "before the intent": ("open", False, [], "failed"),
    "after the intent": ("open", True, [], "failed"),
    "before the charge": ("charge", False, [], "failed"),
    "after the charge": ("charge", True, [8450], "approved"),
}


@pytest.mark.parametrize("place", CRASHES)
def test_a_process_killed_while_paying(database_url: str, shop: Engine, place: str) -> None:
    method, after, expected, status = CRASHES[place]
    code = f"""
import os
from callcenter.db import open_database
from ivr.actions import perform
from ivr.actions.payments.sandbox import SandboxGateway
from tests.actions.support import *
real = SandboxGateway.{method}
def killed(*args, **kwargs):
    if {after}: real(*args, **kwargs)
    os.kill(os.getpid(), 9)
SandboxGateway.{method} = killed
perform("pay_bill", context(open_database({database_url!r})), PAY)
"""
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == -9
    assert statuses(shop) == ["started"]
    # The caller rings again at once with a new attempt: it must not be charged on top of the one in doubt.
    assert perform("pay_bill", context(shop, "call-2:1"), PAY).exit == "pending"
    assert reconcile(shop, Settings.defaults(), LATER) == [Settled("call-1:1", status, status == "approved")]
    assert charged(shop) == expected
    assert balance(shop) == (0 if expected else 8450)
    last = perform("pay_bill", context(shop, "call-3:1"), PAY)
    assert last.exit == ("already_paid" if expected else "approved")
    assert charged(shop) == [8450]


@pytest.mark.usefixtures("no_sleep")
def test_a_stale_attempt_is_settled_when_it_is_repeated(lite_shop: Engine) -> None:
    perform("pay_bill", context(lite_shop), PAY | {"card": sandbox.LOST})
    assert perform("pay_bill", context(lite_shop, now=LATER), {}).exit == "approved"


def test_a_database_that_dies_after_the_charge_says_pending(lite_shop: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def dead(*args: Any, **kwargs: Any) -> None:
        raise sa.exc.OperationalError("update", {}, Exception("disk I/O error"))

    monkeypatch.setattr("ivr.actions.payments.attempts.conclude", dead)
    assert perform("pay_bill", context(lite_shop), PAY).exit == "pending"
    monkeypatch.undo()
    assert reconcile(lite_shop, Settings.defaults(), LATER) == [Settled("call-1:1", "approved", True)]


def test_a_gateway_that_breaks_is_in_doubt(
    lite_shop: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: Any, reference: str, card: Any, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(f"unexpected {card.number}")

    monkeypatch.setattr(sandbox.SandboxGateway, "charge", broken)
    with caplog.at_level(logging.DEBUG):
        assert perform("pay_bill", context(lite_shop), PAY).exit == "pending"
    assert "RuntimeError" in caplog.text
    assert CARD not in caplog.text


Step = st.tuples(
    st.integers(1, 3),  # the attempt
    st.sampled_from([CARD, sandbox.LOST, sandbox.DOWN, "4000000000000002"]),
    st.sampled_from([1000, 8450]),
    st.booleans(),  # reconcile afterwards
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(Step, max_size=8))
def test_any_history_balances(tmp_path_factory: pytest.TempPathFactory, steps: list[Any]) -> None:
    """Whatever is tried and repeated: what was charged is what the bill went down by, once all is settled."""
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('db')}/x.db")
    migrate(engine)
    demo(engine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sandbox.SandboxGateway.__init__, "__defaults__", (lambda seconds: None,))
        for number, card, amount, settle in steps:
            perform("pay_bill", context(engine, f"call-{number}:1"), PAY | {"card": card, "amount": amount})
            if settle:
                reconcile(engine, Settings.defaults(), LATER)
        reconcile(engine, Settings.defaults(), LATER)
    assert balance(engine) == 8450 - sum(charged(engine))
    assert not {"started", "in_doubt"} & set(statuses(engine))
    engine.dispose()
