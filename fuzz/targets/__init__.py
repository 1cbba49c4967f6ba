"""What is fuzzed: a module a target, each with ``one(data: bytes)``, which raises when symdl does what it must not."""

NAMES = ("text", "latex", "derivatives", "prover", "lowering", "stored", "arguments", "pages")
