"""Prometheus metrics. Several web processes share them through PROMETHEUS_MULTIPROC_DIR, as the client documents."""

from __future__ import annotations

import os

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTACTS = Counter("callwright_contacts_total", "Contacts that began", ["channel"])
STEPS = Counter("callwright_steps_total", "Inputs taken by flows", ["channel"])
REPEATED = Counter("callwright_repeated_requests_total", "Repeated or late requests, answered from store", ["channel"])
ACTIONS = Histogram("callwright_action_seconds", "Self-service actions", ["action", "exit"])
FAULTS = Counter("callwright_faults_total", "Faults that a caller was apologised to for", ["channel", "kind"])
CALLS = Gauge("callwright_calls", "Calls in progress", ["channel"], multiprocess_mode="livesum")
REFUSED = Counter("callwright_calls_refused_total", "SIP calls refused with 503: rate, calls, draining", ["why"])
SRTP_DROPPED = Counter("callwright_srtp_dropped_total", "Packets on encrypted calls: unauthentic, replayed", ["why"])
LIVE_CONNECTIONS = Gauge("callwright_live_connections", "WebSockets", ["path"], multiprocess_mode="livesum")


def exposed() -> bytes:
    """All metrics in Prometheus' text format."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
