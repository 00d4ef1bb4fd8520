"""The resources: each file registers its operations."""
