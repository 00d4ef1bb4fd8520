"""What the chat's routes share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import request
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import Forbidden, TooManyRequests

from callcenter.live import Live
from callcenter.tickets import BadTicket, Tickets
from ivr.assembly import make_key, make_live, make_tickets
from ivr.channels.chat import visitors
from ivr.channels.chat.rates import Rates, TooOften, network_of
from ivr.channels.chat.tokens import Login
from ivr.conversations import Conversations
from ivr.embedded import address
from ivr.flow.model import FlowSet
from ivr.hours import BusinessHours, status
from ivr.live import origins
from ivr.published import NothingPublished
from ivr.runner import Runner
from ivr.settings import Settings


class Site:
    """What the routes share. Raises ValueError for a wrong CHAT_ORIGINS, CHAT_TOKEN_KEY or SESSION_KEY."""

    def __init__(self, settings: Settings, runner: Runner, conversations: Conversations) -> None:
        self.settings = settings
        self.runner = runner
        self.live: Live = make_live(settings)
        self.conversations = conversations
        self.tickets: Tickets = make_tickets(settings)
        self.rates = Rates(address(settings))
        self._network_key = make_key(settings).derived("networks")
        self.origins = origins.own(settings) | origins.listed(settings.chat_origins)
        self.login = Login(settings.chat_token_key) if settings.chat_token_key else None

    def flows(self) -> FlowSet | None:
        try:
            return self.runner.published.current()
        except (NothingPublished, SQLAlchemyError):
            return None

    def count(self, what: str, visitor: str = "") -> None:
        """Raises TooManyRequests."""
        try:
            self.rates.count(what, visitor=visitor, network=self.network())
        except TooOften:
            raise TooManyRequests from None

    def network(self) -> str:
        return network_of(request.remote_addr or "", self._network_key)

    def visitor(self, ticket: str) -> str:
        """Whom a ticket was given to. Raises Forbidden."""
        try:
            return self.tickets.read(ticket, visitors.PURPOSE, visitors.TICKET_SECONDS).subject
        except BadTicket:
            raise Forbidden from None

    def publish(self, topic: str, kind: str, data: dict[str, Any]) -> None:
        self.live.publish(topic, kind, data)

    def is_open(self, flows: FlowSet | None) -> bool | None:
        """Whether people are there now, by business_hours.yaml; `None` where nobody says."""
        data = flows.files.get("business_hours") if flows is not None else None
        if data is None:
            return None
        try:
            hours = data if isinstance(data, BusinessHours) else BusinessHours.model_validate(data)
        except ValidationError:
            return None
        assert flows is not None
        return status(hours, datetime.now(UTC), flows.company.timezone).open_now
