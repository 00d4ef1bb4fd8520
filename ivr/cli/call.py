"""callwright call"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, Failure, command
from ivr.cli.folders import add_folders, locate, usable


@command
class Call(Command):
    """Rehearse a flow in the terminal: prompts are printed, keys and words typed, time is simulated.

    Actions run for real, on a throw-away database with the demo company's bills and the sandbox payment gateway; or
    you answer them yourself, with --actions ask. With --twilio a web process that runs is called as Twilio would call
    it, its own flows and actions with it; only what the caller hears and presses is simulated.
    """

    name: ClassVar[str] = "call"
    help: ClassVar[str] = "rehearse a call in the terminal"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        add_folders(parser)
        parser.add_argument("--text", action="store_true", help="write messages instead of making a phone call")
        parser.add_argument("--language", help="start in this language")
        parser.add_argument("--caller", default="+15550100", help="the caller's number, in E.164 (+15550100)")
        parser.add_argument(
            "--actions", choices=["run", "ask"], default="run", help="run actions (run), or ask you for their results"
        )
        parser.add_argument("--twilio", metavar="URL", help="call a running web process: http://127.0.0.1:8080")
        parser.add_argument("--at", metavar="TIME", help="the time of the call at the company: 2026-11-23T10:00 (now)")

    def run(self, arguments: argparse.Namespace) -> int:
        return self.twilio(arguments) if arguments.twilio else self.simulated(arguments)

    def twilio(self, arguments: argparse.Namespace) -> int:
        """Over HTTP, with requests signed by TWILIO_AUTH_TOKEN for PUBLIC_BASE_URL, as the server expects them."""
        from urllib.parse import urlsplit

        from ivr.cli.show import console
        from ivr.rehearsal.phone import Heard
        from ivr.rehearsal.terminal import Terminal
        from ivr.rehearsal.twilio_double import EndlessLoop, HttpTransport, RefusedTwiml, Twilio
        from ivr.rehearsal.twilio_double.phone import TwilioPhone
        from ivr.settings import Settings

        address = urlsplit(arguments.twilio)
        if address.scheme not in ("http", "https") or not address.netloc:
            raise Failure(f"'{arguments.twilio}' is not the address of a server", "write http://127.0.0.1:8080")
        unusable = [option for option in ("text", "language", "at") if getattr(arguments, option)]
        if unusable or arguments.actions != "run":
            raise Failure(f"--{(unusable or ['actions'])[0]} can't be used with --twilio", "the server decides that")
        settings = Settings()
        if not settings.twilio_auth_token:
            raise Failure("TWILIO_AUTH_TOKEN is not set", "give it the value that the server has")
        twilio = Twilio(HttpTransport(arguments.twilio), settings.twilio_auth_token, settings.base_url)
        twilio.account_sid = settings.twilio_account_sid or twilio.account_sid
        terminal = Terminal(console())
        call = twilio.call(
            arguments.caller, on_heard=lambda said: terminal.show(Heard("", said.text or said.audio, said.at))
        )
        try:
            terminal.talk(TwilioPhone(call, lambda said: ("", said.text)))
        except (RefusedTwiml, EndlessLoop) as error:
            raise Failure(f"Twilio would refuse the server's reply: {error}") from None
        for failure in call.failures[:1]:
            fix = (
                "compare the server's TWILIO_AUTH_TOKEN and PUBLIC_BASE_URL with yours"
                if failure.why == "HTTP 403"
                else "see the server's log"
            )
            raise Failure(str(failure), fix)
        return 0

    def simulated(self, arguments: argparse.Namespace) -> int:
        import datetime as dt
        from dataclasses import replace
        from zoneinfo import ZoneInfo

        from ivr.cli.show import console
        from ivr.flow.problems import nearest
        from ivr.rehearsal.sandbox import Sandbox
        from ivr.rehearsal.simulator import Simulator
        from ivr.rehearsal.terminal import Terminal

        folder, prompts, only = locate(arguments)
        flows = usable(folder, prompts)
        if only is not None and only not in flows.flows:
            raise Failure(f"{arguments.flows} is not a flow", "name a file with `steps:`")
        if only is not None and only != flows.company.start:
            flows = replace(flows, company=flows.company.model_copy(update={"start": only, "channels": {}}))
        if arguments.language and arguments.language not in flows.company.languages:
            raise Failure(f"'{arguments.language}' is not the company's", nearest(arguments.language, flows.texts))
        zone = ZoneInfo(flows.company.timezone)
        try:
            begin = dt.datetime.fromisoformat(arguments.at) if arguments.at else dt.datetime.now(zone)
        except ValueError:
            raise Failure(f"'{arguments.at}' is not a time", "write 2026-11-23T10:00") from None
        terminal = Terminal(console())
        with Sandbox() as sandbox:
            begin = begin if begin.tzinfo else begin.replace(tzinfo=zone)
            asked = arguments.actions == "ask"
            phone = Simulator(
                flows,
                terminal.ask_for_result(flows) if asked else sandbox.fresh(flows, begin),
                begin=begin,
                text=arguments.text,
                caller=arguments.caller,
                language=arguments.language,
                on_heard=terminal.show,
            )
            terminal.talk(phone)
        return 0
