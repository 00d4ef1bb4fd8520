"""Bills of a billing system behind HTTP. docs/bills.md describes the two requests that it must answer."""

from __future__ import annotations

from datetime import date
from typing import Any, TypeVar
from urllib.parse import quote

from babel.numbers import list_currencies
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from sqlalchemy.engine import Engine

from ivr.actions._rest import Answer, RestError, request
from ivr.actions.bills import Bill, BillError, BillSource, bill_source
from ivr.settings import Settings


class _Account(BaseModel):
    """What `GET /accounts/NUMBER` answers. Fields that we don't know are ignored: the other side may add some."""

    model_config = ConfigDict(extra="ignore", strict=True)

    bill: str = ""
    name: str = ""
    balance: int = Field(ge=0, lt=10**12)
    currency: str
    due_on: str | None = None
    open_bills: int = Field(0, ge=0)
    email: str = ""
    phone: str = ""

    @field_validator("currency")
    @classmethod
    def _currency(cls, value: str) -> str:
        if value not in list_currencies():
            raise ValueError("no ISO 4217 currency")
        return value

    @field_validator("due_on")
    @classmethod
    def _due_on(cls, value: str | None) -> str | None:
        if value is not None:
            date.fromisoformat(value)
        return value


class _Posted(BaseModel):
    balance: int = Field(ge=0, lt=10**12)


_Model = TypeVar("_Model", bound=BaseModel)


class HttpBills(BillSource):
    def __init__(self, base: str, token: str) -> None:
        self.base = base.rstrip("/")
        self.headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})

    def __repr__(self) -> str:
        return f"HttpBills({self.base!r})"

    def find(self, account: str, *, deadline: float) -> Bill | None:
        answer = self._request("GET", account, deadline=deadline)
        if answer is None:
            return None
        data = self._parsed(_Account, answer)
        if data.balance and not data.bill:
            raise BillError("the billing system answered a balance without a bill")
        return Bill(
            id=data.bill,
            account=account,
            name=data.name,
            balance=data.balance,
            currency=data.currency,
            due_on=date.fromisoformat(data.due_on) if data.due_on else None,
            open_bills=data.open_bills or int(data.balance > 0),
            email=data.email,
            phone=data.phone,
        )

    def settle(self, bill: str, account: str, amount: int, currency: str, payment: str, *, deadline: float) -> int:
        body = {"payment": payment, "bill": bill, "amount": amount, "currency": currency}
        answer = self._request("POST", account, "/payments", deadline=deadline, body=body, key=payment)
        if answer is None:
            raise BillError("the billing system doesn't know the account")
        return self._parsed(_Posted, answer).balance

    def _request(
        self, method: str, account: str, path: str = "", *, deadline: float, body: Any = None, key: str = ""
    ) -> Answer | None:
        url = f"{self.base}/accounts/{quote(account, safe='')}{path}"
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        try:
            answer = request(method, url, deadline=deadline, headers=headers, body=body, repeatable=bool(key))
        except RestError as error:
            raise BillError(f"the billing system: {error}") from None
        if answer.status == 404:
            return None
        if not 200 <= answer.status < 300:
            raise BillError(f"the billing system answered {answer.status}")
        return answer

    def _parsed(self, model: type[_Model], answer: Answer) -> _Model:
        try:
            return model.model_validate(answer.json())
        except RestError as error:
            raise BillError(f"the billing system: {error}") from None
        except ValidationError as error:
            fields = ", ".join(".".join(map(str, item["loc"])) or "the whole" for item in error.errors())
            raise BillError(f"the billing system's answer is wrong in: {fields}") from None


@bill_source("http")
def open_http_bills(engine: Engine, settings: Settings) -> BillSource:
    """BILLING_URL is needed, BILLING_TOKEN is sent as a bearer token (RFC 6750). Raises ValueError without them."""
    base = settings.billing_url
    if not base.startswith(("http://", "https://")):
        raise ValueError("BILLING_URL must be the http(s) address of the billing system")
    return HttpBills(base, settings.billing_token)
