"""The part of Twilio's REST API that makes and changes calls and participants
(https://www.twilio.com/docs/voice/api/call-resource, .../conference-participant-resource), on a free loopback port.

What is asked is checked and taken at once, and done when the test says `Twilio.settle()`: Twilio doesn't do it while
the request lasts either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import parse_qs

from ivr.rehearsal.twilio_double import tape
from ivr.rehearsal.twilio_double.conference import Conference
from ivr.rehearsal.twilio_double.loopback import Loopback, Reply
from ivr.rehearsal.twilio_double.media import tone
from ivr.rehearsal.twilio_double.platform import Twilio

Form = dict[str, list[str]]
ADDRESS = re.compile(r"\+\d{6,15}|sips?:[^\s@]+@[^\s@]+|client:\S+")
EVENTS = {"initiated", "ringing", "answered", "completed"}
CREATE = {
    "To", "From", "Url", "Method", "Timeout", "StatusCallback", "StatusCallbackMethod", "StatusCallbackEvent",
    "SipAuthUsername", "SipAuthPassword",
}  # fmt: skip
MAX_SIP = 255
"""https://www.twilio.com/docs/voice/api/sip-making-calls"""
UPDATE = {"Url", "Method", "Status"}
PARTICIPANT = {"Hold", "HoldUrl", "HoldMethod", "Muted", "Coaching", "CallSidToCoach", "EndConferenceOnExit",
               "AnnounceUrl", "AnnounceMethod"}  # fmt: skip


