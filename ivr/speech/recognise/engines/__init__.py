"""Recognisers, one file each. A file registers its engine when imported and imports the engine only in a worker."""
