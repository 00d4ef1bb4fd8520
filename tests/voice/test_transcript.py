"""What a caller is understood to say while they still talk."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from callcenter.db import migrate, open_database
from callcenter.events import of_contact
from ivr.channels.voice import transcript
from ivr.channels.voice.transcript import Transcript
from ivr.flow.effects import Collect
from ivr.flow.session import VOICE, Session

SESSION = Session("s" * 32, "c" * 32, "sip", VOICE, "h", "en", stack=(("main", "choose"),))
NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
ASK = Collect((), "open")


class AtOnce(Executor):
    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(work(*given, **named))
        return done


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = open_database(f"sqlite:///{tmp_path / 'events.db'}")
    migrate(engine)
    return engine


def say(engine: Engine, ask: Collect, *said: str, tell: transcript.Tell | None = None) -> None:
    """These partial results come, all at one moment."""

    async def work() -> None:
        kept = Transcript(engine, AtOnce(), lambda: NOW, tell)
        kept.begin(SESSION, ask)
        for text in said:
            kept.partial(text)

    asyncio.run(work())


def on_record(engine: Engine, ask: Collect, *said: str, tell: transcript.Tell | None = None) -> list[Mapping[str, Any]]:
    """The events after they came."""
    say(engine, ask, *said, tell=tell)
    with engine.connect() as connection:
        return [event.data for event in of_contact(connection, SESSION.contact_id) if event.kind == "heard_partial"]


def test_partial_results_are_events_and_told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "EVERY", 0.0)
    told: list[tuple[str, str, Mapping[str, Any]]] = []
    found = on_record(engine, ASK, "I want", "I want", " ", "I want to pay", tell=lambda *what: told.append(what))
    assert [event["words"] for event in found] == ["I want", "I want to pay"]
    assert told == [(f"contact:{SESSION.contact_id}", "heard_partial", dict(event)) for event in found]
    assert found[0]["step"] == "choose"


def test_a_secret_answer_has_none_and_a_card_number_is_masked(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "EVERY", 0.0)
    assert on_record(engine, Collect((), "card", secret=True), "4111") == []
    said = "my card is four one one one one one one one one one one one one one one one"
    assert [event["words"] for event in on_record(engine, ASK, said)] == ["•••"]


def test_they_are_bounded_in_rate_and_number(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [f"word {n}" for n in range(50)]
    assert len(on_record(engine, ASK, *words)) == 1
    monkeypatch.setattr(transcript, "EVERY", 0.0)
    assert len(on_record(engine, ASK, *words)) == 1 + transcript.MOST


def test_neither_a_dead_database_nor_a_dead_listener_costs_the_call_anything(tmp_path: Path, engine: Engine) -> None:
    def fails(topic: str, kind: str, data: Mapping[str, Any]) -> None:
        raise RuntimeError(topic)

    empty = open_database(f"sqlite:///{tmp_path / 'no-tables.db'}")
    say(empty, ASK, "I want to pay")
    empty.dispose()
    assert len(on_record(engine, ASK, "I want to pay", tell=fails)) == 1
