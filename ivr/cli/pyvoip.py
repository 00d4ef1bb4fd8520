"""callwright pyvoip"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, Failure, command


@command
class Pyvoip(Command):
    """Register as a telephone at the PBX of SIP_REGISTER and answer its calls with the published flows, on pyVoIP.

    `callwright sip` does the same without pyVoIP and more; see docs/pyvoip.md.
    """

    name: ClassVar[str] = "pyvoip"
    help: ClassVar[str] = "answer the calls of one PBX with pyVoIP (an extra)"

    def run(self, arguments: argparse.Namespace) -> int:
        from ivr import logs
        from ivr.assembly import make_renderer, make_runner
        from ivr.settings import Settings

        try:
            from ivr.channels.pyvoip.line import NotRegistered
            from ivr.channels.pyvoip.service import serve
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] not in ("pyVoIP", "audioop"):
                raise
            raise Failure("pyVoIP is missing", "pip install 'callwright[pyvoip]', on Python 3.11 or 3.12") from None
        settings = Settings()
        logs.configure(settings.log_format)
        try:
            serve(settings, make_runner(settings), make_renderer(settings), _ready)
        except ValueError as error:
            raise Failure(str(error)) from None
        except NotRegistered as error:
            raise Failure(str(error), "check SIP_REGISTER, and that the PBX can be reached from SIP_HOST") from None
        except OSError as error:
            where = f"{settings.sip_host}:{settings.sip_port}"
            raise Failure(f"pyVoIP can't listen on {where} or find its PBX ({error.strerror or error})") from None
        return 0


def _ready(address: tuple[str, int]) -> None:
    print(f"pyVoIP: registered from {address[0]}:{address[1]}", flush=True)
