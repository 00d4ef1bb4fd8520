"""What a channel can't do: found here by capabilities, not on a call."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.flow.lint import CHANNELS, View, error, lint
from ivr.flow.problems import Problem


@lint
def unsupported(view: View) -> Iterator[Problem]:
    lacking: dict[tuple[str, str], list[str]] = {}
    for channel, capabilities in CHANNELS.items():
        start = view.company.start_for(capabilities)
        for flow, name in view.reachable([start], capabilities):
            step = view.flows.flows[flow].steps[name]
            if not view.needs(step) <= capabilities and "unsupported" not in step.exits:
                lacking.setdefault((flow, name), []).append(channel)
    for (flow, name), channels in lacking.items():
        step = view.flows.flows[flow].steps[name]
        what = f"`{step.verb}` can't be done on {' and '.join(channels)} (it needs {', '.join(sorted(step.needs()))})"
        fix = f"add `exits: {{unsupported: STEP}}`, or another start for {channels[0]} under `channels` in company.yaml"
        yield error(view.mark(flow, name), what, fix, "unsupported")
