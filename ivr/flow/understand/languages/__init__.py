"""Languages that can be understood: one file each."""
