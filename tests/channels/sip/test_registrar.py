"""Telephones that register with us: who may, for how long, and where they are then called."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from ivr.channels.leg import Answered, HungUp
from ivr.channels.sip import digest
from ivr.channels.sip.bindings import Bindings
from ivr.channels.sip.registrar import MAX_CONTACTS, Account
from ivr.channels.sip.transaction import Timers
from tests.channels.sip import sipp
from tests.channels.sip.raw_client import Message, RawClient
from tests.channels.sip.server import Server, serving
from tests.channels.sip.telephone import Telephone, h
from tests.valkey import Valkey, valkey, valkey_server

__all__ = ["valkey", "valkey_server"]
pytestmark = pytest.mark.sip

ELSEWHERE = (ipaddress.ip_network("192.0.2.0/24"),)


ACCOUNTS = {
    "ann": Account("ann", "secret"),
    "bob": Account("bob", "other"),
    "new": Account("new", hashes={"SHA-256": h("new:callwright:secret")}),
}


@asynccontextmanager
async def registering(**changes: Any) -> AsyncIterator[tuple[Server, Telephone]]:
    async with serving(accounts=ACCOUNTS.get, **changes) as server:
        client = await RawClient.open(server.endpoint.address)
        try:
            yield server, Telephone(client)
        finally:
            client.close()


def bound(answer: Message) -> list[str]:
    return [re.sub(r";.*", "", value) for value in answer.all("contact")]


async def test_a_telephone_registers_is_called_and_unregisters() -> None:
    # no network is allowed: it is the password alone that lets it in
    async with registering(allow=ELSEWHERE) as (server, phone):
        answer = await phone.register()
        assert answer.status == 200
        [contact] = answer.all("contact")
        assert contact.startswith(f"<sip:ann@127.0.0.1:{phone.client.port}>;expires=")
        assert 240 <= int(contact.rpartition("=")[2]) <= 300
        leg = await server.endpoint.dial("sip:ann@local", caller="+15550100")
        invite = await phone.client.asked("INVITE")
        assert invite.start == f"INVITE sip:ann@127.0.0.1:{phone.client.port} SIP/2.0"
        assert "sip:+15550100@" in invite["from"]
        phone.client.answer(invite, 200, body=phone.client.sdp())
        await phone.client.asked("ACK")
        assert await leg.next_event() == Answered()
        leg.hang_up()
        phone.client.answer(await phone.client.asked("BYE"), 200)
        assert await leg.next_event() == HungUp("us")
        assert (await phone.register(expires=0)).all("contact") == []
        leg = await server.endpoint.dial("sip:ann@local")
        assert await leg.next_event() == HungUp("error", "480 not registered")


async def test_who_is_behind_a_nat_is_called_where_he_came_from_and_told_the_end_there() -> None:
    async with registering() as (server, phone):
        assert (await phone.register(contact="<sip:ann@10.1.2.3:5999>")).status == 200
        leg = await server.endpoint.dial("sip:ann@local")
        invite = await phone.client.asked("INVITE")
        assert invite.start == "INVITE sip:ann@10.1.2.3:5999 SIP/2.0"
        answer = phone.client.response(invite, 200, body=phone.client.sdp())
        phone.client.send(re.sub(rb"Contact: <[^>]+>", b"Contact: <sip:ann@10.1.2.3:5999>", answer))
        await phone.client.asked("ACK")
        await leg.next_event()
        leg.hang_up()
        bye = await phone.client.asked("BYE")
        assert bye.start == "BYE sip:ann@10.1.2.3:5999 SIP/2.0"
        phone.client.answer(bye, 200)


async def test_a_contact_elsewhere_makes_nobody_dial_elsewhere() -> None:
    """Whoever knows an agent's password can't have us call a number at the trunk."""
    async with registering() as (server, phone):
        other = await RawClient.open(server.endpoint.address)
        assert (await phone.register(contact=f"<sip:+19005550000@127.0.0.1:{other.port}>")).status == 200
        leg = await server.endpoint.dial("sip:ann@local")
        phone.client.answer(await phone.client.asked("INVITE"), 486)
        assert isinstance(await leg.next_event(), HungUp)
        assert other.log == []
        other.close()


async def test_strangers_and_wrong_passwords_get_nowhere() -> None:
    async with registering(allow=ELSEWHERE) as (server, phone):
        phone.password = "guess"
        assert (await phone.register()).status == 401
        phone.password, phone.user = "secret", "nobody"
        assert (await phone.register()).status == 401
        phone.user = "bob"  # with his name, and ann's password
        assert (await phone.register()).status == 401
        phone.user = "ann"
        assert (await phone.send(phone.authorization(), of="bob")).status == 403
        assert server.endpoint.telephones is not None
        assert [server.endpoint.telephones.bindings.of(user) for user in ("ann", "bob", "nobody")] == [[], [], []]
        phone.client.renew()
        phone.client.send(phone.client.invite())
        phone.client.send(phone.client.request("REFER", extra="Refer-To: <sip:900@192.0.2.1>"))
        await phone.register()
        assert not [m for m in phone.client.log if m.cseq_method in ("INVITE", "REFER")]


async def test_even_an_allowed_network_needs_a_password_and_many_guesses_end() -> None:
    async with registering(allow=(ipaddress.ip_network("127.0.0.0/8"),)) as (_, phone):
        phone.password = "guess"
        for _ in range(10):
            assert (await phone.register()).status == 401
        phone.password = "secret"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(phone.register(), 0.5)


async def test_one_telephone_that_is_set_up_wrong_does_not_lock_its_office_out() -> None:
    async with registering() as (server, phone):
        assert (await phone.register()).status == 200
        client = await RawClient.open(server.endpoint.address)
        wrong = Telephone(client, "bob", "guess")
        for _ in range(10):
            assert (await wrong.register()).status == 401
        wrong.password = "other"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wrong.register(), 0.5)
        assert (await phone.register()).status == 200
        client.close()


async def test_what_was_overheard_is_of_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    async with registering() as (_, phone):
        assert (await phone.register()).status == 200
        again = await phone.send(phone.authorization(count=1))
        assert again.status == 401
        assert "stale=true" in again["www-authenticate"]
        monkeypatch.setattr(digest, "NONCE_SECONDS", -1.0)
        old = await phone.register()
        assert old.status == 401
        assert "stale=true" in old["www-authenticate"]


async def test_a_repeated_datagram_gets_the_same_answer_again() -> None:
    async with registering() as (_, phone):
        assert (await phone.register()).status == 200
        client = phone.client
        client.cseq += 1
        data = client.request("REGISTER", extra=phone.authorization(), uri="sip:127.0.0.1", to_tag="")
        for _ in range(2):
            client.send(data)
            assert (await client.final("REGISTER")).status == 200


async def test_a_stored_hash_will_do_and_is_asked_for() -> None:
    async with registering() as (_, phone):
        phone.user = "new"
        assert (await phone.register(algorithm="SHA-256")).status == 200
        assert phone.challenge is not None
        assert ["algorithm=SHA-256" in value for value in phone.challenge.all("www-authenticate")] == [True]


async def test_both_hashes_where_telephones_know_them() -> None:
    async with registering(telephone_digests=("SHA-256", "MD5")) as (_, phone):
        assert (await phone.register(algorithm="SHA-256")).status == 200
        assert (await phone.register(algorithm="MD5")).status == 200


async def test_several_telephones_a_query_and_the_oldest_makes_room() -> None:
    async with registering() as (_, phone):
        for number in range(MAX_CONTACTS + 1):
            assert (await phone.register(contact=f"<sip:ann@10.0.0.{number}>")).status == 200
        query = await phone.send(phone.authorization(), contact=None)
        assert bound(query) == [f"<sip:ann@10.0.0.{number}>" for number in range(MAX_CONTACTS, 0, -1)]
        both = "<sip:ann@10.0.0.1>;expires=0, <sip:ann@10.0.0.2>;expires=0"
        left = await phone.send(phone.authorization(), contact=both)
        assert bound(left) == ["<sip:ann@10.0.0.4>", "<sip:ann@10.0.0.3>"]
        # Path is not ours to follow (RFC 3327 section 5.3: it is not required)
        path = await phone.send(f"Path: <sip:192.0.2.9;lr>\n{phone.authorization()}", contact=None)
        assert path.status == 200
        everything = await phone.send(f"Expires: 0\n{phone.authorization()}", contact="*")
        assert (everything.status, bound(everything)) == (200, [])


async def test_a_telephone_that_was_started_anew_is_one_telephone() -> None:
    async with registering() as (_, phone):
        for port in (5061, 5062):
            answer = await phone.register(contact=f'<sip:ann@10.0.0.1:{port}>;+sip.instance="<urn:uuid:1>"')
        assert bound(answer) == ["<sip:ann@10.0.0.1:5062>"]


@pytest.mark.parametrize(
    ("extra", "contact", "status"),
    [
        ("Expires: 30", "", 423),
        ("Expires: 60", "*", 400),
        ("", "*, <sip:ann@10.0.0.1>", 400),
        ("", "<tel:+15550100>", 400),
        ("", "<<sip:x", 400),
        ("Require: gruu", "", 420),
        ("Expires: soon", "", 200),
    ],
)
async def test_what_makes_no_sense_is_refused(extra: str, contact: str, status: int) -> None:
    async with registering() as (_, phone):
        await phone.register()
        answer = await phone.send(f"{extra}\n{phone.authorization()}".strip(), contact=contact)
        assert answer.status == status
        if status == 423:
            assert answer["min-expires"] == "60"


async def test_an_older_register_of_the_same_call_changes_nothing() -> None:
    async with registering() as (_, phone):
        assert (await phone.register()).status == 200
        phone.client.cseq -= 2
        assert (await phone.register(expires=0)).status == 500
        phone.client.cseq += 2
        assert len(bound(await phone.register())) == 1


async def test_a_registration_lapses_and_another_process_finds_one_in_redis(valkey: Valkey) -> None:
    now = 1000.0
    with valkey.client(decode_responses=True) as client:
        kept = Bindings(client, lambda: now)
        async with registering(bindings=kept) as (_, phone):
            await phone.register(expires=90)
            await kept.close()
            [stored] = client.hgetall("cw:registered:ann").values()
            assert json.loads(stored)["source"] == ["127.0.0.1", phone.client.port]
            another = Bindings(client, lambda: now)
            assert await another.find("ann") == kept.of("ann") != []
            now += 91
            assert (kept.of("ann"), await another.find("ann"), await another.find("bob")) == ([], [], [])


async def test_without_redis_telephones_are_still_known() -> None:
    with redis.Redis.from_url("redis://127.0.0.1:1", decode_responses=True) as client:
        async with registering(bindings=Bindings(client)) as (server, phone):
            assert (await phone.register()).status == 200
            leg = await server.endpoint.dial("sip:ann@local")
            phone.client.answer(await phone.client.asked("INVITE"), 486)
            assert isinstance(await leg.next_event(), HungUp)
            leg = await server.endpoint.dial("sip:bob@local")
            assert await leg.next_event() == HungUp("error", "480 not registered")


async def test_sipp_registers_and_takes_a_call(tmp_path: Path) -> None:
    # RFC 3261's own times: the call is placed while the telephone starts, and that may take seconds
    async with serving(accounts=ACCOUNTS.get, timers=Timers()) as server:
        port = str(sipp.free_port())
        await sipp.run("register", server.endpoint.address, tmp_path, port=port)
        phone = asyncio.create_task(sipp.run("telephone", server.endpoint.address, tmp_path, port=port))
        leg = await server.endpoint.dial("sip:ann@local", caller="+15550100")
        assert await leg.next_event() == Answered()
        leg.hang_up()
        assert await leg.next_event() == HungUp("us")
        await phone
