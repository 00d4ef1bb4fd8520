"""One call on the double: follows the TwiML that it gets, on a simulated clock, and lets its caller press keys.

As documented: digits pressed while something nested in <Gather> is said are taken and silence it; outside a <Gather>
they are lost; the timeout starts when what is nested has been said and again with every digit; without
actionOnEmptyResult an empty <Gather> falls through; <Record> falls through when nothing was recorded.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from ivr.flow.pace import seconds as speech_seconds
from ivr.rehearsal.twilio_double import audio, rules
from ivr.rehearsal.twilio_double.conference import NobodyToCoach
from ivr.rehearsal.twilio_double.handset import Handset
from ivr.rehearsal.twilio_double.heard import Heard, OpenGather
from ivr.rehearsal.twilio_double.requests import Requests
from ivr.rehearsal.twilio_double.tape import Tape
from ivr.rehearsal.twilio_double.transport import FailedWebhook, Params

if TYPE_CHECKING:
    from ivr.rehearsal.twilio_double.conference import Conference
    from ivr.rehearsal.twilio_double.platform import Twilio

PATIENCE = 60
"""Documents in a row, with nothing asked of the caller, after which the call is going round in circles."""


class EndlessLoop(Exception):
    """Reply after reply, and never a word or a question for the caller."""


class Call(Requests, Handset):
    """`start()` answers it. While it lasts, `asks` is what it waits for: gather, record or dial; "" once it is over.

    `transfers` gives the DialCallStatus that each <Dial> ends with; `on_heard` is called with all that is said.
    """

    def __init__(
        self,
        twilio: Twilio,
        sid: str,
        caller: str,
        called: str,
        *,
        transfers: Callable[[str], str] = lambda target: "completed",
        on_heard: Callable[[Heard], None] = lambda heard: None,
        url: str = "",
        status_url: str = "",
        verstat: str = "",
    ) -> None:
        self.twilio = twilio
        self.outbound = bool(url)
        self._first, self._status_url = url or twilio.voice_url, status_url or (None if url else twilio.status_url)
        self.conference: Conference | None = None
        self.sid, self.caller, self.called = sid, caller, called
        self.verstat = verstat
        """The verdict on the caller's number; "" for a call that came without a signature."""
        self.clock = 0.0
        self.heard: list[Heard] = []
        self.dialled: list[str] = []
        self.failures: list[FailedWebhook] = []
        """Replies that Twilio could not use."""
        self.over = self.answered = False
        self.ended_as = ""
        """The CallStatus that it ended with."""
        self.credentials = ("", "")
        """What a SIP address is shown."""
        self._transfers = transfers
        self._on_heard = on_heard
        self._gather: OpenGather | None = None
        self._record: Element | None = None
        self._recorded = 0.0
        self._record_from = 0.0
        self._url = ""
        self._rest: Iterator[Element] = iter(())
        self._fell_back = False
        self._dialling: Element | None = None
        self.tapes: list[Tape] = []
        """Its recordings by the REST API."""

    @property
    def asks(self) -> str:
        return "" if self.over else "gather" if self._gather else "record" if self._record is not None else ""

    @property
    def question(self) -> Element | None:
        """The open <Gather> or <Record>."""
        return self._record if self._record is not None else self.gather

    @property
    def gather(self) -> Element | None:
        """The open <Gather>."""
        return self._gather.element if self._gather else None

    # The caller

    def start(self) -> Call:
        """Connect it: a call that came in, or one of ours that is answered."""
        self.answered = True
        self._run(self.twilio.url(self._first), {"CallStatus": "in-progress" if self.outbound else "ringing"})
        return self

    def refuse(self, status: str) -> None:
        """A call of ours comes to nothing: busy, no-answer, failed, canceled."""
        self._end(status)

    def redirect(self, url: str) -> None:
        """By the REST API: what is going on is broken off (https://www.twilio.com/docs/voice/tutorials/how-to-modify-calls-in-progress)."""
        self._gather = self._record = None
        conference, self.conference = self.conference, None
        if conference is not None:
            conference.left(self)
        self._run(self.twilio.url(url), {})

    def conference_over(self) -> None:
        """The conference has ended for this call: <Dial> asks its action, or the document goes on."""
        dial, self.conference = self._dialling, None
        if dial is not None and dial.get("action"):
            self._run(self.twilio.url(dial.get("action", ""), self._url), {"DialCallStatus": "answered"})
        else:
            self._go_on()

    # Time

    def _pass_until(self, moment: float) -> None:
        while not self.over:
            if self._gather is not None and self._gather.deadline <= moment:
                self.clock = max(self.clock, self._gather.deadline)
                self._timed_out()
            elif self._record is not None and self._silent_at() <= moment:
                self.clock = max(self.clock, self._silent_at())
                self._end_recording("")
            else:
                break
        self.clock = max(self.clock, moment)

    def _silent_at(self) -> float:
        assert self._record is not None
        return self._record_from + self._recorded + int(self._record.get("timeout", "5"))

    # Keys

    def _key(self, key: str) -> None:
        for tape in self.tapes:
            tape.hears(key)
        if self.conference is not None:
            self.conference.pressed(self, key)
        if self._record is not None:
            if key in self._record.get("finishOnKey", "1234567890*#"):
                self._end_recording(key)
            return
        gather = self._gather
        if gather is None or "dtmf" not in gather.element.get("input", "dtmf"):
            return  # lost, as on a real call
        if key == gather.element.get("finishOnKey", "#"):
            if gather.digits or self.twilio.lone_finish_key:
                self._submit({"Digits": gather.digits, "FinishedOnKey": key})
            return
        gather.digits += key
        gather.spoken_until = min(gather.spoken_until, self.clock)
        gather.deadline = self.clock + gather.timeout
        if len(gather.digits) >= int(gather.element.get("numDigits", "1000")):
            self._submit({"Digits": gather.digits, "FinishedOnKey": ""})

    def _timed_out(self) -> None:
        assert self._gather is not None
        self._submit({"Digits": self._gather.digits, "FinishedOnKey": ""})

    def _submit(self, params: dict[str, str]) -> None:
        gather = self._gather
        assert gather is not None
        self._gather = None
        empty = not params.get("Digits") and "SpeechResult" not in params
        if empty and gather.element.get("actionOnEmptyResult", "false") != "true":
            self._go_on()
            return
        self._request(gather.element, {"msg": "Gather End", **params})

    # Recording

    def _end_recording(self, key: str, *, goes_on: bool = True) -> None:
        record = self._record
        assert record is not None
        self._record = None
        if not self._recorded:
            self._go_on()
            return
        sid = f"RE{secrets.token_hex(16)}"
        if self.twilio.media is not None:
            self.twilio.media.keep(sid, self._recorded)
        url = f"https://api.twilio.com/2010-04-01/Accounts/{self.twilio.account_sid}/Recordings/{sid}"
        length = {"RecordingUrl": url, "RecordingSid": sid, "RecordingDuration": str(max(1, round(self._recorded)))}
        self._recorded = 0.0
        callback = record.get("recordingStatusCallback")
        document = self._url
        status = {"CallStatus": "in-progress" if goes_on else "completed"}
        if goes_on:
            self._request(record, {**length, "Digits": key})
        else:
            action = self.twilio.url(record.get("action", ""), document)
            self._quietly(action, {**self._standard(), **status, **length, "Digits": key})
        if callback:
            self._quietly(
                self.twilio.url(callback, document),
                {"AccountSid": self.twilio.account_sid, "CallSid": self.sid, **length, "RecordingStatus": "completed",
                 "RecordingChannels": "1", "RecordingSource": "RecordVerb"},
            )  # fmt: skip

    # Documents

    def _request(self, element: Element, params: Params) -> None:
        if element.get("method", "POST") != "POST":
            raise rules.RefusedTwiml(f"<{element.tag} method=GET> would put what was keyed into a URL")
        self._run(self.twilio.url(element.get("action") or self._url, self._url), params)

    def _run(self, url: str, params: Params) -> None:
        """Fetch a document and follow it until the caller has a say."""
        for _ in range(PATIENCE):
            root = self._fetch(url, params)
            if root is None:
                self._end("failed")
                return
            self._rest = iter(root)
            redirect = self._follow()
            if redirect is None:
                return
            url, params = redirect
        raise EndlessLoop(f"{PATIENCE} documents in a row without a question, the last from {url}")

    def _go_on(self) -> None:
        """With the verb after the one that fell through."""
        redirect = self._follow()
        if redirect is not None:
            self._run(*redirect)

    def _follow(self) -> tuple[str, Params] | None:
        """Carry out verbs up to one that waits for the caller; a redirect gives where to go instead."""
        for verb in self._rest:
            match verb.tag:
                case "Say" | "Play" | "Pause":
                    self._said(verb)
                case "Gather":
                    self._begin_gather(verb)
                    return None
                case "Record":
                    self._record, self._recorded, self._record_from = verb, 0.0, self.clock
                    return None
                case "Dial" if (room := verb.find("Conference")) is not None:
                    if self._enter(verb, room):
                        return None
                    if verb.get("action"):
                        return self.twilio.url(verb.get("action", ""), self._url), {"DialCallStatus": "failed"}
                case "Dial":
                    target = "".join(verb.itertext()).strip()
                    self.dialled.append(target)
                    status = self._transfers(target)
                    if verb.get("action"):
                        params = {"DialCallStatus": status, "DialCallSid": f"CA{secrets.token_hex(16)}"}
                        return self.twilio.url(verb.get("action", ""), self._url), params
                case "Redirect":
                    return self.twilio.url((verb.text or "").strip(), self._url), {}
                case "Hangup" | "Reject":
                    break
        self._end()
        return None

    def _enter(self, dial: Element, room: Element) -> bool:
        """Into a conference; False where Twilio lets nobody in."""
        self._dialling = dial
        self.conference = self.twilio.conference((room.text or "").strip())
        try:
            self.conference.joined(self, room, self._url)
        except NobodyToCoach as error:
            self.conference = None
            self.failures.append(FailedWebhook(self._url, error.code, "coach is nobody who can be whispered to"))
            return False
        return True

    def _begin_gather(self, verb: Element) -> None:
        self._gather = None
        began = self.clock
        for nested in verb:
            self._said(nested)
        spoken_until, self.clock = self.clock, began
        self._gather = OpenGather(verb, spoken_until, deadline=spoken_until + int(verb.get("timeout", "5")))

    def _said(self, verb: Element) -> None:
        match verb.tag:
            case "Say":
                language = verb.get("language", "en-US")
                text = "".join(verb.itertext())
                self._hear(Heard(text, language, self.clock))
                self.clock += speech_seconds(text, language.partition("-")[0])
            case "Play" if (verb.text or "").strip():
                url = self.twilio.url((verb.text or "").strip(), self._url)
                self._hear(Heard("", "", self.clock, url))
                self.clock += audio.seconds(self.twilio.transport.get(url))
            case "Pause":
                self.clock += int(verb.get("length", "1"))

    def _hear(self, heard: Heard) -> None:
        self.heard.append(heard)
        self._on_heard(heard)

    def _end(self, status: str = "completed") -> None:
        self.over, self.ended_as = True, status
        self._gather = self._record = None
        for tape in self.tapes:
            tape.becomes("stopped")
        conference, self.conference = self.conference, None
        if conference is not None:
            conference.left(self)
            if self._dialling is not None and self._dialling.get("action"):
                action = self.twilio.url(self._dialling.get("action", ""), self._url)
                self._quietly(action, {**self._standard(), "CallStatus": status, "DialCallStatus": "answered"})
        if self._status_url is not None:
            done = {"CallStatus": status, "CallDuration": str(int(self.clock))}
            self._quietly(self.twilio.url(self._status_url), {**self._standard(), **done})

    def _quietly(self, url: str, params: Params) -> None:
        self.twilio.tell(self, url, params)
