"""Who a visitor is: an id that a signed token in their browser proves. No cookie: the token is kept by the page."""

from __future__ import annotations

import secrets
from datetime import timedelta

from callcenter.tickets import BadTicket, Tickets

PURPOSE = "chat"
"""Of the tickets that the live process and uploads take."""
TICKET_SECONDS = 60.0
REMEMBERED = timedelta(days=90)
FILE_SECONDS = 24 * 3600.0
_TOKEN, _FILE = "chat-visitor", "chat-file"


def remembered(tickets: Tickets, token: str) -> str:
    """The visitor whom a token names; a new one for a token that isn't ours, is over or is empty."""
    try:
        return tickets.read(token, _TOKEN, REMEMBERED.total_seconds()).subject
    except BadTicket:
        return new_visitor()


def new_visitor() -> str:
    return f"v{secrets.token_hex(16)}"


def token(tickets: Tickets, visitor: str) -> str:
    """What the browser keeps."""
    return tickets.issue(_TOKEN, visitor)


def ticket(tickets: Tickets, visitor: str, *, site: str, network: str) -> str:
    """Leave to connect and to upload. `site` is the origin of the page, `network` what rates are limited by."""
    return tickets.issue(PURPOSE, visitor, data={"site": site, "net": network})


def file_ticket(tickets: Tickets, visitor: str, file_id: str) -> str:
    """Leave to fetch one file."""
    return tickets.issue(_FILE, visitor, data={"file": file_id})


def may_fetch(tickets: Tickets, ticket: str, file_id: str) -> bool:
    try:
        return tickets.read(ticket, _FILE, FILE_SECONDS).data.get("file") == file_id
    except BadTicket:
        return False
