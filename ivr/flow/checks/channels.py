"""What a channel can't do: found here by capabilities, not on a call."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.flow.lint import CHANNELS, View, error, lint
from ivr.flow.problems import Problem
from ivr.flow.session import ASSISTED


@lint
def unsupported(view: View) -> Iterator[Problem]:
    found: dict[tuple[str, str], list[str]] = {}
    channels = dict(CHANNELS)
    if view.company.payment is not None:
        channels["a call whose agent takes a payment"] = ASSISTED
    starts = [(channel, can, view.company.start_for(can)) for channel, can in channels.items()]
    starts += [("a call of a campaign", CHANNELS["voice"], flow) for flow in view.called_out]
    for channel, capabilities, start in starts:
        for flow, name in view.reachable([start], capabilities):
            step = view.flows.flows[flow].steps[name]
            if not view.needs(step) <= capabilities and "unsupported" not in step.exits:
                found.setdefault((flow, name), []).append(channel)
    for (flow, name), lacking in found.items():
        step = view.flows.flows[flow].steps[name]
        what = f"`{step.verb}` can't be done on {' and '.join(lacking)} (it needs {', '.join(sorted(step.needs()))})"
        fix = "add `exits: {unsupported: STEP}`"
        if lacking[0] in CHANNELS:
            fix += f", or another start for {lacking[0]} under `channels` in company.yaml"
        yield error(view.mark(flow, name), what, fix, "unsupported")
