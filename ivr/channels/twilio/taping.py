"""Conversations on Twilio that their queue records: what is asked of Twilio, and who is told of it.

Twilio records the customer's call, what he says and what he hears in a channel each
(https://www.twilio.com/docs/voice/api/recording); `recordings` fetches the file when it is complete.
"""

from __future__ import annotations

from callcenter import regions
from callcenter.acd.config import Record
from callcenter.queues.store import Queues
from callcenter.recordings import CONVERSATION
from ivr.channels.twilio.api import Api
from ivr.channels.twilio.links import Link

STATUS = {"pause": "paused", "resume": "in-progress", "stop": "stopped"}


class Taping:
    """`base_url` is where Twilio tells that a file is complete. Raises `ApiError`."""

    def __init__(self, queues: Queues, api: Api, base_url: str) -> None:
        self._queues, self._api, self._base_url = queues, api, base_url

    def rule(self, link: Link) -> Record:
        queue = self._queues.config.queues.get(link.queue)
        return Record() if queue is None else queue.record

    def announced(self, link: Link) -> bool:
        """Whether the customer is told of the recording. The first number of some countries takes seconds."""
        rule = self.rule(link)
        number = link.number or self._queues.entry(link.contact).get("caller", "")
        return rule.on and regions.announced(rule.consent, rule.regions, number)

    def do(self, link: Link, call: str, what: str) -> None:
        """start, pause, resume or stop. Who has hung up is recorded no more."""
        if what == "start":
            self._api.record(call, f"{self._base_url}/twilio/recording-status/{link.contact}/{CONVERSATION}")
        else:
            self._api.recording(call, STATUS[what])
