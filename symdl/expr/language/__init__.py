"""The text language: Python's expression syntax on arrays, read and never evaluated."""
