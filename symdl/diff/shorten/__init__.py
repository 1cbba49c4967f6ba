"""Shorter formulas by named identities: nothing is derived here, only said as a person would.

``table.py`` lists the rewrites; each file holds one kind of them. A rewrite is an identity for all sizes, has a name, and stands as a step in the
derivation. It is taken when the formula gets shorter (``length.py``).
"""

from symdl.diff.shorten.engine import Rewrite, Shortener

__all__ = ["Rewrite", "Shortener"]
