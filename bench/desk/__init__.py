"""Desks on one web process; see `bench/README.md`."""
