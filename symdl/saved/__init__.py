"""Expressions, derivations and networks as JSON: written, read back equal. Nothing stored is ever evaluated."""
