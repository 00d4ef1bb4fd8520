"""The engine under any interleaving of what channels can do to it: a valid session, never silence, always an end."""

from __future__ import annotations

import datetime as dt
import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ivr.flow.effects import Collect, Effect, End, Record, RunAction, Say, Transfer
from ivr.flow.inputs import (
    ActionDone,
    Fault,
    HungUp,
    Input,
    Keys,
    Recorded,
    Started,
    TransferEnded,
    Words,
    from_json,
    to_json,
)  # fmt: skip
from ivr.flow.model import FlowSet
from ivr.flow.session import TEXT, VOICE, Session
from ivr.flow.step import WrongInput, step
from tests.flow import sample

NOW = dt.datetime(2026, 11, 23, 15, 0, tzinfo=dt.UTC)

EVERYTHING = """\
steps:
  hello: {say: main.welcome, next: money}
  money: {ask: main.menu, as: money, check: {if: answer < 100000, otherwise: main.bye}, confirm: true, next: date}
  date: {ask: main.menu, as: date, confirm: true, next: number}
  number: {ask: main.menu, as: number, next: phone}
  phone: {ask: main.menu, as: phone, confirm: true, next: text}
  text: {ask: main.menu, as: text, next: pin, exits: {unsupported: pin}}
  pin: {ask: main.menu, as: pin, next: expiry, exits: {unsupported: sum}}
  expiry: {ask: main.menu, as: expiry, next: code, exits: {unsupported: sum}}
  code: {ask: main.menu, as: security_code, next: sum, exits: {unsupported: sum}}
  sum: {set: {total: money * number / 3, half: total // 2}, next: sure}
  sure: {ask: main.menu, as: yes_no, exits: {"yes": spanish, "no": back}}
  spanish: {language: es, next: bill}
  bill: {call: bill, exits: {done: move, paid: text_me}}
  text_me:
    message: sms
    body: "{total|money} {money|money} {date|date} {phone|phone}"
    exits: {done: move, no_address: move}
  move: {transfer: phone, exits: {done: end, busy: person, no_answer: hello, failed: end, unsupported: end}}
"""


@cache
def flows() -> FlowSet:
    with TemporaryDirectory() as folder:
        return sample.flow_set(Path(folder), {"flows/main.yaml": EVERYTHING})[0]


def test_the_flow_is_well(tmp_path: Path) -> None:
    sample.usable(tmp_path, {"flows/main.yaml": EVERYTHING})


class Vault:
    """Seals by putting away; `lost` makes it forget all, as a process that died does."""

    def __init__(self) -> None:
        self.kept: list[str] = []

    def store(self, session: Session) -> Session:
        def seal(value: str) -> str:
            self.kept.append(value)
            return str(len(self.kept) - 1)

        def unseal(sealed: str) -> str | None:
            return self.kept[int(sealed)] if int(sealed) < len(self.kept) else None

        text = json.dumps(session.to_json(seal))
        again = Session.from_json(json.loads(text), unseal)
        assert again.stack == session.stack
        assert again.slots == session.slots
        assert again.trail == session.trail
        return again


words = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["yes", "no", "agent", "back", "repeat", "", "84,50", "$1.2.3", "2026-02-30", "1/2/2027"]),
    st.sampled_from(["\u0663\u0664" * 4, "9" * 5000]),
    st.text("0123456789\u0663\u096a.,/-", max_size=6000),
)  # fmt: skip
keys = st.one_of(
    st.text("0123456789*#", max_size=20),
    st.sampled_from(
        ["", "1", "2", "0", "*", "#", "84*50", "12312027", "4242424242424242", "1230", "5551234567", "٣٤٣٤"]
    ),
)
values = st.one_of(st.none(), st.integers(), st.text(max_size=10), st.floats(allow_nan=False), st.booleans())
inputs: st.SearchStrategy[Input] = st.one_of(
    st.just(Started()),
    st.just(HungUp()),
    st.builds(Keys, keys),
    st.builds(Keys, keys),
    st.builds(Words, words),
    st.builds(
        ActionDone,
        st.integers(0, 4),
        st.sampled_from(["found", "not_found", "approved", "declined", "failed", "odd"]),
        st.dictionaries(st.sampled_from(["balance", "due_on", "confirmation"]), values),
    ),
    st.builds(Recorded, st.sampled_from(["", "a.wav"]), st.floats(0, 200)),
    st.builds(TransferEnded, st.sampled_from(["answered", "busy", "no_answer", "failed"])),
    st.builds(Fault, st.text(max_size=10)),
)


