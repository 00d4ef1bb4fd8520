"""Kinds of pages, one file each."""
