"""The algebra of index equations: products with factors iszero(s*i + d*u - p - q) in positions, and their sums.

Rules, each an identity for all sizes:

- iszero(i - j) over equal sizes is a Kronecker delta, iszero(i - c) the position c;
- digits: iszero(p*(i - j) + (k - l)) with k, l < p is iszero(i - j)*iszero(k - l);
- elimination: Sum over q of iszero(q - a)*iszero(q - b) is iszero(a - b), where a lies in the range of q.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import sympy as sp

from symdl.graph import node as kinds
from symdl.graph.affine import Affine, quotient
from symdl.graph.equations import by_digits, counted, eliminated, joined, outside
from symdl.graph.labels import Delta, Label, Term, is_fixed, rename
from symdl.graph.node import Size
from symdl.graph.number import Number, is_negative, plus, times


class Settled(NamedTuple):
    """Factors, deltas that came of them, and the equations that are to be built anew."""

    factors: list[Term]
    deltas: list[Delta]
    equations: list[Affine]


def is_equation(term: Term) -> bool:
    return term.node.op == kinds.FN and term.node.attr == "iszero"


def affine(term: Term) -> Affine | None:
    """The term as an affine function of positions; None when it is something else."""
    found, others = _parted(term)
    return None if others else found


def split_equation(term: Term) -> tuple[Affine, list[tuple[Number, Term]]]:
    """What an index equation sets to zero: an affine function, and coefficient * term of what is none."""
    return _parted(rename(Term(term.node.args[0], term.node.maps[0]), dict(enumerate(term.map))))


def _parted(term: Term) -> tuple[Affine, list[tuple[Number, Term]]]:
    found = Affine({}, {}, 0)
    others: list[tuple[Number, Term]] = []
    for coef, inner in _linear(term):
        if inner.node.op == kinds.CONST:
            found = found._replace(offset=plus(found.offset, times(coef, inner.node.attr)))
        elif inner.node.op == kinds.POSITION:
            (label,) = inner.map
            if is_fixed(label):
                found = found._replace(offset=plus(found.offset, times(coef, ~label)))
                continue
            found.coefs[label] = plus(found.coefs.get(label, 0), coef)
            found.sizes[label] = inner.node.shape[0]
        else:
            others.append((coef, inner))
    for label in [k for k, c in found.coefs.items() if c == 0]:
        del found.coefs[label], found.sizes[label]
    return found, others


def _linear(term: Term) -> list[tuple[Number, Term]]:
    node = term.node
    labels = dict(enumerate(term.map))
    inner = [rename(Term(a, m), labels) for a, m in node.terms()]
    if node.op == kinds.ADD:
        return [part for c, t in zip(node.attr, inner, strict=True) for part in ([(times(c, k), s) for k, s in _linear(t)])]
    if node.op == kinds.MUL and len(inner) == 1 and not node.attr.summed and not node.attr.deltas:
        return [(times(node.attr.coef, k), s) for k, s in _linear(inner[0])]
    return [(1, term)]


def equation_of(term: Term) -> Affine | None:
    """The affine function that an index equation sets to zero."""
    return affine(rename(Term(term.node.args[0], term.node.maps[0]), dict(enumerate(term.map))))


def settled(factors: Sequence[Term], sums: dict[Label, Size]) -> Settled | None:
    """What the rules make of a product; None when it is zero. Takes the labels that it eliminates from ``sums``."""
    rest = [t for t in factors if not is_equation(t)]
    opaque: list[Term] = []
    equations: list[Affine] = []
    for term in factors:
        if is_equation(term):
            found = equation_of(term)
            if found is None:
                opaque.append(term)
            else:
                equations.append(found)
    used = {e for t in (*rest, *opaque) for e in t.map}
    equations = eliminated(equations, used, sums)
    equations = counted(joined(equations), used, sums)
    parts = [part for e in equations for part in by_digits(e)]
    deltas: list[Delta] = []
    kept: list[Affine] = []
    for part in parts:
        said = _delta(part)
        if said is False:
            return None
        if isinstance(said, Delta):
            deltas.append(said)
        elif said is None and part not in kept:
            kept.append(part)
    return Settled([*rest, *opaque], deltas, kept)


def leads_with_minus(terms: Sequence[tuple[Any, Number]], offset: Number) -> bool:
    """Which of f = 0 and -f = 0 an index equation is written as: True for exactly one of the two, whatever its letters are called.

    Positions of one axis length are alike, so no single coefficient of theirs can decide (of i - 2*j = 0, either may stand first); what decides is
    whether there are more c than -c among them: for the first c for which these are not as many. Where none decides, the number does.

    Parameters
    ----------
    terms : sequence of (key, coefficient)
        Equal keys for positions that are alike, next to each other.
    offset : Number
    """
    for _, group in itertools.groupby(terms, key=lambda pair: pair[0]):
        more: Counter[Any] = Counter()
        for _, coef in group:
            minus = is_negative(coef)
            more[times(-1, coef) if minus else coef] += -1 if minus else 1
        deciding = min(((str(c), count) for c, count in more.items() if count), default=None)
        if deciding is not None:
            return deciding[1] < 0
    return is_negative(offset)


def _delta(equation: Affine) -> Delta | bool | None:
    """A Kronecker delta; True for what always holds, False for what never does, None for all else."""
    labels = list(equation.coefs)
    if not labels:
        return _never(equation.offset)
    if outside(equation):
        return False
    if len(labels) == 1:
        (label,) = labels
        value = quotient(times(-1, equation.offset), equation.coefs[label])
        size = equation.sizes[label]
        if type(value) is int:
            return Delta(label, ~value, size) if value >= 0 and (not isinstance(size, int) or value < size) else False
        return None
    if len(labels) == 2 and equation.offset == 0:
        a, b = labels
        if equation.coefs[a] == times(-1, equation.coefs[b]) and equation.sizes[a] == equation.sizes[b]:
            return Delta(a, b, equation.sizes[a])
    return None


def _never(offset: Number) -> bool | None:
    if offset == 0:
        return True
    return False if not isinstance(offset, sp.Basic) or offset.is_zero is False else None
