"""What the flows want and the carriers that are set up can't do: no matter of the files alone, so it is a warning."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.campaigns import named
from ivr.flow.campaigns import FILE
from ivr.flow.model import FlowSet
from ivr.flow.problems import Problem
from ivr.settings import Settings


def doubts(flows: FlowSet, settings: Settings) -> Iterator[Problem]:
    """Campaigns that run a flow, where the only carrier is Twilio: their calls are dialled at the first registrar of
    SIP_REGISTER (`ivr.channels.sip.endpoint`), and without one nobody is ever called. Where no carrier is set up at
    all nobody expects calls yet."""
    node = flows.nodes.get(FILE)
    if node is None or not settings.twilio_auth_token or settings.sip_register:
        return
    for name, campaign in named(flows).items():
        if campaign.flow is not None:
            what = (
                f"the campaign '{name}' calls nobody: its calls need a SIP trunk, and Twilio is the only carrier here"
            )
            fix = "name a trunk in SIP_REGISTER and run `callwright sip` (docs/campaigns.md), or remove the campaign"
            yield Problem(node.at((FILE, name, "flow")), what, fix, "no_trunk", warning=True)
