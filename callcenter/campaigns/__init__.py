"""Outbound campaigns: lists of people who are called when an agent is free, as callbacks that nobody asked for.

An entry joins the campaign's queue behind all inbound callers, and only when an agent has nothing else to do; the agent
is reserved first, then the customer is called. So nobody ever picks up to silence.

    imported ──> waiting ──> queued ──> done        state of a person on a list (`people`)
                    ^───────────┘                   not reached, or taken back

`config` is campaigns.yaml, `deciding` says who may be called now, `feeding` puts people into queues (in the router's
process), `following` notes what became of each call, in the transaction of the journal's events.
"""
