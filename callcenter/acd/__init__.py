"""Automatic call distribution, pure: who is offered to whom. No clock, no socket, no random number, no database."""
