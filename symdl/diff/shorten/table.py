"""The table of rewrites, in the order in which they are tried."""

from __future__ import annotations

from symdl.diff.shorten import alike, expand, factor, facts, functions, kronecker, matrices, numbers, quotients, rectified, softmax
from symdl.diff.shorten.names import through_names

#: What is done at every adjoint: algebra on what the chain rule gave; the forward pass stays as the user wrote it.
AT_ADJOINTS = (
    *facts.REWRITES,
    *alike.REWRITES,
    *kronecker.REWRITES,
    *matrices.REWRITES,
    *rectified.REWRITES,
    *expand.REWRITES,
    *factor.REWRITES,
    *numbers.REWRITES,
    *quotients.REWRITES,
)

#: Functions recognised in the finished gradients, inside of what they share with the forward pass too.
RECOGNISED = (*facts.REWRITES, *kronecker.REWRITES, *matrices.REWRITES, *softmax.REWRITES, *functions.REWRITES)

#: The algebra again, of finished gradients with the names of adjoints written out.
WRITTEN_OUT = through_names(AT_ADJOINTS)

#: In graphs of more nodes than this the names of adjoints stay.
MAX_WRITTEN_OUT = 600
