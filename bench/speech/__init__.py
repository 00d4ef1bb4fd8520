"""How well callers are understood: `python -m bench.speech`."""
