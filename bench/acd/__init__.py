"""Queues measured: `python -m bench.acd`."""
