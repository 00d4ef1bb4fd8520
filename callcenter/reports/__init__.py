"""History: what happened, from the event log alone. `lives` reads it, `figures` counts, `exits` follows flows."""