def begun(capabilities: frozenset[str]) -> Session:
    return Session("s", "c", "voice", capabilities, flows().hash, "en", caller="+15550100123")


def due(session: Session, effects: list[Effect]) -> None:
    """A turn ends with the end, or with a wait for something that was asked of the world."""
    if session.ended:
        assert isinstance(effects[-1], End) or session.outcome == "hung_up"
        return
    assert session.waiting is not None
    wanted = {"Keys": Collect, "Words": Collect, "ActionDone": RunAction, "Recorded": Record, "TransferEnded": Transfer}
    for kind in session.waiting["for"]:
        late = kind == "ActionDone" and not any(isinstance(effect, RunAction) for effect in effects)
        assert late or any(isinstance(effect, wanted[kind]) for effect in effects)


@settings(max_examples=200)
@given(st.lists(inputs, max_size=40), st.sampled_from([VOICE, TEXT, VOICE | TEXT]), st.booleans())
def test_any_interleaving(given_inputs: list[Input], capabilities: frozenset[str], twice: bool) -> None:
    vault, session = Vault(), begun(capabilities)
    session, effects = step(flows(), session, Started(), NOW)
    due(session, list(effects))
    for one in given_inputs:
        before = session = vault.store(session)
        again = from_json(json.loads(json.dumps(to_json(one))))
        try:
            session, effects = step(flows(), session, again, NOW)
        except WrongInput:
            assert session is before
            continue
        due(session, list(effects))
        assert session.seq == before.seq + 1
        assert before.to_json(str) == before.to_json(str)
        if twice:
            # The same Input on the same session comes to the same: a process that died half-way repeats it.
            repeated, same = step(flows(), before, again, NOW)
            assert repeated == session
            assert same == effects
    if not session.ended:
        session, effects = step(flows(), vault.store(session), HungUp(), NOW)
    assert session.ended
    assert session.outcome
    with pytest.raises(WrongInput):
        step(flows(), session, HungUp(), NOW)


@settings(max_examples=60)
@given(st.lists(st.builds(Keys, keys), max_size=12), st.data())
def test_silence_always_ends_the_call(pressed: list[Keys], data: st.DataObject) -> None:
    """Whatever was keyed before: who then says nothing, and whose actions fail, is let go after a while."""
    session, _ = step(flows(), begun(VOICE), Started(), NOW)
    queue: list[Input] = list(pressed)
    for _ in range(300):
        if session.ended:
            break
        waiting: Any = session.waiting
        if "Keys" in waiting["for"]:
            one: Input = queue.pop(0) if queue else Keys("")
        elif "ActionDone" in waiting["for"]:
            one = ActionDone(waiting["state"]["call"], "failed")
        elif "Recorded" in waiting["for"]:
            one = Recorded("", 0)
        else:
            one = TransferEnded("failed")
        session, effects = step(flows(), session, one, NOW)
        assert any(isinstance(effect, Say | Collect | RunAction | Record | Transfer | End) for effect in effects)
    assert session.ended


def test_secrets_stay_out_of_everything() -> None:
    waiting = {"for": ["Keys"], "state": {}}
    pin = Session("s", "c", "voice", VOICE, flows().hash, "en", stack=(("main", "pin"),), waiting=waiting)
    after, effects = step(flows(), pin, Keys("73915"), NOW)
    assert after.stack == (("main", "expiry"),)
    assert "73915" not in repr(effects)
    assert "73915" not in repr(after)
    assert "73915" not in json.dumps(after.to_json(lambda value: "sealed"))


QUESTIONS = ("money", "date", "number", "phone", "text", "pin", "expiry", "code", "sure")


@settings(max_examples=300)
@given(st.sampled_from(QUESTIONS), st.lists(st.one_of(st.builds(Keys, keys), st.builds(Words, words)), max_size=3))
@example("expiry", [Keys("\u0661\u0662\u0663\u0660")])
@example("number", [Words("9" * 5000)])
@example("number", [Keys("9" * 5000)])
@example("phone", [Words("9" * 5000)])
@example("date", [Words("\u0661" * 8)])
def test_any_answer_to_any_question(question: str, given_inputs: list[Input]) -> None:
    waiting = {"for": ["Keys", "Words"], "state": {}}
    session = Session(
        "s", "c", "voice", VOICE | TEXT, flows().hash, "en", stack=(("main", question),), waiting=waiting,
        slots={"money": 10**14, "number": 7},
    )  # fmt: skip
    for one in given_inputs:
        try:
            session, effects = step(flows(), session, one, NOW)
        except WrongInput:
            return
        due(session, list(effects))
        json.dumps(session.to_json(str))
