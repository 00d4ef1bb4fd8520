"""schemathesis: requests made from the API's own description, good and bad ones, against a filled database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

from callcenter import cases, contacts, customers, files, identifiers, outbox, recognition
from callcenter.acd.config import Config
from callcenter.acd.model import Proposal
from callcenter.api import SCOPES, blueprint, create_key
from callcenter.api.operations import Operation, all_operations
from callcenter.db import migrate, open_database
from callcenter.queues.store import Queues
from tests.api.conftest import NOW, SCHEMA, Clock
from tests.queues.conftest import FILES
from tests.valkey import Valkey, valkey_server

__all__ = ["valkey_server"]


@pytest.fixture(scope="module")
def described(
    tmp_path_factory: pytest.TempPathFactory, valkey_server: Valkey
) -> Iterator[tuple[schemathesis.BaseSchema, str, dict[str, str]]]:
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('api')}/test.db")
    migrate(engine)
    with engine.begin() as conn:
        key = create_key(conn, "tests", SCOPES, at=NOW)
        ana = customers.create(conn, at=NOW, name="Ana")
        identifiers.add(conn, ana, "phone", "+12025550143", at=NOW)
        contact = contacts.start(conn, channel="sms", caller="+12025550143", called="1", at=NOW)
        recognition.recognise(conn, contact, channel="sms", address="+12025550143", at=NOW)
        case = cases.open_case(conn, ana, "x", by="x", at=NOW, contact_id=contact)
        message = outbox.queue(conn, channel="sms", to="+12025550143", body="x", at=NOW, contact_id=contact)
        path = tmp_path_factory.mktemp("files") / "a"
        path.write_bytes(b"hello")
        file = files.keep(conn, path=path, name="a.txt", media_type="text/plain", contact_id=contact, at=NOW)
    queues = Queues(valkey_server.client(), Config.from_files(FILES))
    queues.join(contact, "billing", channel="chat", customer_id=ana)
    queues.sign_in("ana")
    (offer,) = queues.claim(Proposal(contact, "billing", "chat", ("ana",)))
    stored = {"customer_id": ana, "contact_id": contact, "case_id": case.id, "message_id": message, "file_id": file,
              "queue": "billing", "agent_id": "ana", "offer_id": offer}  # fmt: skip
    app = Flask("test")
    app.register_blueprint(blueprint(engine, schema=SCHEMA, clock=Clock(), rate="100000/minute", queues=lambda: queues))
    generation = GenerationConfig(with_security_parameters=False)  # another test leaves out the key
    config = SchemathesisConfig(projects=ProjectsConfig(default=ProjectConfig(generation=generation)))
    yield schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app, config=config), key, stored
    engine.dispose()


def modes(operation: Operation) -> list[GenerationMode]:
    """Where only the path can be written in another way, there is nothing wrong to send."""
    plain = operation.reads or operation.method == "DELETE"
    return [GenerationMode.POSITIVE] if plain and operation.query is None else list(GenerationMode)


@pytest.mark.parametrize(
    ("operation", "mode"),
    [(operation, mode) for operation in all_operations() for mode in modes(operation)],
    ids=lambda value: getattr(value, "name", "").lower(),
)
def test_every_operation_keeps_to_its_description(
    described: tuple[schemathesis.BaseSchema, str, dict[str, str]], operation: Operation, mode: GenerationMode
) -> None:
    schema, key, stored = described
    found = schema[operation.path][operation.method]

    @settings(max_examples=6, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=found.as_strategy(generation_mode=mode))
    def keeps(case: schemathesis.Case[Any]) -> None:
        if mode is GenerationMode.POSITIVE:  # of what exists: chance finds no id
            for given in (case.path_parameters, case.body):
                if isinstance(given, dict):
                    given.update({name: id for name, id in stored.items() if name in given})
        # What a phone number or a cursor is goes beyond a schema, so that some good-looking requests are refused.
        case.call_and_validate(headers={"Authorization": f"Bearer {key}"}, excluded_checks=[positive_data_acceptance])

    keeps()
