"""The demo's flow on pyVoIP: the call that our own SIP engine is tested with, through a PBX."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyVoIP", reason="needs pyVoIP: pip install 'callwright[pyvoip]' (Python 3.11 or 3.12)")

from ivr.channels.pyvoip.service import PyvoipService
from tests.channels.pyvoip.pbx import Pbx
from tests.voice.line import Line

pytestmark = pytest.mark.sip


class PbxLine(Line):
    """The service registered at a PBX, which is what callers call."""

    def __init__(self, folder: Path, audio: Path) -> None:
        super().__init__(folder, audio)
        self.pbx: Pbx | None = None

    def __enter__(self) -> PbxLine:
        self._thread.start()
        self.pbx = self.run(Pbx.open())
        account = f"ivr:secret@127.0.0.1:{self.pbx.address[1]}"
        self.settings = self.settings.model_copy(update={"sip_register": account})
        self.service: Any = PyvoipService(self.settings, self.runner, self.ears)
        self.run(self.service.start())
        self.address = self.pbx.address
        return self

    def __exit__(self, *exc: object) -> None:
        pbx, close = self.pbx, self.service.close
        assert pbx is not None

        async def close_all() -> None:
            await close()
            pbx.transport.close()
            await asyncio.sleep(0)

        self.service.close = close_all
        super().__exit__(*exc)
        assert pbx.phone is None, "still registered"


@pytest.fixture
def line(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PbxLine]:
    with PbxLine(tmp_path, tmp_path_factory.getbasetemp() / "audio") as line:
        yield line


def test_a_caller_asks_for_the_opening_hours(line: PbxLine) -> None:
    phone = line.call("+15550123456")
    assert phone.hears("main.how_can_we_help")
    phone.press("2")
    assert phone.hears("main.anything_else")
    hours = [(prompt.id, audio) for prompt, audio in phone._due if prompt.id.startswith("hours.")]
    assert hours
    assert [id for id, audio in hours if phone.audio.find(audio) < 0] == [], "not heard to the byte"
    assert phone.lost == 0
    phone.press("2")
    assert phone.hears("main.goodbye")
    assert phone.wait_for_end()
    facts = phone.facts()
    assert [step for step in facts.steps if step[0] == "opening_hours"]
    assert line.service.line is not None
    assert not line.service.line.legs


def test_a_caller_hangs_up(line: PbxLine) -> None:
    phone = line.call()
    assert phone.hears("main.how_can_we_help")
    phone.hang_up()
    assert phone.facts().outcome
    assert line.run(asyncio.sleep(0)) is None
    assert not line.service.line.legs


def test_a_missing_account(line: PbxLine) -> None:
    line.settings.sip_register = ""
    service = PyvoipService(line.settings, line.runner, line.ears)
    with pytest.raises(ValueError, match="SIP_REGISTER"):
        line.run(service.start())
