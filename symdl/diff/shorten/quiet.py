"""Products of scalars that are not worth a look: a graph of scalars has thousands, and in nearly all of them there is nothing to cancel."""

from __future__ import annotations

from math import prod

from symdl.graph.node import ADD, CONST, FN, INPUT, LET, MUL, POW, Node
from symdl.graph.number import is_negative

#: Factors with which no rewrite of a product of scalars begins.
_QUIET = frozenset({INPUT, MUL, FN, LET})

#: A product that would be a sum of more terms than this is not multiplied out.
MAX_TERMS = 12


def is_mixed(total: Node) -> bool:
    """Some terms of the sum have a minus and others have none: a minus in front can be taken inside."""
    signs = {is_negative(a.attr if a.op == CONST else c) for c, a in zip(total.attr, total.args, strict=True)}
    return len(signs) == 2


class Quiet:
    """Knows products of scalars that no rewrite makes shorter. Called with a node; what it finds out about sums it keeps."""

    def __init__(self) -> None:
        self._below: dict[Node, frozenset[Node]] = {}

    def __call__(self, node: Node) -> bool:
        if node.op != MUL:
            return True
        if node.attr.summed:
            return False
        sums = []
        for factor in node.args:
            if factor.op == ADD:
                sums.append(factor)
            elif factor.op == POW:
                if factor.maps[0]:
                    return False
            elif factor.op not in _QUIET:
                return False
        if not sums:
            return True
        if node.attr.coef != 1 and is_negative(node.attr.coef) and any(map(is_mixed, sums)):
            return False
        bases = {f.args[0] if f.op == POW else f for f in node.args}
        return all([bases.isdisjoint(self._divisors(s)) for s in sums]) or prod([len(s.args) for s in sums]) > MAX_TERMS

    def _divisors(self, total: Node) -> frozenset[Node]:
        """What terms of a sum are divided by."""
        found = self._below.get(total)
        if found is None:
            found = _NOTHING
            for term in total.args:
                if term.op in (MUL, POW):
                    factors = term.args if term.op == MUL else (term,)
                    found |= {f.args[0] for f in factors if f.op == POW and is_negative(f.attr)}
            self._below[total] = found
        return found


_NOTHING: frozenset[Node] = frozenset()
