"""What `ask` can ask for: one file per kind of answer."""
