"""Providers of messages that post to us by HTTP, whoever they are."""
