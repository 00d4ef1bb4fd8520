"""How messages come in and go out: texts by a provider's HTTP, mails by SMTP, chats by the widget's way."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import email
import email.message
import json
import smtplib
import time
from typing import Any

import aiohttp
from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Origin

from bench.faults.people import Writer
from callcenter import webhooks

SECRET = "whsec_" + base64.b64encode(b"a key for the fault run").decode()
OUR_NUMBER, OUR_MAIL = "+15550199", "support@localhost"
ORIGIN = Origin("http://shop.example")
GONE = (OSError, aiohttp.ClientError, TimeoutError, smtplib.SMTPException, WebSocketException, EOFError)
"""Who answers has been killed just now: try again."""
PAUSE = 0.5
UNACKNOWLEDGED = 30.0
"""A page connects anew where nothing comes for so long after what it said."""


async def served_or_turned_away(person: Writer) -> None:
    waits = [asyncio.create_task(event.wait()) for event in (person.served, person.turned_away)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    person.turned_away.clear()


class Texts:
    """A provider of text messages. It sends a message with a key that it has seen no second time, as ours must."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http
        self.people: dict[str, Writer] = {}
        self.url = ""
        self._seen: set[str] = set()

    async def open(self) -> None:
        app = web.Application()
        app.router.add_post("/", self._out)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"

    async def _out(self, request: web.Request) -> web.Response:
        key, given = request.headers["Idempotency-Key"], await request.json()
        if key not in self._seen and (person := self.people.get(given["to"])):
            self._seen.add(key)
            person.reads(key, given["text"])
        return web.json_response({"id": f"p-{key}"})

    async def write(self, base: str, person: Writer) -> None:
        """Until served: as a carrier does, each text again until it was taken, and once more for a lost answer."""
        while not person.served.is_set():
            person.tries += 1
            id = f"{person.name}-{person.tries}"
            for _ in range(2):
                await self._taken(base, id, person.address)
            await served_or_turned_away(person)

    async def _taken(self, base: str, id: str, number: str) -> None:
        while True:
            if await self._post(base, id, number):
                return
            await asyncio.sleep(PAUSE)

    async def _post(self, base: str, id: str, number: str) -> bool:
        body = json.dumps({"id": id, "from": number, "to": OUR_NUMBER, "text": "I need a person"}).encode()
        at = int(time.time())
        head = {
            "webhook-id": id,
            "webhook-timestamp": str(at),
            "webhook-signature": webhooks.sign(SECRET, id, at, body),
        }
        try:
            async with self.http.post(f"{base}/sms/inbound", data=body, headers=head) as answer:
                return answer.status == 200
        except GONE:
            return False

    async def close(self) -> None:
        await self._runner.cleanup()


class Mails:
    """The customers' mail server, and how they write to us."""

    def __init__(self) -> None:
        self.people: dict[str, Writer] = {}

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: SMTP(self, hostname="customers"), "127.0.0.1", 0)
        self.url = f"smtp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        self._came(envelope.rcpt_tos, content)
        return "250 OK"

    def _came(self, to: list[str], content: bytes) -> None:
        message = email.message_from_bytes(content)
        part = next(part for part in message.walk() if part.get_content_type() == "text/plain")
        text = part.get_payload(decode=True)
        for address in to:
            if (person := self.people.get(address)) and isinstance(text, bytes):
                person.reads(message["Message-ID"], text.decode())

    async def write(self, port: int, person: Writer) -> None:
        while not person.served.is_set():
            person.tries += 1
            said = (
                f"From: {person.address}\r\nTo: {OUR_MAIL}\r\nSubject: Help\r\n"
                f"Message-ID: <{person.name}-{person.tries}@customer.test>\r\n\r\nI need a person.\r\n"
            )
            while True:
                try:
                    await asyncio.to_thread(_send, port, person.address, said)
                    break
                except GONE:
                    await asyncio.sleep(PAUSE)
            await served_or_turned_away(person)

    async def close(self) -> None:
        self._server.close()
        await self._server.wait_closed()


def _send(port: int, sender: str, said: str) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as server:
        server.sendmail(sender, [OUR_MAIL], said)


class Chats:
    """Visitors: a ticket by HTTP, then a socket; both again when they are gone."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http

    async def write(self, base: str, person: Writer) -> None:
        visitor = ""
        person.tries, sent = 1, 0
        while not person.served.is_set():
            try:
                head = {"Origin": ORIGIN}
                async with self.http.post(f"{base}/chat/ticket", json={"visitor": visitor}, headers=head) as answer:
                    if answer.status != 200:
                        raise aiohttp.ClientError(answer.status)
                    given = await answer.json()
                visitor = given["visitor"]
                sent = await self._visit(given, person, sent)
            except GONE:
                pass
            await asyncio.sleep(PAUSE)

    async def _visit(self, given: dict[str, Any], person: Writer, sent: int) -> int:
        """Say what is to be said, and read. Which message was acknowledged last."""
        async with connect(given["url"], origin=ORIGIN, open_timeout=20, ping_timeout=20) as socket:
            await socket.send(json.dumps({"id": "hello", "kind": "hello", "ticket": given["ticket"]}))
            welcomed = False
            with contextlib.suppress(*GONE):
                while not person.served.is_set():
                    event = json.loads(await asyncio.wait_for(socket.recv(), UNACKNOWLEDGED if welcomed else None))
                    if event["kind"] == "error":  # "not sent, try again", and the visitor does
                        return sent
                    if event["kind"] == "ack":
                        sent = max(sent, int(event["id"].rpartition("-")[2]))
                    elif event["kind"] == "thread":
                        self._read(person, event["data"]["messages"])
                        if person.turned_away.is_set():
                            person.turned_away.clear()
                            person.tries, welcomed = person.tries + 1, False
                        if not welcomed and sent < person.tries:
                            welcomed = True
                            said = {"text": "I need a person"}
                            id = f"{person.name}-message-{person.tries}"
                            await socket.send(json.dumps({"id": id, "kind": "message", "data": said}))
        return sent

    def _read(self, person: Writer, messages: list[dict[str, Any]]) -> None:
        """A page that gets a message again shows it once."""
        for message in messages:
            if message["id"] not in person.shown:
                person.reads(message["id"], message["text"])
