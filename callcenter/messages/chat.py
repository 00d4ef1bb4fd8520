"""Chat: what is stored is sent. A live event tells the visitor's page, which reads the database; a visitor who is away
finds it on the next visit."""

from __future__ import annotations

from functools import cache
from typing import ClassVar

from callcenter.live import Live
from callcenter.messages import Outgoing, Sender, SenderSettings, TemporaryError, sender


def visitor_topic(visitor: str) -> str:
    """What the pages of a visitor follow whatever contact they are in."""
    return f"visitor:{visitor}"


class ChatSender(Sender):
    keeps_ids: ClassVar[bool] = True  # a page reads again what it knows, and changes nothing

    def __init__(self, live: Live | None) -> None:
        self._live = live

    def send(self, message: Outgoing) -> str:
        if self._live is None:
            return ""  # nobody can be connected
        data = {"id": message.id, "direction": "out", "channel": "chat", "author": message.author}
        told = self._live.publish(visitor_topic(message.to), "message", data)
        if told is None:
            raise TemporaryError("live events can't be published")
        if message.contact_id:
            self._live.publish(f"contact:{message.contact_id}", "message", data)
        return ""


@cache
def _live(url: str) -> Live:
    return Live(url)


@sender("chat")
def open_chat(settings: SenderSettings) -> ChatSender:
    return ChatSender(_live(settings.redis_url) if settings.redis_url else None)
