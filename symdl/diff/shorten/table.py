"""The table of rewrites, in the order in which they are tried."""

from __future__ import annotations

from symdl.diff.shorten import expand, factor, facts, matrices, softmax

#: What is done at every adjoint: algebra on what the chain rule gave; the forward pass stays as the user wrote it.
AT_ADJOINTS = (*facts.REWRITES, *matrices.REWRITES, *expand.REWRITES, *factor.REWRITES)

#: Functions recognised in the finished gradients, inside of what they share with the forward pass too.
RECOGNISED = (*facts.REWRITES, *matrices.REWRITES, *softmax.REWRITES)
