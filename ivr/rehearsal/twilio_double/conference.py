"""A conference on the double (https://www.twilio.com/docs/voice/twiml/conference): who is in it, who hears whom, and
the events that are told of it, to the address that the first to join gave."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from ivr.rehearsal.twilio_double import rules

if TYPE_CHECKING:
    from ivr.rehearsal.twilio_double.call import Call
    from ivr.rehearsal.twilio_double.platform import Twilio


HOLD_VERBS = ("Play", "Say", "Pause", "Redirect")


class NobodyToCoach(Exception):
    """`coach` names no call of this conference (https://www.twilio.com/docs/api/errors/13240), or one on hold
    (https://www.twilio.com/docs/api/errors/16027): the <Dial> fails with that `code`."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(eq=False)
class Participant:
    call: Call
    label: str
    ends: bool
    hold: bool = False
    muted: bool = False
    coaching: str = ""
    """The CallSid of the only one who hears this one."""
    hears: list[str] = field(default_factory=list)
    """The sounds that are played on hold."""
    announced: list[str] = field(default_factory=list)
    """What was announced to this one alone: keys, words, addresses of sounds."""
    keys: str = ""
    """The keys of others that this one has heard: a conference carries tones like any sound."""


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
        """Raises `NobodyToCoach`."""
        coached = element.get("coach", "")
        if coached and coached not in self.participants:
            raise NobodyToCoach(13240)
        if coached and self.participants[coached].hold:
            raise NobodyToCoach(16027)
        if not self._callback and element.get("statusCallback"):
            self._callback = self.twilio.url(element.get("statusCallback", ""), document)
            self._events = frozenset(element.get("statusCallbackEvent", "").split())
        self.participants[call.sid] = joining = Participant(
            call,
            element.get("participantLabel", ""),
            element.get("endConferenceOnExit", "false") == "true",
            muted=element.get("muted") == "true",
            coaching=coached,
        )
        self._tell("join", "participant-join", joining)
        if len(self.participants) > 1 and not self.started:
            self.started = True
            self._tell("start", "conference-start", joining)

    def left(self, call: Call) -> None:
        """A call is out of it; whoever has `endConferenceOnExit` takes the others along."""
        gone = self.participants.pop(call.sid)
        self._tell("leave", "participant-leave", gone)
        if gone.ends or not self.participants:
            self._end(gone)

    def _end(self, last: Participant) -> None:
        self.over = True
        others, self.participants = list(self.participants.values()), {}
        if self.twilio.tells_all_leaves:
            for other in others:
                self._tell("leave", "participant-leave", other)
        self._tell("end", "conference-end", last)
        for other in others:
            other.call.conference_over()

    def plays(self, one: Participant, url: str, method: str) -> None:
        """What a participant hears on hold: Twilio's own music where no URL was given. Raises `RefusedTwiml` for a
        document that may not stand there, `FailedWebhook` for one that can't be had."""
        if not one.hold or one.call.sid not in self.participants:
            return
        one.hears = ["http://com.twilio.sounds.music.s3.amazonaws.com/"]
        if not url:
            return
        if method == "GET":
            answer_url = [url]
        else:
            params = {"ConferenceSid": self.sid, "CallSid": one.call.sid, "AccountSid": self.twilio.account_sid}
            answer = self.twilio.post(url, params)
            root = rules.parse(answer.body, answer.content_type)
            if any(verb.tag not in HOLD_VERBS for verb in root):
                raise rules.RefusedTwiml("HoldUrl gives <Play>, <Say>, <Pause> and <Redirect> only")
            answer_url = [self.twilio.url((verb.text or "").strip(), url) for verb in root.iter("Play")]
        for sound in answer_url:
            self.twilio.transport.get(sound)
        one.hears = answer_url

    def announces(self, one: Participant, url: str) -> None:
        """An announcement to one participant. Raises `RefusedTwiml` for a document that may not stand there (error
        13238), `FailedWebhook` for one that can't be had."""
        if one.call.sid not in self.participants:
            return
        params = {"ConferenceSid": self.sid, "CallSid": one.call.sid, "AccountSid": self.twilio.account_sid}
        answer = self.twilio.post(url, params)
        root = rules.parse(answer.body, answer.content_type)
        if any(verb.tag not in HOLD_VERBS for verb in root):
            raise rules.RefusedTwiml("AnnounceUrl gives <Play>, <Say>, <Pause> and <Redirect> only", 13238)
        one.announced += [verb.get("digits", "") or (verb.text or "").strip() for verb in root]

    def hears(self, listener: str) -> set[str]:
        """The CallSids of those whom a participant hears."""
        heard: set[str] = set()
        if self.participants[listener].hold:
            return heard
        for sid, one in self.participants.items():
            # Twilio doesn't say who hears a coach whose agent has gone: the worst is everybody.
            alone = one.coaching in self.participants and one.coaching != listener
            if sid != listener and not one.muted and not one.hold and not alone:
                heard.add(sid)
        return heard

    def pressed(self, presser: Call, key: str) -> None:
        """A tone, for all who hear this call."""
        for sid, one in self.participants.items():
            if presser.sid in self.hears(sid):
                one.keys += key

    def _tell(self, kind: str, event: str, one: Participant) -> None:
        if not self._callback or kind not in self._events:
            return
        self._count += 1
        params = {
            "ConferenceSid": self.sid, "FriendlyName": self.name, "AccountSid": self.twilio.account_sid,
            "StatusCallbackEvent": event, "SequenceNumber": str(self._count),
            "Timestamp": "Mon, 23 Nov 2026 15:00:00 +0000",
        }  # fmt: skip
        if kind in ("join", "leave"):
            params |= {
                "CallSid": one.call.sid, "ParticipantLabel": one.label, "Muted": str(one.muted).lower(),
                "Hold": str(one.hold).lower(), "Coaching": str(bool(one.coaching)).lower(),
                "EndConferenceOnExit": str(one.ends).lower(), "StartConferenceOnEnter": "true",
            }  # fmt: skip
            if one.coaching:
                params["CallSidToCoach"] = one.coaching
        if kind == "end":
            params |= {"CallSidEndingConference": one.call.sid}
        self.twilio.tell(one.call, self._callback, params)
