"""Callwright's voice engine: flows, prompts, actions and the channels that callers come in by."""
