"""TwiML turns per second and their p99 on one gunicorn worker, beside a bare Flask route that returns a constant
document under the same gunicorn settings.

    python -m bench.webhook [--rounds 5] [--seconds 3] [--connections 8]

Every turn is a signed request of a call in the demo flow: its session is loaded, stepped and committed before the
reply leaves. The two servers are measured in turns within one run; the figures are medians over the rounds. The
server is pinned to the first processor and the load (a process of its own, keep-alive connections) to the second.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import html
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date
from pathlib import Path
from urllib.parse import quote_plus, urlsplit

from bench.measuring import cpu_seconds, percentile

ROOT = Path(__file__).parents[1]
BASE_URL = "https://voice.example.com"
TOKEN = "a token for measuring with"
ACTION = re.compile(r'action="([^"]+)"')


def serve(kind: str, folder: Path) -> None:
    """Run one server until SIGTERM."""
    from flask import Flask, Response

    from callcenter.db import migrate, open_database
    from ivr import logs
    from ivr.actions.bills.importing import DEMO, import_bills
    from ivr.assembly import make_published
    from ivr.settings import Settings
    from ivr.web import create_app
    from ivr.web.gunicorn import Server

    os.sched_setaffinity(0, {0})
    logs.configure("json")
    settings = Settings(
        _env_file=None, data_dir=folder, port=0, public_base_url=BASE_URL, twilio_auth_token=TOKEN,
        database_url=os.environ.get("DATABASE_URL", ""),
    )  # fmt: skip
    if kind == "bare":
        app = Flask("bare")
        constant = (
            '<?xml version="1.0" encoding="UTF-8"?><Response><Gather numDigits="1"><Say>How can we help you?</Say>'
            "</Gather></Response>"
        )
        app.add_url_rule(
            "/twilio/voice", view_func=lambda: Response(constant, content_type="text/xml"), methods=["POST"]
        )
    else:
        engine = open_database(settings.database)
        migrate(engine)
        import_bills(engine, Path(DEMO), date.today())
        make_published(settings, engine).publish(ROOT / "flows", ROOT / "prompts")
        engine.dispose()
        app = create_app(settings)
    Server(app, settings).run()


class Caller(threading.Thread):
    """One connection with one call after another on it; counts turns and their times until `stop`."""

    def __init__(self, kind: str, address: tuple[str, int], stop: threading.Event, number: int) -> None:
        super().__init__(daemon=True)
        self.kind, self.stop, self.number = kind, stop, number
        self.times: list[float] = []
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.calls = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                self.call()
        except BaseException as error:
            self.error = error

    def call(self) -> None:
        self.calls += 1
        sid = f"CA{os.getpid():08x}{self.number:08x}{self.calls:08x}{int(time.time()):08x}"
        params = {
            "AccountSid": "AC" + "0" * 32, "ApiVersion": "2010-04-01", "CallSid": sid, "CallStatus": "in-progress",
            "Called": "+15550199", "Caller": "+15550100", "Direction": "inbound", "From": "+15550100",
            "To": "+15550199",
        }  # fmt: skip
        reply = self.post(f"{BASE_URL}/twilio/voice", params)
        for turn in range(40):
            if self.stop.is_set():
                return
            if self.kind == "bare":
                url, digits, finish = f"{BASE_URL}/twilio/voice", "1", ""
            else:
                found = ACTION.search(reply)
                assert found, reply
                url = html.unescape(found[1])
                digits, finish = ("1", "") if turn % 2 == 0 else ("", "#")  # into the bill's flow, and back
            began = time.perf_counter()
            reply = self.post(url, {**params, "Digits": digits, "FinishedOnKey": finish, "msg": "Gather End"})
            self.times.append(time.perf_counter() - began)

    def post(self, url: str, params: dict[str, str]) -> str:
        signed = url + "".join(name + params[name] for name in sorted(params))
        signature = base64.b64encode(hmac.new(TOKEN.encode(), signed.encode(), hashlib.sha1).digest()).decode()
        body = "&".join(f"{name}={quote_plus(value)}" for name, value in params.items())
        self.socket.sendall(
            f"POST {urlsplit(url).path} HTTP/1.1\r\nHost: voice.example.com\r\nX-Twilio-Signature: {signature}\r\n"
            f"Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\nContent-Length: {len(body)}\r\n\r\n"
            f"{body}".encode()
        )
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.receive()
        head, _, rest = data.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), data
        found = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        assert found
        while len(rest) < int(found[1]):
            rest += self.receive()
        return rest.decode()

    def receive(self) -> bytes:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data


def processor_seconds(server: int) -> float:
    """What gunicorn and its worker have used so far."""
    pids = [server, *map(int, Path(f"/proc/{server}/task/{server}/children").read_text().split())]
    return sum(map(cpu_seconds, pids))


def load(
    kind: str, server: int, address: tuple[str, int], seconds: float, connections: int
) -> tuple[float, float, float]:
    """(turns per second, p99 in seconds, the server's processor seconds per turn)."""
    stop = threading.Event()
    callers = [Caller(kind, address, stop, number) for number in range(connections)]
    before = processor_seconds(server)
    began = time.perf_counter()
    for caller in callers:
        caller.start()
    time.sleep(seconds)
    stop.set()
    for caller in callers:
        caller.join()
        caller.socket.close()
        if caller.error:
            raise caller.error
    elapsed = time.perf_counter() - began
    times = [duration for caller in callers for duration in caller.times]
    return len(times) / elapsed, percentile(times, 0.99), (processor_seconds(server) - before) / len(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--serve", choices=["ours", "bare"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.folder)
        return 0
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    servers: dict[str, subprocess.Popen[str]] = {}
    results: dict[str, list[tuple[float, float, float]]] = {"bare": [], "ours": []}
    with tempfile.TemporaryDirectory() as folder:
        try:
            addresses = {}
            for kind in results:
                command = [sys.executable, "-m", "bench.webhook", "--serve", kind, "--folder", folder]
                server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
                servers[kind] = server
                assert server.stdout
                found = None
                while found is None:
                    line = server.stdout.readline()
                    if not line:
                        raise SystemExit(f"the {kind} server did not start")
                    found = re.match(r"web: http://(.+):(\d+)$", line.strip())
                addresses[kind] = (found[1], int(found[2]))
                load(kind, servers[kind].pid, addresses[kind], 1.0, arguments.connections)  # warm
            for _ in range(arguments.rounds):
                for kind in results:
                    results[kind].append(
                        load(kind, servers[kind].pid, addresses[kind], arguments.seconds, arguments.connections)
                    )
        finally:
            for server in servers.values():
                server.terminate()
            for server in servers.values():
                server.wait()
    for kind, rounds in results.items():
        rate, p99, used = (statistics.median(column) for column in zip(*rounds, strict=True))
        each = " ".join(f"{rate:.0f}" for rate, _, _ in rounds)
        print(f"{kind}: {rate:.0f} turns/s, p99 {p99 * 1000:.1f} ms, processor {used * 1000:.2f} ms a turn  ({each})")
    ratios = [ours[0] / bare[0] for ours, bare in zip(results["ours"], results["bare"], strict=True)]
    print(f"ratio: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    lean = [bare[2] / ours[2] for ours, bare in zip(results["ours"], results["bare"], strict=True)]
    print(f"ratio by processor time: {statistics.median(lean):.2f} ({min(lean):.2f} to {max(lean):.2f})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
