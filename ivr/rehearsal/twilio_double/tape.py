"""Recordings of calls on the double (https://www.twilio.com/docs/voice/api/recording): begun, paused and stopped by the
REST API, ended with the call, told of when they are complete."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ivr.rehearsal.twilio_double.call import Call

CREATE = {
    "RecordingChannels", "RecordingTrack", "Trim", "RecordingStatusCallback", "RecordingStatusCallbackMethod",
    "RecordingStatusCallbackEvent",
}  # fmt: skip
UPDATE = {"Status", "PauseBehavior"}
STATUSES = ("in-progress", "paused", "stopped")
SECONDS = 2
"""How long each recording is."""


@dataclass(eq=False)
class Tape:
    """`went` is what it was, in order: in-progress, paused, stopped. `keys` are the tones on it: Twilio records
    what the call says, <Gather> or not; a pause is silence."""

    call: Call
    callback: str
    channels: str
    sid: str = field(default_factory=lambda: f"RE{secrets.token_hex(16)}")
    went: list[str] = field(default_factory=lambda: ["in-progress"])
    keys: str = ""

    @property
    def over(self) -> bool:
        return self.went[-1] == "stopped"

    def hears(self, key: str) -> None:
        if self.went[-1] == "in-progress":
            self.keys += key

    def becomes(self, status: str) -> None:
        if self.over or self.went[-1] == status:
            return
        self.went.append(status)
        if self.over and self.callback:
            twilio = self.call.twilio
            url = f"https://api.twilio.com/2010-04-01/Accounts/{twilio.account_sid}/Recordings/{self.sid}"
            told = {
                "AccountSid": twilio.account_sid, "CallSid": self.call.sid, "RecordingSid": self.sid,
                "RecordingUrl": url, "RecordingStatus": "completed", "RecordingDuration": str(SECONDS),
                "RecordingChannels": "2" if self.channels == "dual" else "1",
                "RecordingSource": "StartCallRecordingAPI",
            }  # fmt: skip
            twilio.tell(self.call, self.callback, told)
