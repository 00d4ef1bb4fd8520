"""Rehearsal: whole calls offline, by hand in a terminal or from a script, on a clock that is only simulated."""
