"""baresip with SRTP over TLS, whose SRTP is not ours: calling in and being called, each hears the other."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ivr.channels.leg import Answered, Clip, HungUp, PlayEnded
from ivr.channels.sip.leg import SipLeg
from ivr.prompts.parts import Part, Prompt
from ivr.speech import pcm
from tests.channels.sip.tls import make_certificate
from tests.voice.baresip import ALIKE, Baresip, correlate
from tests.voice.line import Line
from tests.voice.test_baresip import Caller, _key

pytestmark = [pytest.mark.sip, pytest.mark.slow]


class SecurePhone(Baresip):
    """With a certificate; its sound as `mediaenc` says. Its user says again what he hears: `aubridge` is an echo."""

    def __init__(self, folder: Path, mediaenc: str, certificate: tuple[Path, Path]) -> None:
        super().__init__(folder)
        (folder / "both.pem").write_bytes(certificate[0].read_bytes() + certificate[1].read_bytes())
        config = (folder / "config").read_text()
        (folder / "config").write_text(f"{config}module srtp.so\nsip_certificate {folder}/both.pem\n")
        account = f"<sip:phone@127.0.0.1;transport=tls>;regint=0;answermode=auto;ptime=20;mediaenc={mediaenc}\n"
        (folder / "accounts").write_text(account)
        self.uri = f"sip:phone@127.0.0.1:{self.port + 1};transport=tls"  # its TLS port is the next one


class Echo:
    """What comes back from the phone."""

    def __init__(self) -> None:
        self._heard = bytearray()

    def __call__(self, frames: bytes) -> None:
        self._heard += frames

    def waits_for(self, ulaw: bytes) -> None:
        """Until this audio was among the last quarter of a minute."""
        wanted = np.frombuffer(pcm.pcm16(ulaw), "<i2").astype(np.float64)
        ends, best = time.monotonic() + 25, 0.0
        while time.monotonic() < ends:
            heard = np.frombuffer(pcm.pcm16(bytes(self._heard[-15 * 8000 :])), "<i2").astype(np.float64)
            best = max(best, correlate(heard, wanted)[1])
            if best > ALIKE:
                return
            time.sleep(0.4)
        raise AssertionError(f"not heard: {best:.2f} at best in {len(self._heard) / 8000:.1f} s")


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    made = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made[0]))
    return made


@pytest.fixture(params=["optional", "required"])
def line(request: pytest.FixtureRequest, tmp_path: Path, audio: Path, certificate: tuple[Path, Path]) -> Iterator[Line]:
    certified: dict[str, Any] = {"sip_tls_cert": str(certificate[0]), "sip_tls_key": str(certificate[1])}
    srtp = f"off,127.0.0.0/8={request.param}"
    with Line(tmp_path, audio, sip_srtp=srtp, sip_tls_port=0, **certified) as line:
        yield line


def test_it_calls_and_hears_and_is_heard(
    line: Line, tmp_path: Path, certificate: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    """RTP/SAVP offered by it; its keys are SRTP too."""
    caplog.set_level(0)
    endpoint = line.service.endpoint
    assert endpoint
    with SecurePhone(tmp_path / "baresip", "srtp-mand", certificate) as phone:
        caller = Caller(line, phone, "tls", endpoint.transports.ports["TLS"])
        caller.hears("main.welcome")
        [leg] = endpoint.live
        assert leg.agreed
        keys = leg.agreed.keys
        assert keys
        caller.hears("main.how_can_we_help")
        caller.presses("2")
        caller.hears("main.anything_else")
        caller.presses("2")
        caller.hears("main.goodbye")
        caller.let_go()
    for key in (keys.ours, keys.theirs):
        assert base64.b64encode(key).decode()[:16] not in caplog.text
        assert key.hex()[:16] not in caplog.text


@pytest.mark.parametrize("mediaenc", ["srtp", "srtp-mand"])
def test_it_is_called_and_hears_and_is_heard(
    line: Line, tmp_path: Path, certificate: tuple[Path, Path], mediaenc: str
) -> None:
    endpoint = line.service.endpoint
    assert endpoint
    text = line.ears.catalogue.text("en", "main.goodbye")
    assert text
    clips = line.run(line.ears.clips(Prompt((Part("text", text),), "en", "main.goodbye")))
    audio = b"".join(clip.ulaw for clip in clips)
    with SecurePhone(tmp_path / "baresip", mediaenc, certificate) as phone:
        leg = line.run(endpoint.dial(phone.uri))
        assert isinstance(leg, SipLeg)
        first = line.run(leg.next_event())
        assert first == Answered(), (first, phone.log)
        assert leg.agreed
        assert leg.agreed.keys
        echo = Echo()
        line.run(_listen(leg, echo))
        line.run(_say(leg, clips))  # over and over: on a busy machine its jitter buffer may cut one short
        phone.waits_for(audio)
        echo.waits_for(audio)
        line.run(_stop(leg))
        assert isinstance(line.run(leg.next_event()), PlayEnded)
        phone.press("42#")
        assert [line.run(_key(leg)) for _ in range(3)] == ["4", "2", "#"]
        phone.hang_up()
        assert line.run(leg.next_event()) == HungUp("peer")
        assert not re.search("(?i)srtp.*(fail|error)", phone.log)


async def _say(leg: SipLeg, clips: list[Clip]) -> None:
    leg.play(clips, loop=True)


async def _stop(leg: SipLeg) -> None:
    leg.stop()


async def _listen(leg: SipLeg, echo: Echo) -> None:
    leg.listen(echo)
