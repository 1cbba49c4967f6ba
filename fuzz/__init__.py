"""Coverage-guided fuzzing of symdl: see README.md. Not run in CI; ``tests/test_fuzz.py`` runs every target on its seeds."""
