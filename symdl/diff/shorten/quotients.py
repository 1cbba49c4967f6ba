"""One denominator: 1 - u/(u + 1) = 1/(u + 1)."""

from __future__ import annotations

from symdl.diff.shorten.engine import Rewrite
from symdl.diff.shorten.expand import collected
from symdl.diff.shorten.factor import factor_out
from symdl.diff.shorten.length import length
from symdl.diff.shorten.pieces import addends, base, own, pieces
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node
from symdl.graph.number import Number, is_negative, plus, times
from symdl.graph.rebuild import placed
from symdl.steps.step import Rule

DENOMINATOR = Rule("one denominator", r"c + \frac{u}{d} = \frac{c\,d + u}{d}", "通分")

#: Sums of more terms than this are left as they are.
MAX_TERMS = 8


def one_denominator(node: Node) -> Term | None:
    """Numbers and quotients by powers of one sum, over the highest of them."""
    if len(node.args) > MAX_TERMS:
        return None
    read: list[tuple[Number, Term, Number]] = []
    below: Term | None = None
    for coef, term in addends(own(node)):
        bottom, rest, exponent = _quotient(term)
        if (bottom is None and term.node.op != kinds.CONST) or (bottom is not None and below not in (None, bottom)):
            return None
        below = below or bottom
        read.append((coef, rest, exponent))
    if below is None:
        return None
    highest = min((e for _, _, e in read), key=float)
    above = [plus(e, times(-1, highest)) for _, _, e in read]
    if any(e not in (0, 1) for e in above):
        return None
    whole = build.add([c for c, _, _ in read], [build.mul(1, [t, build.pow_(below, e)]) for (_, t, _), e in zip(read, above, strict=True)])
    for simpler in (collected, factor_out):
        found = simpler(whole.node) if whole.node.op == kinds.ADD else None
        if found is not None and length(found.node) < length(whole.node):
            whole = placed(found, whole.map)
    return build.mul(1, [whole, build.pow_(below, highest)])


def _quotient(term: Term) -> tuple[Term | None, Term, Number]:
    """A term as rest * sum**exponent, with a negative exponent; None and 0 when it is something else."""
    product = pieces(term)
    if not product.summed and not product.deltas:
        for position, factor in enumerate(product.factors):
            bottom, exponent = base(factor)
            if bottom.node.op == kinds.ADD and is_negative(exponent) and not getattr(exponent, "free_symbols", None):
                return bottom, product.without(position).term(), exponent
    return None, term, 0


REWRITES = (Rewrite(DENOMINATOR, frozenset({kinds.ADD}), one_denominator),)
