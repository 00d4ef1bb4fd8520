"""A full queue refuses nobody: in messages, too, it leads to a callback or a message for us."""

from __future__ import annotations

import pytest

from callcenter.queues.store import Queues
from tests.conversations.support import DANA, Desk
from tests.conversations.test_callbacks import last, queues

__all__ = ["queues"]


@pytest.mark.parametrize("choice", ["callback", "message"])
@pytest.mark.parametrize(
    ("channel", "sender", "to"),
    [("sms", DANA, "+12025550100"), ("chat", "5" * 32, "site"), ("email", "dana@example.com", "help@example.com")],
)
def test_it_offers_a_callback_or_a_message(
    desk: Desk, queues: Queues, channel: str, sender: str, to: str, choice: str
) -> None:
    most = queues.queue("general").max_size
    assert most is not None
    for number in range(most):
        queues.join(f"c{number}", "general", channel="sip", holder="sip1")

    def write(words: str) -> str:
        return desk.text(words, channel=channel, sender=sender, to=to).contact_id

    if channel != "sms":
        write("hello")
    thread = write("agent")
    assert queues.place(thread) is None
    told = last(desk, thread)
    assert "called back" in told
    assert "message" in told
    if choice == "message":
        write("2")
        write("yes")
        write("The meter is broken.")
        assert desk.contact(thread).outcome == "message_left"
        return
    write("1")
    write("yes" if channel == "sms" else "+1 202 555 0155")
    write("as soon as possible")
    assert desk.contact(thread).outcome == "callback_booked"
    [callback] = queues.callbacks_of(DANA if channel == "sms" else "+12025550155")
    assert callback.contact_id == thread  # booked, though the queue is full: nobody is turned away
