"""Somebody else's telephone as an agent's: baresip registers with its password, is called, and is killed."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import numpy as np
import pytest

from tests.bridge.centre import ANN, BOB, CUSTOMER, MUSIC, WHISPER, centre
from tests.channels.sip.media.talker import AMPLITUDE, strength
from tests.valkey import Valkey
from tests.voice.baresip import Baresip

pytestmark = [pytest.mark.sip, pytest.mark.slow]


class AgentsPhone(Baresip):
    """Registers as ann. Its user says again what he hears: `aubridge` is an echo."""

    def __init__(self, folder: Path, server: tuple[str, int], transport: str) -> None:
        super().__init__(folder)
        account = f"<sip:ann@{server[0]}:{server[1]};transport={transport}>"
        (folder / "accounts").write_text(f"{account};auth_pass=secret;regint=120;answermode=auto;ptime=20\n")

    def hears(self, hertz: int) -> bool:
        heard = self.heard()[-3200:].astype(np.int16)
        return len(heard) == 3200 and strength(heard, hertz) > AMPLITUDE / 4

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_baresip_serves_a_customer_and_is_killed(valkey: Valkey, tmp_path: Path, transport: str) -> None:
    async with centre(valkey, tmp_path) as here:
        telephones = here.endpoint.telephones
        assert telephones is not None
        with AgentsPhone(tmp_path / "baresip", here.endpoint.address, transport) as phone:
            await here.until(lambda: bool(telephones.bindings.of("ann")))
            assert telephones.bindings.of("ann")[0].protocol == transport.upper()
            customer = await here.call()
            [offer] = here.offer("ann")
            await here.until(lambda: phone.hears(WHISPER))
            await here.until(lambda: phone.hears(CUSTOMER))
            assert here.state(offer) == "connected"
            await customer.hears(CUSTOMER)  # there and back
            here.order("hold")
            await customer.hears(MUSIC)
            await here.until(lambda: not phone.hears(CUSTOMER))
            here.order("resume")
            await here.until(lambda: phone.hears(CUSTOMER))
            phone.kill()
            assert (await here.ending()).why == "agent_lost"
            await customer.hears(MUSIC)
            assert here.place() == "waiting"
            bob = await here.agent("bob")
            here.offer("bob")
            await bob.answer()
            await customer.hears(BOB)
            assert strength(customer.everything(), ANN) < AMPLITUDE / 100


async def test_baresip_hangs_up_in_order(valkey: Valkey, tmp_path: Path) -> None:
    async with centre(valkey, tmp_path) as here:
        telephones = here.endpoint.telephones
        assert telephones is not None
        with AgentsPhone(tmp_path / "baresip", here.endpoint.address, "udp") as phone:
            await here.until(lambda: bool(telephones.bindings.of("ann")))
            customer = await here.call()
            here.offer("ann")
            await here.until(lambda: phone.hears(CUSTOMER))
            await asyncio.to_thread(phone.hang_up)
            ending = await here.ending()
            assert (ending.how, ending.why) == ("flow", "agent_hung_up")
            await customer.ended()
