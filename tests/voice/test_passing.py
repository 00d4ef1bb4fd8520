"""A carrier's calls to agents' own telephones: real signalling and sound."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ivr.channels.twilio.api import Api
from ivr.channels.twilio.links import Link
from ivr.channels.twilio.reach import Reach
from ivr.channels.voice.extensions import Extension, Extensions, is_extension
from ivr.rehearsal.twilio_double import HttpTransport, Twilio
from ivr.rehearsal.twilio_double.rest import Rest
from ivr.settings import Settings
from tests.bridge.phones import TonePhone
from tests.channels.sip.test_gate import challenged, credentials
from tests.twilio.support import ACCOUNT_SID
from tests.valkey import Valkey
from tests.voice.office import Office, office

ANA, CARRIER = 700, 300
CALLER = "+12025550199"
Story = Callable[[Office], Awaitable[None]]
Play = Callable[..., None]


@pytest.fixture
def play(tmp_path: Path, audio: Path, valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Play:
    monkeypatch.setenv("TEST_PHONE", "secret")

    def run(story: Story, *agents: str) -> None:
        async def whole() -> None:
            async with office(tmp_path / "office", audio, valkey, *agents) as made:
                await story(made)

        asyncio.run(whole())

    return run


async def carrier(made: Office, called: str) -> TonePhone:
    """Somebody who is let in, about to call this."""
    phone = await TonePhone.open(made.endpoint.address, CARRIER)
    phone.client.called = called
    made.phones.append(phone)
    return phone


def given(made: Office, device: str = "user:ana") -> str:
    return Extensions(made.queues.client).give(Extension("ana", device, CALLER))


@pytest.mark.sip
@pytest.mark.timeout(120)
def test_the_two_hear_each_other_and_end_together(play: Play) -> None:
    async def story(made: Office) -> None:
        ana = await made.agent("ana", ANA)
        for who in ("carrier", "ana"):
            twilio = await carrier(made, given(made))
            calling = asyncio.ensure_future(twilio.call())
            invite = await ana.rings()
            assert CALLER in invite["from"]
            assert not calling.done(), "the carrier's call is answered when the telephone is"
            await ana.answer()
            await calling
            await twilio.hears(ANA)
            await ana.hears(CARRIER)
            ana.press("5")
            await twilio.until(lambda: twilio.keys.count("5") > 0, "the key")  # noqa: B023 used at once
            if who == "carrier":
                twilio.hang_up()
                await ana.ended()
            else:
                ana.hang_up()
                await twilio.ended()

    play(story, "ana")


@pytest.mark.sip
@pytest.mark.timeout(120)
@pytest.mark.parametrize(("answer", "told"), [(486, 486), (603, 603), (500, 480)])
def test_a_telephone_that_is_not_answered(play: Play, answer: int, told: int) -> None:
    async def story(made: Office) -> None:
        ana = await made.agent("ana", ANA)
        twilio = await carrier(made, given(made))
        calling = asyncio.ensure_future(twilio.client.call(twilio.client.sdp()))
        await ana.rings()
        ana.refuse(answer)
        assert (await calling).status == told

    play(story, "ana")


@pytest.mark.sip
@pytest.mark.timeout(120)
def test_who_gives_up_lets_the_telephone_be(play: Play) -> None:
    async def story(made: Office) -> None:
        ana = await made.agent("ana", ANA)
        twilio = await carrier(made, given(made))
        twilio.client.send(twilio.client.invite())
        await ana.rings()
        twilio.client.send(twilio.client.cancel())
        async with asyncio.timeout(20):
            await ana.cancelled.wait()

    play(story, "ana")


@pytest.mark.sip
@pytest.mark.timeout(120)
def test_an_address_is_good_once_and_nobody_guesses_one(play: Play) -> None:
    async def story(made: Office) -> None:
        spent, closed = given(made), given(made, "desk")
        assert Extensions(made.queues.client).take(spent) is not None
        for called, status in ((spent, 404), ("agent-" + "0" * 32, 404), (closed, 480)):
            twilio = await carrier(made, called)
            assert (await twilio.client.call(twilio.client.sdp())).status == status

    play(story, "ana", "cleo@desk")


@pytest.mark.parametrize("name", ["ana", "agent-", "agent-" + "g" * 32, "agent-" + "0" * 33, "4" * 32])
def test_what_is_no_such_address_is_the_flows(name: str, valkey: Valkey) -> None:
    assert not is_extension(name)
    with valkey.client() as client:
        assert Extensions(client).take(name) is None


@pytest.mark.sip
@pytest.mark.timeout(120)
def test_twilio_rings_a_telephone_of_ours_with_its_password(
    tmp_path: Path, audio: Path, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the request to Twilio's API to the sound: Twilio's call comes from a network that nobody knows."""
    monkeypatch.setenv("TEST_PHONE", "secret")

    async def story() -> None:
        made = Office(tmp_path / "office", audio, valkey, ("ana",), {})
        made.settings.sip_allow, made.settings.sip_users = "192.0.2.0/24", "desk:correct horse"
        await made.start()
        try:
            ana = await made.agent("ana", ANA)
            with Rest() as rest:
                asked = Settings(
                    _env_file=None, twilio_account_sid=ACCOUNT_SID, twilio_auth_token="token",
                    sip_users="desk:correct horse", twilio_sip_host="sip.example.com", twilio_sip_user="desk",
                    twilio_api_base=rest.base_url,
                )  # fmt: skip
                rest.twilio = Twilio(HttpTransport("http://127.0.0.1:9"), "token", "http://127.0.0.1:9", ACCOUNT_SID)
                reach = Reach(made.queues, asked)
                to = await asyncio.to_thread(reach.device, "ana", "user:ana", CALLER)
                link = Link("o", "c", "general", "ana", "s", "", "user:ana", "+12025550100")
                url = "http://127.0.0.1:9/x"
                sid = await asyncio.to_thread(reach.call, Api(asked), to, link, url=url, status=url, seconds=20)
                call = rest.twilio.calls[sid]
            assert call.credentials == ("desk", "correct horse")
            twilio = await carrier(made, call.called.removeprefix("sip:").partition("@")[0])
            uri = f"sip:{twilio.client.called}@127.0.0.1:{twilio.client.server[1]}"
            challenge = await challenged(twilio.client)
            shown = credentials(twilio.client, challenge, password=call.credentials[1], uri=uri)
            twilio.client.cseq += 1
            calling = asyncio.ensure_future(twilio.call(extra=shown))
            await ana.rings()
            await ana.answer()
            await calling
            await twilio.hears(ANA)
            await ana.hears(CARRIER)
        finally:
            await made.close()

    asyncio.run(story())
