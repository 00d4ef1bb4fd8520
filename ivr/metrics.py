"""Prometheus metrics. Several web processes share them through PROMETHEUS_MULTIPROC_DIR, as the client documents."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

CONTACTS = Counter("callwright_contacts_total", "Contacts that began", ["channel"])
STEPS = Counter("callwright_steps_total", "Inputs taken by flows", ["channel"])
REPEATED = Counter("callwright_repeated_requests_total", "Repeated or late requests, answered from store", ["channel"])
ACTIONS = Histogram("callwright_action_seconds", "Self-service actions", ["action", "exit"])
FAULTS = Counter("callwright_faults_total", "Faults that a caller was apologised to for", ["channel", "kind"])
CALLS = Gauge("callwright_calls", "Calls in progress", ["channel"], multiprocess_mode="livesum")
