"""What `callwright run` tells a newcomer once calls are answered."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from callcenter.mail.compose import our_addresses
from ivr.flow.model import FlowSet
from ivr.flow.session import VOICE
from ivr.flow.verbs.menu import Menu
from ivr.settings import Settings

SAMPLE_ACCOUNT = "10203040"
"""Of the demo company, `ivr/actions/bills/demo.csv`."""
CARDS = {
    "4242 4242 4242 4242": "approved",
    "4000 0000 0000 0002": "declined",
    "4000 0000 0000 9995": "not enough funds",
    "4000 0000 0000 0069": "expired",
    "4000 0000 0000 0119": "the gateway is down",
    "4000 0000 0000 0077": "approved, slowly",
    "4000 0000 0000 0341": "the answer gets lost",
}
"""The sandbox gateway's, see `ivr/actions/payments/sandbox.py`."""


def banner(settings: Settings, flows: FlowSet, *, demo: bool, first_run: str = "") -> RenderableType:
    """`settings` with the ports that were taken; `demo` where the sample account is there to be billed; `first_run` is
    the path of the link that makes the first admin, while there is none."""
    host = f"[{settings.sip_host}]" if ":" in settings.sip_host else settings.sip_host
    if settings.sip_host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = settings.sip_public_host or "this-machine"
    address = f"sip:anything@{host}:{settings.sip_port}"
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column(overflow="fold")
    rows.add_row("Call", Text(address, "bold cyan"))
    rows.add_row("", f"Linphone: dial that address, no account needed; baresip: /dial {address}")
    rows.add_row("Web", Text(settings.base_url, "cyan"))
    if first_run:
        rows.add_row("Desk", Text(f"{settings.base_url}{first_run}", "bold cyan"))
        rows.add_row("", "makes the first admin, once, within a day")
    else:
        rows.add_row("Desk", Text(f"{settings.base_url}/desk/", "cyan"))
    rows.add_row("Twilio", _twilio(settings))
    if settings.mail_in:
        rows.add_row("Mail", _mail(settings))
    keys = ", ".join(f"{key} {what}" for key, what in _keys(flows))
    rows.add_row("Press", keys)
    if demo:
        rows.add_row("Account", f"{SAMPLE_ACCOUNT} owes a bill")
        if settings.payment_gateway == "sandbox":
            cards = Table.grid(padding=(0, 2))
            for number, outcome in CARDS.items():
                cards.add_row(Text(number), Text(outcome, "dim"))
            rows.add_row("Cards", Group(cards, "any expiry to come, any security code of 3 digits; no money moves"))
    return Panel(rows, title=flows.company.name, subtitle="Ctrl-C stops", expand=False)


def _twilio(settings: Settings) -> str:
    if not settings.twilio_auth_token or not settings.public_base_url:
        how = "set PUBLIC_BASE_URL and TWILIO_AUTH_TOKEN in .env, then point a number's voice webhook"
        return f"{how} at PUBLIC_BASE_URL/twilio/voice; see docs/twilio.md"
    return f"point a number's voice webhook at {settings.base_url}/twilio/voice"


def _mail(settings: Settings) -> str:
    try:
        ours = our_addresses(settings.mail_addresses, settings.mail_from)
    except ValueError as error:
        return str(error)
    host = f"[{settings.mail_in_host}]" if ":" in settings.mail_in_host else settings.mail_in_host
    where = f"SMTP on {host}:{settings.mail_in_port} for {ours.first or 'your domains'}"
    return where if settings.smtp_url else f"{where}; answers wait until SMTP_URL is set; see docs/email.md"


def _keys(flows: FlowSet) -> Iterator[tuple[str, str]]:
    """The keys of the first menu, and those that work everywhere."""
    start = flows.flows.get(flows.company.start_for(VOICE))
    taken = set()
    menu = next((step for step in (start.steps.values() if start else ()) if isinstance(step, Menu)), None)
    for choice in menu.choices if menu else ():
        taken.add(choice.key)
        label = flows.text(flows.default_language, choice.label) or choice.label
        yield choice.key, label
    keys = flows.company.keys
    for key, what in ((keys.person, "a person"), (keys.repeat, "hear it again"), (keys.back, "go back")):
        if key not in taken:
            yield key, what
