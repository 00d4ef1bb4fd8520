"""Queues in Redis: entries, offers with leases, agents' states, callbacks; and the router that matches them."""
