"""What `callwright check` looks for: one file per lint."""