class Refused(Exception):
    """An answer of an error; see https://www.twilio.com/docs/api/errors."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Rest(Loopback):
    """`twilio` is the account that it is for, set before it is asked. `refuses` is what
    to answer instead, once."""

    twilio: Twilio

    def __init__(self) -> None:
        super().__init__()
        self.refuses: Refused | None = None
        self.answers = 0
        """Requests so far."""

    def serve(self, method: str, path: str, who: tuple[str | None, str | None] | None, body: bytes) -> Reply:
        self.answers += 1
        file = re.fullmatch(r"/2010-04-01/Accounts/[^/]+/Recordings/(RE[0-9a-f]{32})\.wav", path)
        if file is not None and who == (self.twilio.account_sid, self.twilio.auth_token):
            kept = {one.sid for call in self.twilio.calls.values() for one in call.tapes if one.over}
            return (200, "audio/x-wav", tone(tape.SECONDS)) if file[1] in kept else (404, "text/plain", b"")
        status, found = self._answer(method, path, who, parse_qs(body.decode()))
        return status, "application/json", json.dumps(found).encode()

    def _answer(
        self, method: str, path: str, who: tuple[str | None, str | None] | None, form: Form
    ) -> tuple[int, dict[str, object]]:
        if who != (self.twilio.account_sid, self.twilio.auth_token):
            return 401, {"code": 20003, "message": "Authenticate", "status": 401}
        try:
            refused, self.refuses = self.refuses, None
            if refused is not None:
                raise refused
            prefix = f"/2010-04-01/Accounts/{self.twilio.account_sid}"
            match method, *path.partition("?")[0].removeprefix(prefix).removesuffix(".json").split("/"):
                case "POST", "", "Calls":
                    return 201, self._create(form)
                case "POST", "", "Calls", sid:
                    return 200, self._update(sid, form)
                case "GET", "", "Calls", sid:
                    return 200, self._call(sid)
                case "POST", "", "Calls", sid, "Recordings":
                    return 201, self._tape(sid, form)
                case "POST", "", "Calls", sid, "Recordings", recording:
                    return 200, self._taped(sid, recording, form)
                case "POST", "", "Conferences", conference, "Participants", sid:
                    return 200, self._participant(conference, sid, form)
                case "GET", "", "Conferences", conference:
                    return 200, self._conference(conference)
                case "GET", "", "Conferences", conference, "Participants":
                    return 200, self._participants(conference)
            raise Refused(404, 20404, f"there is no {path}")
        except Refused as error:
            return error.status, {"code": error.code, "message": str(error), "status": error.status}

    def _create(self, form: Form) -> dict[str, object]:
        _known(form, CREATE)
        to, shown = _one(form, "To"), _one(form, "From")
        if not ADDRESS.fullmatch(to):
            raise Refused(400, 21211, f"{to!r} can't be called")
        if not ADDRESS.fullmatch(shown):
            raise Refused(400, 21212, f"{shown!r} can't be shown")
        _url(form, "Url")
        if not 1 <= int(_one(form, "Timeout", "60")) <= 600:
            raise Refused(400, 21220, "Timeout is 1 to 600 seconds")
        if set(form.get("StatusCallbackEvent", ())) - EVENTS:
            raise Refused(400, 21626, "there is no such StatusCallbackEvent")
        credentials = _one(form, "SipAuthUsername", ""), _one(form, "SipAuthPassword", "")
        if any(credentials) and not (all(credentials) and to.startswith("sip")):
            raise Refused(400, 20001, "SipAuthUsername and SipAuthPassword are for SIP addresses, and go together")
        if len(to) > MAX_SIP:
            raise Refused(400, 21211, f"a SIP URI has at most {MAX_SIP} characters")
        call = self.twilio.call(shown, to, url=_one(form, "Url"), status_url=_one(form, "StatusCallback", ""))
        call.credentials = credentials
        return {"sid": call.sid, "status": "queued", "to": to, "from": shown}

    def _update(self, sid: str, form: Form) -> dict[str, object]:
        _known(form, UPDATE)
        call = self.twilio.calls.get(sid)
        if call is None:
            raise Refused(404, 20404, f"there is no call {sid}")
        if call.over:
            raise Refused(400, 21220, "the call is not in progress")
        status = _one(form, "Status", "")
        if status not in ("", "completed", "canceled") or bool(status) == ("Url" in form):
            raise Refused(400, 21218, "either Url, or Status completed or canceled")
        if status:
            self._later(
                lambda: (
                    None if call.over else call.hang_up() if call.heard or call.conference else call.refuse("canceled")
                )
            )
        else:
            url = _url(form, "Url")
            self._later(lambda: None if call.over else call.redirect(url))
        return {"sid": sid, "status": "in-progress"}

    def _call(self, sid: str) -> dict[str, object]:
        call = self.twilio.calls.get(sid)
        if call is None:
            raise Refused(404, 20404, f"there is no call {sid}")
        return {"sid": sid, "status": call.ended_as or ("in-progress" if call.answered else "ringing")}

    def _tape(self, sid: str, form: Form) -> dict[str, object]:
        _known(form, tape.CREATE)
        call = self.twilio.calls.get(sid)
        if call is None or call.over or not call.answered:
            raise Refused(404 if call is None else 400, 20404 if call is None else 21220, "the call is not in progress")
        channels = _one(form, "RecordingChannels", "mono")
        if channels not in ("mono", "dual"):
            raise Refused(400, 20001, "RecordingChannels is mono or dual")
        if set(form.get("RecordingStatusCallbackEvent", ())) - {"in-progress", "completed", "absent"}:
            raise Refused(400, 20001, "there is no such RecordingStatusCallbackEvent")
        told = _url(form, "RecordingStatusCallback") if "RecordingStatusCallback" in form else ""
        call.tapes.append(tape.Tape(call, told, channels))
        return {"sid": call.tapes[-1].sid, "call_sid": sid, "status": "in-progress"}

    def _taped(self, sid: str, recording: str, form: Form) -> dict[str, object]:
        """https://www.twilio.com/docs/voice/api/recording#update-a-recording"""
        _known(form, tape.UPDATE)
        status = _one(form, "Status")
        if status not in tape.STATUSES:
            raise Refused(400, 20001, f"Status is one of {', '.join(tape.STATUSES)}")
        if "PauseBehavior" in form and (status != "paused" or _one(form, "PauseBehavior") not in ("skip", "silence")):
            raise Refused(400, 20001, "PauseBehavior is skip or silence, for a pause")
        call = self.twilio.calls.get(sid)
        going = [one for one in call.tapes if not one.over] if call is not None else []
        found = next((one for one in reversed(going) if recording in (one.sid, "Twilio.CURRENT")), None)
        if found is None:
            raise Refused(404, 20404, "there is no such recording that goes on")
        self._later(lambda: found.becomes(status))
        return {"sid": found.sid, "call_sid": sid, "status": status}

    def _conference(self, sid: str) -> dict[str, object]:
        room = next((one for one in self.twilio.conferences if one.sid == sid), None)
        if room is None:
            raise Refused(404, 20404, f"there is no conference {sid}")
        return {"sid": sid, "status": "completed" if room.over else "in-progress" if room.started else "init"}

    def _room(self, sid: str) -> Conference:
        room = next((one for one in self.twilio.conferences if one.sid == sid and not one.over), None)
        if room is None:
            raise Refused(404, 20404, f"there is no conference {sid} that goes on")
        return room

    def _participants(self, conference: str) -> dict[str, object]:
        found = [{"call_sid": sid, "conference_sid": conference} for sid in self._room(conference).participants]
        return {"participants": found, "page": 0, "page_size": 50, "next_page_uri": None}

    def _participant(self, conference: str, sid: str, form: Form) -> dict[str, object]:
        _known(form, PARTICIPANT)
        room = self._room(conference)
        one = room.participants.get(sid)
        if one is None:
            raise Refused(404, 20404, "there is no such participant")
        for name in ("Hold", "Muted", "Coaching", "EndConferenceOnExit"):
            if _one(form, name, "false").lower() not in ("true", "false"):
                raise Refused(400, 20001, f"{name} is true or false")
        if "HoldUrl" in form and _one(form, "HoldMethod", "GET") not in ("GET", "POST"):
            raise Refused(400, 20001, "HoldMethod is GET or POST")
        if _one(form, "AnnounceMethod", "POST") not in ("GET", "POST"):
            raise Refused(400, 20001, "AnnounceMethod is GET or POST")
        if "AnnounceUrl" in form:
            announce = _url(form, "AnnounceUrl")
            self._later(lambda: room.announces(one, announce))
        hold = _flag(form, "Hold", one.hold)
        if hold and not one.hold:
            url, method = _url(form, "HoldUrl") if "HoldUrl" in form else "", _one(form, "HoldMethod", "GET")
            self._later(lambda: room.plays(one, url, method))
        coached = _one(form, "CallSidToCoach", "")
        if _flag(form, "Coaching", False) and coached not in room.participants:
            raise Refused(400, 16027, "CallSidToCoach is nobody in this conference")
        one.hold, one.muted = hold, _flag(form, "Muted", one.muted)
        one.ends = _flag(form, "EndConferenceOnExit", one.ends)
        if "Coaching" in form:
            one.coaching = coached if _flag(form, "Coaching", False) else ""
        return {"call_sid": sid, "conference_sid": conference, "hold": one.hold, "muted": one.muted,
                "coaching": bool(one.coaching), "end_conference_on_exit": one.ends}  # fmt: skip

    def _later(self, work: Callable[[], None]) -> None:
        self.twilio.asked.append(work)


def _known(form: Form, names: set[str]) -> None:
    unknown = set(form) - names
    if unknown:
        raise Refused(400, 20001, f"there is no parameter {', '.join(sorted(unknown))}")


def _one(form: Form, name: str, usual: str | None = None) -> str:
    values = form.get(name, [])
    if len(values) == 1:
        return values[0]
    if usual is None or values:
        raise Refused(400, 21201 if name == "To" else 20001, f"{name} is missing, or there is more than one")
    return usual


def _url(form: Form, name: str) -> str:
    url = _one(form, name)
    if not re.fullmatch(r"https?://[^\s#]+", url):
        raise Refused(400, 21205, f"{name}={url!r} is no absolute URL")
    return url


def _flag(form: Form, name: str, usual: bool) -> bool:
    return _one(form, name, str(usual)).lower() == "true"
