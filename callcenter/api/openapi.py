"""OpenAPI 3.1, made from the operations and their pydantic models (whose JSON Schema is 3.1's own)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from callcenter.api.operations import Download, Operation
from callcenter.api.problems import MEDIA_TYPE, ProblemBody

REF = "#/components/schemas/{model}"
WORDS = {
    400: "The request can't be read",
    401: "No key, or one that doesn't work",
    403: "The key doesn't have the scope",
    404: "There is no such thing",
    405: "Not with this method",
    409: "It can't be done in this state",
    410: "It is gone",
    413: "The body is too large",
    415: "The body isn't application/json",
    422: "The request can be read, but not used",
    429: "Too many requests",
    503: "The database doesn't answer",
}


def describe(operations: Sequence[Operation], prefix: str) -> dict[str, Any]:
    """The whole document."""
    wanted: set[tuple[type[BaseModel], JsonSchemaMode]] = {(ProblemBody, "serialization")}
    for operation in operations:
        if operation.body is not None:
            wanted.add((operation.body, "validation"))
        if operation.answer is not None and operation.answer is not Download:
            wanted.add((operation.answer, "serialization"))
    ordered = sorted(wanted, key=lambda item: (item[0].__name__, item[1]))
    refs, definitions = models_json_schema(ordered, ref_template=REF)
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, refs)
    try:
        number = version("callwright")
    except PackageNotFoundError:
        number = "0"
    return {
        "openapi": "3.1.0",
        "info": {"title": "Callwright", "version": number, "description": "Customers and all that was said with them."},
        "servers": [{"url": prefix}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "`cw_<id>_<secret>`"}},
        },
    }


def _operation(operation: Operation, refs: Any) -> dict[str, Any]:
    scope = operation.scope
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"Needs the scope `{scope}`.",
        "tags": [scope.partition(":")[0]],
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            for name in operation.parameters
        ],
        "responses": {},
    }
    if operation.query is not None:
        found["parameters"] += _query(operation.query)
    if operation.method == "POST":
        found["parameters"].append(
            {"name": "Idempotency-Key", "in": "header", "description": "Under one key a request is done once",
             "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"}}
        )  # fmt: skip
    if operation.body is not None:
        schema = refs[operation.body, "validation"]
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    answer: dict[str, Any] = {"description": "Done"}
    if operation.answer is Download:
        answer["content"] = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    elif operation.answer is not None:
        answer["content"] = {"application/json": {"schema": refs[operation.answer, "serialization"]}}
    found["responses"][str(operation.status)] = answer
    problem = {MEDIA_TYPE: {"schema": refs[ProblemBody, "serialization"]}}
    for status in sorted({*_usual(operation), *operation.problems}):
        found["responses"][str(status)] = {"description": WORDS[status], "content": problem}
    return found


def _usual(operation: Operation) -> set[int]:
    usual = {401, 403, 422, 429, 503}
    if operation.parameters:
        usual.add(404)
    if operation.body is not None:
        usual |= {400, 413, 415}
    if operation.query is not None or operation.method == "POST":
        usual.add(400)
    return usual


def _query(model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema(ref_template=REF)
    assert "$defs" not in schema, f"{model.__name__}: parameters are simple values"
    parameters = []
    for name, of in schema["properties"].items():
        described = {key: value for key, value in of.items() if key not in ("title", "description")}
        if "anyOf" in described:  # a parameter can't be null, only absent
            (one,) = [choice for choice in described.pop("anyOf") if choice.get("type") != "null"]
            described |= one
        if described.get("default", 0) is None:
            del described["default"]
        parameters.append(
            {"name": name, "in": "query", "required": name in schema.get("required", ()),
             "description": of.get("description", ""), "schema": described}
        )  # fmt: skip
    return parameters
