"""Who gets in: networks, digests, and strangers who get nothing."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import re

import pytest

from ivr.channels.sip.digest import DigestServer
from ivr.channels.sip.guard import ANSWERS_PER_SECOND, GUESSES, LOCKED_SECONDS, Answers, Lockout
from tests.channels.sip.fakes import FakeClock
from tests.channels.sip.raw_client import Message, RawClient
from tests.channels.sip.server import calling, eventually

pytestmark = pytest.mark.sip

ELSEWHERE = (ipaddress.ip_network("192.0.2.0/24"),)
USERS = {"desk": "correct horse"}


def credentials(
    client: RawClient,
    challenge: Message,
    *,
    method: str = "INVITE",
    algorithm: str = "SHA-256",
    password: str = "correct horse",
    count: int = 1,
    uri: str = "",
    nonce: str = "",
) -> str:
    value = next(v for v in challenge.all("www-authenticate") if f"algorithm={algorithm}" in v)
    got = dict(re.findall(r'(\w+)="([^"]+)"', value))
    nonce = nonce or got["nonce"]
    uri = uri or f"sip:ivr@127.0.0.1:{client.server[1]}"
    hasher = hashlib.md5 if algorithm == "MD5" else hashlib.sha256

    def h(text: str) -> str:
        return hasher(text.encode()).hexdigest()

    secret = h(f"desk:{got['realm']}:{password}")
    response = h(f"{secret}:{nonce}:{count:08x}:c0:auth:{h(f'{method}:{uri}')}")
    return (
        f'Authorization: Digest username="desk", realm="{got["realm"]}", nonce="{nonce}", uri="{uri}", '
        f'algorithm={algorithm}, qop=auth, nc={count:08x}, cnonce="c0", response="{response}"'
    )


async def challenged(client: RawClient, **invite: object) -> Message:
    client.send(client.invite(**invite))  # type: ignore[arg-type]
    answer = await client.final("INVITE")
    assert answer.status == 401
    client.ack(answer)
    return answer


async def test_a_scanner_gets_nothing_and_cannot_make_us_dial() -> None:
    async with calling(allow=ELSEWHERE) as (server, client):
        client.send(client.invite())
        for method in ("OPTIONS", "REGISTER", "REFER", "BYE", "CANCEL", "ACK", "INFO", "NOTIFY", "MESSAGE", "FOO"):
            client.send(client.request(method, extra="Refer-To: <sip:900@192.0.2.1>"))
        client.send(b"OPTIONS sip:x SIP/7.0\r\nVia: SIP/2.0/UDP 127.0.0.1:1;branch=z9hG4bKa\r\n\r\n")
        client.send(client.request("OPTIONS").replace(b"Content-Length: 0", b"Content-Length: 9"))
        async with asyncio.timeout(20):
            while server.endpoint.stats().get("odd_not_allowed", 0) < 11:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        assert client.log == []
        assert server.legs == []
        assert server.endpoint.stats()["transactions"] == 0


async def test_an_allowed_network_needs_no_digest() -> None:
    async with calling(allow=(ipaddress.ip_network("127.0.0.0/8"),), users=USERS) as (_, client):
        assert (await client.call()).status == 200


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_a_caller_proves_who_he_is(algorithm: str) -> None:
    async with calling(users=USERS) as (server, client):
        challenge = await challenged(client)
        assert "SHA-256" in challenge["www-authenticate"]
        client.cseq += 1
        extra = credentials(client, challenge, algorithm=algorithm)
        assert (await client.call(extra=extra)).status == 200
        assert (await client.ask("OPTIONS")).status == 200
        await client.bye()
        await server.quiet()


async def test_a_challenge_keeps_no_state_and_is_not_repeated() -> None:
    async with calling(users=USERS) as (server, client):
        client.send(client.invite())
        await client.final("INVITE")
        assert server.endpoint.stats()["transactions"] == 0
        await asyncio.sleep(0.1)
        assert len(client.log) == 1


@pytest.mark.parametrize("wrong", ["password", "uri", "nonce", "method"])
async def test_wrong_credentials_are_refused(wrong: str) -> None:
    async with calling(users=USERS) as (server, client):
        challenge = await challenged(client)
        client.cseq += 1
        change = {"password": "x", "uri": "sip:900@127.0.0.1", "nonce": "00.aa.bb", "method": "BYE"}[wrong]
        await challenged(client, extra=credentials(client, challenge, **{wrong: change}))  # type: ignore[arg-type]
        assert server.legs == []
        assert server.endpoint.stats()["odd_wrong_credentials"] == 1


async def test_guessing_passwords_locks_an_address_out() -> None:
    async with calling(users=USERS) as (server, client):
        challenge = await challenged(client)
        for count in range(1, GUESSES + 1):
            client.cseq += 1
            await challenged(client, extra=credentials(client, challenge, password="x", count=count))
        client.cseq += 1
        client.send(client.invite(extra=credentials(client, challenge, count=count + 1)))
        await eventually(lambda: server.endpoint.stats().get("odd_locked_out", 0) > 0)
        assert server.legs == []
        assert client.log[-1].status == 401
        neighbour = await RawClient.open(server.endpoint.address)
        neighbour.send(neighbour.request("OPTIONS").replace(b"Content-Length: 0", b"Content-Length: 9"))
        neighbour.send(neighbour.request("OPTIONS"))
        await eventually(lambda: server.endpoint.stats()["odd_locked_out"] > 1 + (client.log[-1].status == 0))
        assert neighbour.log == []
        neighbour.close()


def test_a_lockout_ends_and_its_memory_is_bounded() -> None:
    clock = FakeClock()
    lockout = Lockout(clock)
    for _ in range(GUESSES):
        assert not lockout.locked("192.0.2.1")
        lockout.failed("192.0.2.1")
    assert lockout.locked("192.0.2.1")
    assert not lockout.locked("192.0.2.2")
    clock.advance(LOCKED_SECONDS - 1)
    assert lockout.locked("192.0.2.1")
    clock.advance(1)
    assert not lockout.locked("192.0.2.1")
    lockout.failed("192.0.2.1")
    assert not lockout.locked("192.0.2.1")
    for host in range(GUESSES):
        lockout.failed(f"2001:db8::{host:x}")
    assert lockout.locked("2001:db8::ffff")
    assert not lockout.locked("2001:db8:0:1::1")
    for number in range(10_000):
        lockout.failed(f"10.0.{number // 256}.{number % 256}")
    assert len(lockout._guesses) == 4096


async def test_a_nonce_of_somebody_else_is_no_guess() -> None:
    digests = DigestServer(USERS, "callwright", FakeClock())
    nonce = re.search(r'nonce="([^"]+)"', digests.challenges("192.0.2.1")[0])
    assert nonce
    async with calling(users=USERS) as (server, client):
        challenge = await challenged(client)
        for count in range(GUESSES + 1):
            client.cseq += 1
            forged = credentials(client, challenge, password="x", nonce=nonce[1], count=count + 1)
            await challenged(client, extra=forged)
        client.cseq += 1
        assert (await client.call(extra=credentials(client, challenge))).status == 200
        await client.bye()
        assert "odd_locked_out" not in server.endpoint.stats()


async def test_credentials_that_were_overheard_are_stale() -> None:
    async with calling(users=USERS) as (server, client):
        challenge = await challenged(client)
        client.cseq += 1
        extra = credentials(client, challenge)
        await client.call(extra=extra)
        await client.bye()
        client.renew()
        again = await challenged(client, extra=extra)
        assert "stale=true" in again["www-authenticate"]
        assert len(server.legs) == 1
        client.cseq += 1
        assert (await client.call(extra=credentials(client, challenge, count=2))).status == 200


async def test_refer_and_options_need_credentials_too() -> None:
    async with calling(users=USERS) as (_, client):
        for method in ("REFER", "OPTIONS", "REGISTER", "MESSAGE"):
            assert (await client.ask(method)).status == 401


async def test_a_repeated_invite_with_credentials_is_not_asked_again() -> None:
    async with calling(users=USERS) as (server, client):
        challenge = await challenged(client)
        client.cseq += 1
        invite = client.invite(extra=credentials(client, challenge))
        client.send(invite)
        client.send(invite)
        answer = await client.final("INVITE")
        assert answer.status == 200
        client.took(answer)
        client.ack(answer)
        await client.bye()
        assert len(server.legs) == 1
        assert len([m for m in client.log if m.status == 401]) == 1


async def test_a_forged_source_is_not_flooded_with_our_answers() -> None:
    """Who is asked for a password over UDP may have sent nothing: an answer is longer than what it answers."""
    async with calling(users=USERS, allow=ELSEWHERE) as (server, client):
        server.endpoint._gate._answers = Answers(FakeClock())  # no time passes
        most = round(ANSWERS_PER_SECOND)
        for number in range(most + 1):
            client.renew()
            client.send(client.request("OPTIONS", cseq=number + 1))
            if number < most:
                assert (await client.final("OPTIONS")).status == 401
        await eventually(lambda: server.endpoint.oddities.counts["not answered"] == 1)


def test_answers_come_again_and_their_memory_is_bounded() -> None:
    clock = FakeClock()
    answers = Answers(clock)
    most = round(ANSWERS_PER_SECOND)
    assert [answers.admits("2001:db8::1") for _ in range(most + 2)] == [True] * most + [False] * 2
    assert not answers.admits("2001:db8::2")  # whoever has one of a /64 has all
    assert answers.admits("192.0.2.1")
    clock.advance(0.5)
    assert sum(answers.admits("2001:db8::1") for _ in range(most)) == most // 2
    for number in range(10_000):
        answers.admits(f"198.51.{number // 256}.{number % 256}")
    assert len(answers._left) <= 4096
