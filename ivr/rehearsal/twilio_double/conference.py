"""A conference on the double (https://www.twilio.com/docs/voice/twiml/conference): who is in it, who hears whom, and
the events that are told of it, to the address that the first to join gave."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from ivr.rehearsal.twilio_double.transport import FailedWebhook

if TYPE_CHECKING:
    from ivr.rehearsal.twilio_double.call import Call
    from ivr.rehearsal.twilio_double.platform import Twilio


@dataclass(eq=False)
class Participant:
    call: Call
    label: str
    ends: bool
    hold: bool = False
    muted: bool = False
    coaching: str = ""
    """The CallSid of the only one who hears this one."""


@dataclass(eq=False)
class Conference:
    twilio: Twilio
    name: str
    sid: str
    participants: dict[str, Participant] = field(default_factory=dict)
    over: bool = False
    started: bool = False
    _callback: str = ""
    _events: frozenset[str] = frozenset()
    _count: int = 0

    def joined(self, call: Call, element: Element, document: str) -> None:
        if not self._callback and element.get("statusCallback"):
            self._callback = self.twilio.url(element.get("statusCallback", ""), document)
            self._events = frozenset(element.get("statusCallbackEvent", "").split())
        self.participants[call.sid] = Participant(
            call,
            element.get("participantLabel", ""),
            element.get("endConferenceOnExit", "false") == "true",
            muted=element.get("muted") == "true",
            coaching=element.get("coach", ""),
        )
        self._tell("join", "participant-join", call)
        if len(self.participants) > 1 and not self.started:
            self.started = True
            self._tell("start", "conference-start", call)

    def left(self, call: Call) -> None:
        """A call is out of it; whoever has `endConferenceOnExit` takes the others along."""
        gone = self.participants.pop(call.sid)
        self._tell("leave", "participant-leave", call)
        if gone.ends or not self.participants:
            self._end(call)

    def _end(self, last: Call) -> None:
        self.over = True
        others, self.participants = list(self.participants.values()), {}
        self._tell("end", "conference-end", last)
        for other in others:
            other.call.conference_over()

    def hears(self, listener: str) -> set[str]:
        """The CallSids of those whom a participant hears."""
        heard: set[str] = set()
        if self.participants[listener].hold:
            return heard
        for sid, one in self.participants.items():
            if sid != listener and not one.muted and not one.hold and one.coaching in ("", listener):
                heard.add(sid)
        return heard

    def _tell(self, kind: str, event: str, call: Call) -> None:
        if not self._callback or kind not in self._events:
            return
        self._count += 1
        params = {
            "ConferenceSid": self.sid, "FriendlyName": self.name, "AccountSid": self.twilio.account_sid,
            "StatusCallbackEvent": event, "SequenceNumber": str(self._count),
            "Timestamp": "Mon, 23 Nov 2026 15:00:00 +0000",
        }  # fmt: skip
        if kind in ("join", "leave"):
            params["CallSid"] = call.sid
        try:
            self.twilio.post(self._callback, params)
        except FailedWebhook as failure:
            call.failures.append(failure)
