"""Identifiers: phone numbers, addresses, accounts and handles that name a customer, or several.

An identifier says who somebody may be; its proof says how well that is known. Caller id can be forged and a phone is
shared, and a link is passed on with a touch, so `none`, `caller_id` and `link` are weak: they find candidates, and
never merge customers.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, get_args

import phonenumbers
import sqlalchemy as sa
from email_validator import EmailNotValidError, validate_email
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import PoolProxiedConnection

from callcenter import searching
from callcenter.prepared import Prepared
from callcenter.tables import customers, identifiers

Kind = Literal["phone", "email", "chat_visitor", "account", "social"]
Proof = Literal["none", "caller_id", "link", "agent", "pin", "login", "one_time_code"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PROOFS: tuple[Proof, ...] = get_args(Proof)
"""The weakest first. `link`: whoever it is has opened a link that we sent there, which may have been passed on; `login`
is the word of the company's own."""
STRONG = frozenset({"agent", "pin", "login", "one_time_code"})
LONGEST = 254

# Every contact that begins asks these two: to build a query costs more than to run it.
_ROOT = customers.alias("root")
_CANDIDATES = (
    sa.select(_ROOT.c.id, _ROOT.c.name, _ROOT.c.language, identifiers.c.proof, _ROOT.c.provisional)
    .join(customers, customers.c.id == identifiers.c.customer_id)
    .join(_ROOT, _ROOT.c.id == customers.c.root_id)
    .where(identifiers.c.kind == sa.bindparam("kind"), identifiers.c.value == sa.bindparam("value"))
)
_OWNER = (
    sa.select(identifiers.c.customer_id)
    .join(customers, customers.c.id == identifiers.c.customer_id)
    .where(
        identifiers.c.kind == sa.bindparam("kind"),
        identifiers.c.value == sa.bindparam("value"),
        customers.c.root_id == sa.bindparam("root_id"),
    )
    .order_by(sa.case((identifiers.c.customer_id == sa.bindparam("root_id"), 0), else_=1), identifiers.c.created_at)
    .limit(1)
)

_SAME = (
    identifiers.c.kind == sa.bindparam("of_kind"),
    identifiers.c.value == sa.bindparam("of_value"),
    identifiers.c.customer_id == sa.bindparam("of_customer"),
)
_ONE = sa.select(identifiers).where(*_SAME)


class InvalidIdentifier(ValueError):
    """The value can't be an identifier of this kind; the words say why."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """`customer_id` is the customer that it was given to, also after a merge."""

    id: str
    customer_id: str
    kind: Kind
    value: str
    proof: Proof
    proven_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Candidate:
    """A customer whom an identifier may mean, with the best proof of it; `customer_id` is the root."""

    customer_id: str
    name: str
    language: str
    proof: Proof
    provisional: bool


def normalise(kind: str, value: str, region: str = "") -> str:
    """The one way in which a value is stored: phones in E.164, mail addresses in lower case with the domain in
    Unicode, accounts as upper-case letters and digits, `network:handle` in lower case.

    `region` is the ISO 3166 country of numbers that aren't international. Raises `InvalidIdentifier`.
    """
    value = unicodedata.normalize("NFKC", value).strip()
    if not value or len(value) > LONGEST or not value.isprintable():
        raise InvalidIdentifier(f"{kind}: it is empty, too long or unprintable")
    match kind:
        case "phone":
            return _phone(value, region)
        case "email":
            try:
                found = validate_email(value, check_deliverability=False, test_environment=True)
            except EmailNotValidError as error:
                raise InvalidIdentifier(f"email: {error}") from None
            return found.normalized.lower()
        case "account":
            kept = re.sub(r"[^0-9A-Z]", "", value.upper())
            if not kept:
                raise InvalidIdentifier("account: it has neither digits nor letters")
            return kept
        case "social":
            network, colon, handle = value.lower().partition(":")
            if not colon or not re.fullmatch(r"[a-z][a-z0-9_]*", network) or not handle.lstrip("@"):
                raise InvalidIdentifier("social: write it as network:handle, such as messenger:1234")
            return f"{network}:{handle.lstrip('@')}"
        case "chat_visitor":
            if re.search(r"\s", value):
                raise InvalidIdentifier("chat_visitor: it has blanks")
            return value
    raise InvalidIdentifier(f"{kind!r} is not a kind of identifier; there are {', '.join(KINDS)}")


@lru_cache(4096)
def _phone(value: str, region: str) -> str:
    try:
        number = phonenumbers.parse(value, region.upper() or None)
    except phonenumbers.NumberParseException as error:
        raise InvalidIdentifier(f"phone: {error}") from None
    if number.extension or not phonenumbers.is_possible_number(number):
        raise InvalidIdentifier("phone: no subscriber can have that number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def add(
    conn: Connection,
    customer_id: str,
    kind: str,
    value: str,
    *,
    at: datetime,
    proof: Proof = "none",
    region: str = "",
) -> Identifier:
    """Let an identifier name this customer; others that it names keep it. If it does already, the proof is renewed
    where it isn't weaker. Raises `InvalidIdentifier`, and IntegrityError for an unknown customer."""
    value = normalise(kind, value, region)
    if proof not in PROOFS:
        raise InvalidIdentifier(f"{proof!r} is not a proof; there are {', '.join(PROOFS)}")
    same = {"of_kind": kind, "of_value": value, "of_customer": customer_id}
    if proof == "none" or conn.execute(_renewal(proof), {**same, "at": at}).rowcount == 0:
        row = {"id": uuid.uuid4().hex, "customer_id": customer_id, "kind": kind, "value": value, "proof": proof,
               "proven_at": None if proof == "none" else at, "created_at": at}  # fmt: skip
        if conn.execute(_unless_there(conn.dialect.name), row).first() is not None:
            searching.put_identifier(conn, str(row["id"]), customer_id, kind, value)
    return _identifier(conn.execute(_ONE, same).one())


