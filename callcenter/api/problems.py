"""Errors as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from flask import Response
from pydantic import BaseModel, Field, ValidationError

MEDIA_TYPE = "application/problem+json"


class Mistake(BaseModel):
    """What is wrong in one place of a request."""

    pointer: str = Field(description="where: a JSON pointer into the body, or a parameter's name")
    detail: str


class ProblemBody(BaseModel):
    """RFC 9457. `type` is always about:blank: the status says what it is, `detail` says more."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    errors: list[Mistake] = Field(default_factory=list)


class Problem(Exception):
    """Ends a request with this status. `headers` go with it."""

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        errors: list[Mistake] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors, self.headers = status, detail, errors or [], headers or {}


def response(problem: Problem) -> Response:
    title = HTTPStatus(problem.status).phrase
    body = ProblemBody(title=title, status=problem.status, detail=problem.detail, errors=problem.errors)
    return Response(
        json.dumps(body.model_dump(), ensure_ascii=False),
        problem.status,
        {**problem.headers, "Cache-Control": "no-store"},
        content_type=MEDIA_TYPE,
    )


def invalid(error: ValidationError, what: str) -> Problem:
    """What pydantic found in a body or in parameters; values aren't repeated."""
    mistakes = [Mistake(pointer=_pointer(item["loc"], what), detail=item["msg"]) for item in error.errors()]
    return Problem(422, f"the {what} can't be used", errors=mistakes)


def _pointer(place: tuple[Any, ...], what: str) -> str:
    if what == "body":
        return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in place)
    return ".".join(map(str, place))
