"""Cursor pagination: a cursor is opaque, and names the last item that was seen."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from callcenter.api.problems import Mistake, Problem

Item = TypeVar("Item")
Position = tuple[datetime, str]


class PageQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")
    limit: Annotated[int, Field(ge=1, le=100, description="items on a page")] = 20
    cursor: Annotated[
        str | None, Field(max_length=400, pattern="^[A-Za-z0-9_-]+$", description="`next` of the page before")
    ] = None


class Page(BaseModel, Generic[Item]):
    items: list[Item]
    next: str | None = Field(description="the cursor of the next page; null at the end")


def write(position: Position) -> str:
    text = json.dumps([position[0].isoformat(), position[1]], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(cursor: str | None) -> Position | None:
    """Raises `Problem` for what was never a cursor."""
    if cursor is None:
        return None
    try:
        at, last = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None or not isinstance(last, str) or "\0" in last:
            raise ValueError
    except (ValueError, TypeError, binascii.Error, OverflowError, RecursionError):
        detail = "this isn't a cursor of ours"
        raise Problem(400, detail, errors=[Mistake(pointer="cursor", detail=detail)]) from None
    return moment, last


def paged(found: Sequence[Any], limit: int, position: Callable[[Any], Position]) -> tuple[Sequence[Any], str | None]:
    """The page's items and the next cursor, from a query for one more item than `limit`."""
    shown = found[:limit]
    return shown, write(position(shown[-1])) if len(found) > limit else None
