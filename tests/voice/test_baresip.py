"""baresip as an ordinary telephone, over UDP and TCP, calling in and being called: it hears what is due."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from callcenter.tables import payments, sessions
from ivr.channels.leg import Answered, CallLeg, Clip, Digit, HungUp, PlayEnded
from ivr.prompts.parts import Part, Prompt
from ivr.prompts.written import written
from tests.voice.baresip import Baresip
from tests.voice.line import Line

pytestmark = [pytest.mark.sip, pytest.mark.slow]

SOON = 20.0


@pytest.fixture
def line(tmp_path: Path, audio: Path) -> Iterator[Line]:
    with Line(tmp_path, audio) as line:
        yield line


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Baresip]:
    with Baresip(tmp_path / "baresip") as phone:
        yield phone


class Caller:
    """Listens for the prompts of the one call on a line, in their order."""

    def __init__(self, line: Line, phone: Baresip, transport: str, port: int = 0) -> None:
        self._line, self._phone = line, phone
        self._at = 0
        self._taken = 0
        phone.dial(f"sip:ivr@{line.address[0]}:{port or line.address[1]};transport={transport}")

    def hears(self, id: str) -> str:
        """Wait for a prompt to come due and to be heard whole; its words."""
        prompt, audio = self._due(id)
        self._at = self._phone.waits_for(audio, self._at)
        return written(prompt)

    def presses(self, keys: str) -> None:
        self._phone.press(keys)

    def _due(self, id: str) -> tuple[Prompt, bytes]:
        ends = time.monotonic() + SOON
        while time.monotonic() < ends:
            due = [one for call in list(self._line.ears.due.values()) for one in list(call)]
            for index in range(self._taken, len(due)):
                if due[index][0].id == id:
                    self._taken = index + 1
                    return due[index]
            time.sleep(0.05)
        raise AssertionError(f"{id} did not come due\n{self._phone.log}")

    def let_go(self) -> None:
        """Wait until the call is over."""
        endpoint = self._line.service.endpoint
        assert endpoint
        ends = time.monotonic() + SOON
        while endpoint.calls and time.monotonic() < ends:
            time.sleep(0.05)
        assert not endpoint.calls


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_hours_call(line: Line, phone: Baresip, transport: str) -> None:
    caller = Caller(line, phone, transport)
    caller.hears("main.welcome")
    caller.hears("main.how_can_we_help")
    caller.presses("2")
    caller.hears("main.anything_else")
    caller.presses("2")
    caller.hears("main.goodbye")
    caller.let_go()
    with line.engine.connect() as connection:
        assert connection.execute(sa.select(sessions.c.channel)).scalar_one() == "sip"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_bill_is_paid(line: Line, phone: Baresip, transport: str) -> None:
    caller = Caller(line, phone, transport)
    caller.hears("main.how_can_we_help")
    caller.presses("1")
    caller.hears("pay.ask_account")
    caller.presses("10203040")
    caller.hears("pay.how_much")
    caller.presses("1")
    caller.hears("pay.ask_card")
    caller.presses("5555555555554444#")
    caller.hears("pay.ask_expiry")
    caller.presses("0831")
    caller.hears("pay.ask_security_code")
    caller.presses("7392")
    assert "was approved" in caller.hears("pay.approved")
    caller.hears("main.anything_else")
    caller.presses("2")
    caller.hears("main.goodbye")
    caller.let_go()
    with line.engine.connect() as connection:
        payment = connection.execute(sa.select(payments)).one()
    assert (payment.status, payment.amount, payment.card_last4) == ("approved", 8450, "4444")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_being_called(line: Line, phone: Baresip, transport: str) -> None:
    """It answers, hears a prompt whole, its keys arrive, and it is let go."""
    endpoint = line.service.endpoint
    assert endpoint
    text = line.ears.catalogue.text("en", "main.goodbye")
    assert text
    clips = line.run(line.ears.clips(Prompt((Part("text", text),), "en", "main.goodbye")))
    leg = line.run(endpoint.dial(f"{phone.uri};transport={transport}"))
    assert line.run(leg.next_event()) == Answered()
    play = line.run(_play(leg, clips))
    ended = line.run(leg.next_event())
    assert isinstance(ended, PlayEnded)
    assert (ended.play, ended.reason) == (play, "done")
    phone.waits_for(b"".join(clip.ulaw for clip in clips))
    phone.press("42#")
    assert [line.run(_key(leg)) for _ in range(3)] == ["4", "2", "#"]
    phone.hang_up()
    assert line.run(leg.next_event()) == HungUp("peer")


async def _play(leg: CallLeg, clips: list[Clip]) -> int:
    return leg.play(clips)  # on the loop that the leg belongs to


async def _key(leg: object) -> str:
    event = await leg.next_event()  # type: ignore[attr-defined]
    assert isinstance(event, Digit)
    return event.digit
