"""Where a refuted claim is wrong: the single edit that makes it right, if there is one.

The verdict on a claim is the prover's alone (``symdl.prove``). Only to say *where* a refuted claim goes wrong the derived gradient is looked at: edits of
the claim (a sign, a factor, a transpose, an index, a term or factor too many or too few) are tried in floats, and the first that gives the derivative
everywhere is proved before it is told.
"""

from symdl.mend.explain import check
from symdl.mend.search import find_edit

__all__ = ["check", "find_edit"]
