"""PURE: where a customer's call goes on, as paths under PUBLIC_BASE_URL (`agent_routes`)."""

from __future__ import annotations

from ivr.channels.twilio.links import Link
from ivr.channels.twilio.talk import Talk


def conference(link: Link) -> str:
    """Into the conference."""
    there = f"back/{link.offer}/talk" if link.number else f"talk/{link.session}/{link.offer}"
    return f"/twilio/{there}"


def waiting(link: Link) -> str:
    """Back to the queue, with music."""
    return f"/twilio/back/{link.offer}/wait" if link.number else f"/twilio/queued/{link.session}"


def waits(talk: Talk, link: Link) -> bool:
    """Whether the customer of a conversation that is over waits for another agent; who was called back and never got to
    talk is called again."""
    requeued = talk.end is not None and talk.end.how == "requeue"
    return requeued and (not link.number or talk.connected or bool(link.waits))


def payment(offer: str, order: str, what: str = "") -> str:
    """To the payment that was ordered so; `what` is "" to begin it, `stop` to be told that it is over."""
    return f"/twilio/pay/{offer}/{order}" + (f"/{what}" if what else "")


def after_payment(session: str) -> str:
    """Where the payment of this session has come to its end."""
    return f"/twilio/paid/{session}"
