"""Callers on Twilio who wait for an agent: their place is the queues' affair, the music Twilio's.

Twilio plays a document and asks for the next one, so news of the queue is told when a round of music ends. Nothing of
this is held in memory: any worker may serve the next request.
"""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

from ivr.flow.effects import Enqueue, RequestCallback
from ivr.flow.inputs import CallbackBooked, Input, Refused
from ivr.flow.session import QUEUE, Session
from ivr.queueing import Queueing
from ivr.runner import Turn

OF_SPEECH = ("hints", "language", "speechTimeout")
"""What <Gather> is told for recognising speech (`twiml._listening`)."""


class Waiting:
    """What calls ask of the queues; `queueing` gives `None` while there are none. Everything here blocks, and never
    raises."""

    def __init__(self, queueing: Callable[[], Queueing | None]) -> None:
        self._queueing = queueing

    @property
    def capabilities(self) -> frozenset[str]:
        return frozenset() if self._queueing() is None else QUEUE

    def answer(self, turn: Turn) -> Input | None:
        """What comes at once of a turn's wishes; `None` where there are none, or the caller now waits."""
        for effect in turn.effects:
            match effect:
                case Enqueue(told=False):
                    queueing = self._queueing()
                    return Refused("failed") if queueing is None else queueing.enter(turn.session, effect)
                case RequestCallback():
                    queueing = self._queueing()
                    return CallbackBooked(False, "failed") if queueing is None else queueing.book(turn.session, effect)
        return None

    def news(self, session: Session) -> Input | None:
        """What to tell the flow of a caller who waits; `None` for nothing."""
        queueing = self._queueing()
        if queueing is None:
            return None
        return queueing.announcement(session) or queueing.news(session.contact_id, "")

    def elsewhere(self, turn: Turn) -> None:
        """The caller was waiting until this turn: unless it goes on, the place is held."""
        stays = any(isinstance(effect, Enqueue | RequestCallback) for effect in turn.effects)
        queueing = None if stays or turn.session.ended or not turn.fresh else self._queueing()
        if queueing is not None:
            queueing.step_out(turn.session.contact_id)

    def over(self, session: Session, why: str) -> None:
        """The call is over. A callback stays."""
        queueing = self._queueing() if session.capabilities >= QUEUE else None
        if queueing is not None:
            queueing.leave(session.contact_id, why)


def lost(session: Session) -> Input | None:
    """What to tell a flow whose wish died with the process that should have carried it out."""
    waiting = session.waiting or {}
    if "CallbackBooked" in waiting.get("for", ()):
        return CallbackBooked(False, "failed")
    if "Queued" in waiting.get("for", ()) and not waiting["state"].get("told"):
        return Refused("failed")
    return None


def music_again(document: str, said: int) -> str:
    """A waiting caller's document once more, without the `said` elements that came before the music, and without
    listening to what the caller says."""
    root = ElementTree.fromstring(document)  # noqa: S314  our own
    gather = root.find("Gather")
    if gather is None:
        del root[:said]
    else:
        del root[: list(root).index(gather)]
        gather.set("input", "dtmf")
        for name in OF_SPEECH:
            gather.attrib.pop(name, None)
        del gather[:said]
    return '<?xml version="1.0" encoding="UTF-8"?>' + ElementTree.tostring(root, encoding="unicode")


def queued_again(document: str) -> str:
    """The same, of a caller who comes back to the queue: the document tells by its own address what was said."""
    redirect = ElementTree.fromstring(document).find("Redirect")  # noqa: S314  our own
    said = (redirect.text or "").rpartition("/")[2] if redirect is not None else ""
    return music_again(document, int(said)) if said.isdigit() else document
