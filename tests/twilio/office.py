"""Callers on Twilio and the agents who serve them: real queues on a real store, the double for Twilio."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from callcenter import control
from callcenter.live import Live
from callcenter.queues.journal import Fact, Tail
from callcenter.queues.router import Router
from callcenter.queues.store import Queues
from callcenter.redis_client import connect
from ivr.channels.twilio.orders import Orders
from ivr.channels.twilio.payments import Payments
from ivr.channels.twilio.ringing import Ringing
from ivr.channels.twilio.sip_host import carried
from ivr.queue_config import PublishedQueues
from ivr.rehearsal.twilio_double import Call
from ivr.rehearsal.twilio_double.rest import Rest
from ivr.runner import Runner
from ivr.vault import Vault
from tests.twilio.support import ROOT, Line
from tests.valkey import Valkey

ANA, BEN, DANA = "+12025550143", "sip:ben@pbx.example.com", "+12025550199"
BANK = "+12025550177"
"""A number that nobody of the company has."""


class Office:
    """Ana has a number, Ben a SIP telephone, Cleo a browser; the caller is Dana. `step` does what is due."""

    def __init__(self, made: Line, valkey: Valkey, rest: Rest) -> None:
        self.line, self.rest, self.twilio = made, rest, made.twilio
        self._valkey_url, self._runners, self._lives = valkey.url, list[Runner](), list[Live]()
        rest.twilio, rest.refuses = made.twilio, None
        published = PublishedQueues(made.runner.published, connect(valkey.url), carried(made.chosen))
        self.queues: Queues = published.queues
        self.router = Router(self.queues)
        self.ringing = Ringing(made.chosen, self.queues, made.engine)
        self.orders = self.another_router()
        self.tail = Tail(self.queues.client)
        self.facts: list[Fact] = []

    def another_router(self) -> Orders:
        """That knows nothing but what is stored: not even the key of the web process's vault."""
        published = self.line.runner.published
        runner = Runner(self.line.engine, published, Vault(), self.line.chosen, clock=lambda: self.line.clock[0])
        self._runners.append(runner)
        live = Live(self._valkey_url)
        self._lives.append(live)
        return Orders(self.line.chosen, self.queues, Payments(runner, self.queues.client, live.publish))

    def step(self) -> None:
        """The router's next decisions, what follows from them, and what Twilio was asked for; until all is quiet."""
        while True:
            self.router.once(0)
            facts = self.tail.read()
            self.facts += facts
            for fact in facts:
                self.ringing.follow(fact)
            asked = bool(self.twilio.asked)
            self.twilio.settle()
            if not facts and not asked:
                return

    @property
    def kinds(self) -> list[str]:
        return [fact.kind for fact in self.facts]

    def waits(self) -> Call:
        call = self.line.call(caller=DANA)
        call.finish_speaking()
        call.press("0")
        return call

    def rung(self) -> Call:
        """The telephone of an agent that rings."""
        self.step()
        [phone] = [call for call in self.twilio.calls.values() if call.outbound and not call.answered and not call.over]
        return phone

    @property
    def up(self) -> set[str]:
        """The numbers and addresses whose telephones are up, those of callers too."""
        return {call.called if call.outbound else call.caller for call in self.twilio.calls.values()
                if call.answered and not call.over}  # fmt: skip

    def hears(self, call: Call) -> set[str]:
        """What somebody in a conference hears: numbers and addresses, or the sound on hold."""
        room = call.conference
        assert room is not None, "not in a conference"
        one = room.participants[call.sid]
        if one.hold:
            return {sound.rpartition("/")[2] for sound in one.hears}
        calls = [self.twilio.calls[sid] for sid in room.hears(call.sid)]
        return {other.called if other.outbound else other.caller for other in calls}

    def contact(self, call: Call) -> str:
        return str(self.line.session(call).contact_id)

    def state(self, call: Call) -> str:
        place = self.queues.place(self.contact(call))
        return "" if place is None else place.state

    def offer(self, call: Call) -> Any:
        return self.queues.offer(self.queues.entry(self.contact(call))["offer"])

    def ordered(self, call: Call, verb: str, by: str = "ana", **args: object) -> str:
        """Why not, "" where it was done."""
        return self.ordered_of(self.contact(call), verb, by, **args)

    def ordered_of(self, contact: str, verb: str, by: str = "ana", **args: object) -> str:
        order = control.order(self.queues.client, contact, verb, by=by, args=args)
        before = Tail(self.queues.client)
        self.orders.once()
        self.step()
        [answer] = [fact for fact in before.read() if fact.kind == "call.answer"]
        assert answer.data["order"] == order
        assert answer.data["ok"] == (not answer.data["why"])
        return str(answer.data["why"])

    def conversation(self) -> tuple[Call, Call]:
        """Dana and Ana talk."""
        dana = self.waits()
        ana = self.rung().start()
        ana.press("1")
        self.step()
        assert self.state(dana) == "connected"
        return dana, ana

    def books(self) -> tuple[Call, str]:
        """Dana asks to be called back on the number that she calls from."""
        self.queues.set_presence("ana", "unavailable", "lunch")
        dana = self.waits()
        for _ in ("call me back", "on this number", "when it is my turn"):
            dana.finish_speaking()
            dana.press("1")
        dana.hang_up()
        return dana, self.contact(dana)

    def calls_back(self) -> tuple[Call, Call, str]:
        """Dana, who is called back and talks to Ana; Ana, and the contact."""
        _, contact = self.books()
        self.queues.set_presence("ana", "available")
        ana = self.rung().start()
        ana.press("1")
        home = self.rung().start()
        home.press("1")
        self.step()
        assert home.conference is ana.conference is not None
        return home, ana, contact

    def close(self) -> None:
        self.ringing.close()
        for runner in self._runners:
            runner.close()
        for live in self._lives:
            live.close()
        self.queues.client.close()


Open = Callable[..., Office]


def company_files(folder: Path, record: dict[str, object] | None = None) -> Path:
    """The demo company's flows with these agents; its queues record so."""
    flows = folder / "flows"
    shutil.copytree(ROOT / "flows", flows)
    shutil.rmtree(flows / "calls")
    people = {name: {"queues": ["general"], "phone": phone} for name, phone in
              {"ana": ANA, "ben": BEN, "cleo": "desk"}.items()}  # fmt: skip
    (flows / "agents.yaml").write_text(yaml.safe_dump({"agents": people}))
    queues = yaml.safe_load((flows / "queues.yaml").read_text())
    for queue in queues["queues"].values():
        queue["record"] = dict(record or {})
        for rule in (queue, queue.get("callback", {})):  # callbacks are made whenever the tests run
            rule.pop("hours", None)
    (flows / "queues.yaml").write_text(yaml.safe_dump(queues))
    return flows