@lru_cache
def _renewal(proof: Proof) -> sa.Update:
    """A proof that takes the place of one that isn't stronger."""
    weaker = identifiers.c.proof.in_(PROOFS[: PROOFS.index(proof) + 1])
    return sa.update(identifiers).where(*_SAME, weaker).values(proof=proof, proven_at=sa.bindparam("at"))


@lru_cache
def _unless_there(dialect: str) -> Any:
    """An insert whose result is empty where the row was there; two that come at once leave one row."""
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgres_insert

        insert: Any = postgres_insert(identifiers)
    else:
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        insert = sqlite_insert(identifiers)
    there = insert.on_conflict_do_nothing(index_elements=["kind", "value", "customer_id"])
    return there.returning(identifiers.c.id)


def remove(conn: Connection, identifier_id: str) -> bool:
    """Let it no longer name its customer; False when it is gone already."""
    searching.drop_identifier(conn, identifier_id)
    return conn.execute(sa.delete(identifiers).where(identifiers.c.id == identifier_id)).rowcount == 1


def get(conn: Connection, identifier_id: str) -> Identifier | None:
    row = conn.execute(sa.select(identifiers).where(identifiers.c.id == identifier_id)).one_or_none()
    return None if row is None else _identifier(row)


def of_customers(conn: Connection, customer_ids: Sequence[str]) -> list[Identifier]:
    """The oldest first."""
    query = sa.select(identifiers).where(identifiers.c.customer_id.in_(customer_ids))
    return [_identifier(row) for row in conn.execute(query.order_by(identifiers.c.created_at, identifiers.c.id))]


def owner(conn: Connection, root_id: str, kind: str, value: str) -> str | None:
    """Which of the customers merged into `root_id` a (normalised) identifier was given to: the root if it has it,
    else the first that got it. Contacts go to that one, so that undoing a merge takes them along."""
    return conn.execute(_OWNER, {"kind": kind, "value": value, "root_id": root_id}).scalar_one_or_none()


def identify(conn: Connection, kind: str, value: str, *, region: str = "") -> list[Candidate]:
    """The customers whom an identifier may mean, the best proven first. Raises `InvalidIdentifier`."""
    found = conn.execute(_CANDIDATES, {"kind": kind, "value": normalise(kind, value, region)})
    return _best(Candidate(*row) for row in found)


def _best(found: Iterable[Candidate]) -> list[Candidate]:
    """Each customer once, with the best proof."""
    best: dict[str, Candidate] = {}
    for one in sorted(found, key=lambda one: (-PROOFS.index(one.proof), one.customer_id)):
        best.setdefault(one.customer_id, one)
    return list(best.values())


class Lookup:
    """`identify` and `owner` on the driver's own connection, for what every call asks. Values are normalised ones."""

    def __init__(self, engine: Engine) -> None:
        self._candidates = Prepared(engine, _CANDIDATES, ("kind", "value"))
        self._owner = Prepared(engine, _OWNER, ("kind", "value", "root_id"))

    def identify(self, driver: PoolProxiedConnection, kind: str, value: str) -> list[Candidate]:
        return _best(Candidate(*row) for row in self._candidates.rows(driver, {"kind": kind, "value": value}))

    def owner(self, driver: PoolProxiedConnection, root_id: str, kind: str, value: str) -> str | None:
        rows = self._owner.rows(driver, {"kind": kind, "value": value, "root_id": root_id})
        return rows[0][0] if rows else None


def _identifier(row: sa.Row[tuple[object, ...]]) -> Identifier:
    return Identifier(row.id, row.customer_id, row.kind, row.value, row.proof, row.proven_at, row.created_at)
