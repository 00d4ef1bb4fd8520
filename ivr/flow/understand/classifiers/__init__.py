"""Classifiers of intents: one file each."""
