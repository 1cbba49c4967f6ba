"""Settings for all tests: the same examples in every run, and no timing on machines that are noisy."""

from hypothesis import settings

settings.register_profile("symdl", derandomize=True, deadline=None)
settings.load_profile("symdl")
