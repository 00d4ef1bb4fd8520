from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from ivr.logs import configure
from ivr.rehearsal.twilio_double import FlaskTransport, Twilio
from ivr.rehearsal.twilio_double.rest import Rest
from tests.databases import database_url
from tests.postgres import postgres
from tests.twilio.office import Office, Open, company_files
from tests.twilio.support import ACCOUNT_SID, BASE_URL, ROOT, TOKEN, Line, line, settings
from tests.valkey import Valkey

__all__ = ["database_url", "postgres"]


@pytest.fixture(autouse=True)
def logged() -> Iterator[io.StringIO]:
    """What is logged, as a server logs it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    before = structlog.get_config()
    out = io.StringIO()
    configure("json", stream=out)
    yield out
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**before)


@pytest.fixture
def phone_line(tmp_path: Path) -> Iterator[Line]:
    """The demo company on SQLite."""
    made = line(settings(tmp_path))
    yield made
    made.close()


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory, valkey_server: Valkey) -> Iterator[tuple[Line, Rest]]:
    """The demo company with three agents, and the API that it rings them by; made once, since it takes seconds."""
    with Rest() as rest:
        made = _company(tmp_path_factory.mktemp("company"), valkey_server, rest)
        yield made, rest
        made.close()


@pytest.fixture(scope="session")
def reachable_company(tmp_path_factory: pytest.TempPathFactory, valkey_server: Valkey) -> Iterator[tuple[Line, Rest]]:
    """The same, whose own SIP endpoint Twilio reaches."""
    with Rest() as rest:
        made = _company(
            tmp_path_factory.mktemp("company"), valkey_server, rest, sip_users="carrier:pass word",
            twilio_sip_user="carrier", twilio_sip_host="sip.example.com;transport=tls",
        )  # fmt: skip
        yield made, rest
        made.close()


@pytest.fixture(scope="session")
def recording_company(tmp_path_factory: pytest.TempPathFactory, valkey_server: Valkey) -> Iterator[tuple[Line, Rest]]:
    """The same, which records its conversations."""
    with Rest() as rest:
        made = _company(tmp_path_factory.mktemp("company"), valkey_server, rest, record={"on": True})
        yield made, rest
        made.close()


def _company(folder: Path, valkey: Valkey, rest: Rest, record: dict[str, object] | None = None, **changes: Any) -> Line:
    flows = company_files(folder, record)
    chosen = settings(folder, redis_url=valkey.url, twilio_api_base=rest.base_url, **changes)
    return line(chosen, flows=flows, prompts=ROOT / "prompts")


@pytest.fixture
def open_office(company: tuple[Line, Rest], valkey: Valkey) -> Iterator[Open]:
    """An office with these agents signed in, on an empty store, before an account at Twilio of its own."""
    yield from _offices(*company, valkey)


@pytest.fixture
def open_reachable_office(reachable_company: tuple[Line, Rest], valkey: Valkey) -> Iterator[Open]:
    yield from _offices(*reachable_company, valkey)


@pytest.fixture
def open_recording_office(recording_company: tuple[Line, Rest], valkey: Valkey) -> Iterator[Open]:
    yield from _offices(*recording_company, valkey)


def _offices(shared: Line, rest: Rest, valkey: Valkey) -> Iterator[Open]:
    made: list[Office] = []

    def opened(*agents: str, **options: Any) -> Office:
        twilio = Twilio(FlaskTransport(shared.app), TOKEN, BASE_URL, ACCOUNT_SID, **options)
        office = Office(replace(shared, twilio=twilio), valkey, rest)
        made.append(office)
        for agent in agents:
            office.queues.sign_in(agent)
        return office

    yield opened
    for office in made:
        office.close()
