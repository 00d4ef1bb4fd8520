"""http: ask a web service of the company's own, or tell it something."""

from __future__ import annotations

import time
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from ivr.actions import Action, ActionContext, ActionError, ActionResult, Args, action
from ivr.actions._rest import RestError, request


class HttpArgs(Args):
    url: str = Field(max_length=2000, description="http(s) address; put what the caller said into `params` or `json`")
    method: Literal["GET", "POST"] = "GET"
    params: dict[str, str | int | float | bool] = Field(default_factory=dict, description="the query")
    json_: Any = Field(None, alias="json", description="the body of a POST")
    headers: dict[str, str] = Field(default_factory=dict)
    path: str = Field("", max_length=200, description="what to take of the answer, such as customer.orders.0.state")
    seconds: float = Field(8.0, gt=0, le=60, description="the time budget")
    attempts: int = Field(3, ge=1, le=5)

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("an address begins with http:// or https://")
        return value


@action
class Http(Action):
    """Call a web service and take a value of its JSON answer. A POST carries an Idempotency-Key header and is
    tried again only with it; 404 leaves by `not_found`, any other status but 2xx by `failed`."""

    name: ClassVar[str] = "http"
    Args = HttpArgs
    exits: ClassVar[tuple[str, ...]] = ("ok", "not_found")
    returns: ClassVar[dict[str, str]] = {"status": "number", "value": "any"}
    budget: ClassVar[float] = 10.0

    def run(self, context: ActionContext, args: HttpArgs) -> ActionResult:
        headers = {"Accept": "application/json"} | args.headers
        if args.method == "POST":
            headers["Idempotency-Key"] = context.idempotency_key
        try:
            answer = request(
                args.method,
                args.url,
                deadline=min(context.deadline, time.monotonic() + args.seconds),
                headers=headers,
                params=args.params,
                body=args.json_,
                attempts=args.attempts,
                repeatable=args.method == "POST",
            )
            if answer.status == 404:
                return ActionResult("not_found", {"status": 404})
            if not 200 <= answer.status < 300:
                raise ActionError(f"the service answered {answer.status}")
            value = answer.json() if answer.body.strip() else None
        except RestError as error:
            raise ActionError(str(error)) from None
        return ActionResult("ok", {"status": answer.status, "value": take(value, args.path)})


def take(value: Any, path: str) -> Any:
    """The part of a JSON value that a dotted path leads to: names of objects, numbers of list items from 0. Raises
    ActionError where it leads nowhere."""
    for name in filter(None, path.split(".")):
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isascii() and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            raise ActionError(f"the answer has no {path!r}")
    return value
