"""The pages, one file for each matter; each registers itself. See `routing`."""
