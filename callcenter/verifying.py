"""One verifying question that settles which of several customers it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Connection

from callcenter import customers, identifiers
from callcenter.identifiers import KINDS, InvalidIdentifier


def resolve(conn: Connection, candidates: Sequence[str], question: str, answer: str, *, region: str = "") -> str | None:
    """The one candidate (a root's id) whom the answer fits; `None` if it fits nobody or several.

    `question` is a kind of identifier, such as `account`, or the name of an attribute, such as `postcode`: letters
    and digits are compared, not case, blanks or signs. How often one may guess is the flow's to limit.
    """
    fitting = {customer.id for customer in (customers.get(conn, id) for id in dict.fromkeys(candidates))
               if _fits(customer, question, answer, region)}  # fmt: skip
    return fitting.pop() if len(fitting) == 1 else None


def _fits(customer: customers.Customer, question: str, answer: str, region: str) -> bool:
    if question in KINDS:
        try:
            value = identifiers.normalise(question, answer, region)
        except InvalidIdentifier:
            return False
        return any(known.kind == question and known.value == value for known in customer.identifiers)
    given = _kept(answer)
    return bool(given) and given == _kept(customer.attributes.get(question, ""))


def _kept(value: Any) -> str:
    return "".join(sign for sign in str(value).casefold() if sign.isalnum())
