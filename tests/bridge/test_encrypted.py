"""Conversations with SRTP on either side, or both: bridged, held, keyed, recorded as any other."""

from __future__ import annotations

import base64
import dataclasses
import wave
from pathlib import Path

import numpy as np
import pytest

from ivr.channels.sip.encryption import Srtp
from tests.bridge.centre import AGENTS, ANN, CUSTOMER, MUSIC, centre, recording
from tests.bridge.phones import TonePhone
from tests.bridge.secure_phones import SecureTonePhone
from tests.channels.sip.media.talker import tones_in
from tests.valkey import Valkey

pytestmark = [pytest.mark.sip]


@pytest.mark.parametrize(("customers", "agents"), [(True, False), (False, True), (True, True)])
async def test_a_conversation(
    valkey: Valkey, tmp_path: Path, customers: bool, agents: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    quiet = dataclasses.replace(recording(tmp_path / "calls"), consent=())
    async with centre(valkey, tmp_path, recording=quiet) as here:
        here.endpoint.settings = dataclasses.replace(here.endpoint.settings, srtp=Srtp("optional", (), True))
        ann = await (SecureTonePhone if agents else TonePhone).open(here.endpoint.address, AGENTS["ann"])
        customer = await (SecureTonePhone if customers else TonePhone).open(here.endpoint.address, CUSTOMER)
        here.phones += [ann, customer]
        await ann.register("ann")
        await customer.call()
        here.offer("ann")
        await ann.answer()
        await customer.hears(ANN)
        await ann.hears(CUSTOMER)
        legs = {leg.placed: leg for leg in here.endpoint.live}
        agreed = [legs[placed].agreed for placed in (False, True)]
        assert [one is not None and bool(one.keys) for one in agreed] == [customers, agents]
        customer.press("5")
        await ann.until(lambda: ann.keys == "5", "the key")
        here.order("hold")
        await customer.hears(MUSIC)
        here.order("resume")
        await customer.hears(ANN)
        await ann.hears(CUSTOMER)
        customer.hang_up()
        await here.ending()
        [(path, _, _)] = here.kept
        with wave.open(str(path)) as file:
            both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        # somewhere: on a busy machine a telephone of ours may say its tone with gaps
        windows = (both[start : start + 3200] for start in range(0, len(both) - 3200, 800))
        assert any(tones_in(said[:, 0]) == {CUSTOMER} and tones_in(said[:, 1]) == {ANN} for said in windows)
        for phone in (ann, customer):
            if isinstance(phone, SecureTonePhone):
                assert base64.b64encode(phone.key).decode()[:12] not in caplog.text + repr(here.__dict__)
