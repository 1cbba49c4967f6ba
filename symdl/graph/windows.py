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
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

import sympy as sp

from symdl.graph import node as kinds
from symdl.graph.labels import Delta, Label, Term, is_fixed, rename
from symdl.graph.node import Size
from symdl.graph.number import Number, is_negative, plus, times


class Affine(NamedTuple):
    """offset + Sum over labels of coefficient * position: what stands in an index equation."""

    coefs: dict[Label, Number]
    sizes: dict[Label, Size]
    offset: Number


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
    equations = _eliminated(equations, used, sums)
    equations = _counted(_joined(equations), used, sums)
    parts = [part for e in equations for part in _digits(e)]
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
    if _outside(equation):
        return False
    if len(labels) == 1:
        (label,) = labels
        value = _quotient(times(-1, equation.offset), equation.coefs[label])
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


def _outside(equation: Affine) -> bool:
    """Whether the function cannot be zero, for whole-number sizes."""
    if any(isinstance(v, sp.Basic) for v in (*equation.coefs.values(), *equation.sizes.values(), equation.offset)):
        return False
    low, high = bounds(equation)
    return bool(low > 0 or high < 0)


def _quotient(a: Number, b: Number) -> Any:
    """a/b when it is a whole number, else something that is no int."""
    value = Fraction(a) / Fraction(b) if not isinstance(a, sp.Basic) and not isinstance(b, sp.Basic) else None
    if value is not None:
        return int(value) if value.denominator == 1 else value
    ratio = sp.cancel(sp.sympify(a) / sp.sympify(b))
    return int(ratio) if ratio.is_Integer else ratio


def bounds(equation: Affine) -> tuple[Any, Any]:
    """The least and the largest value of an affine function over the ranges of its positions (NaN where a sign is not known)."""
    low: Any = equation.offset
    high: Any = equation.offset
    for label, coef in equation.coefs.items():
        reach = times(coef, plus(equation.sizes[label], -1)) if isinstance(equation.sizes[label], int) else coef * (equation.sizes[label] - 1)
        if nonnegative(coef):
            high = plus(high, reach)
        elif nonnegative(times(-1, coef)):
            low = plus(low, reach)
        else:
            return sp.nan, sp.nan
    return low, high


@lru_cache(maxsize=20_000)
def nonnegative(value: Any) -> bool:
    """Whether value >= 0 for all sizes (dims are whole numbers from 1). False when that is not seen."""
    if not isinstance(value, sp.Basic):
        return bool(value >= 0)
    if value is sp.nan:
        return False
    if value.is_nonnegative:
        return True
    # Every dim is 1 more than something nonnegative: n*p - p + ... then has plus signs only.
    shift = {d: 1 + sp.Dummy(str(d), integer=True, nonnegative=True) for d in value.free_symbols if d.is_positive}
    return bool(sp.expand(value.subs(shift, simultaneous=True)).is_nonnegative)


def in_range(equation: Affine, label: Label) -> bool:
    """Whether the position of a label with coefficient 1 or -1, as the equation gives it, always lies on its axis."""
    return _in_range(*_key(solved(equation, label)), equation.sizes[label])


# What is asked of symbolic sizes is asked again and again, of equal ones: the answers are kept by coefficients and sizes.
_Pairs = tuple[tuple[Any, Any], ...]


def _key(equation: Affine) -> tuple[_Pairs, Any]:
    return tuple((c, equation.sizes[k]) for k, c in equation.coefs.items()), equation.offset


def _of(pairs: _Pairs, offset: Number) -> Affine:
    """The equation of a key, its labels the places."""
    return Affine({k: c for k, (c, _) in enumerate(pairs)}, {k: n for k, (_, n) in enumerate(pairs)}, offset)


@lru_cache(maxsize=20_000)
def _in_range(pairs: _Pairs, offset: Number, size: Size) -> bool:
    low, high = bounds(_of(pairs, offset))
    return nonnegative(low) and nonnegative(sp.sympify(size) - 1 - sp.sympify(high))


def solved(equation: Affine, label: Label) -> Affine:
    """The position of a label, whose coefficient is 1 or -1, in terms of the others."""
    sign = times(-1, equation.coefs[label])
    coefs = {k: times(sign, c) for k, c in equation.coefs.items() if k != label}
    return Affine(coefs, {k: equation.sizes[k] for k in coefs}, times(sign, equation.offset))


def _eliminated(equations: list[Affine], used: set[Any], sums: dict[Label, Size]) -> list[Affine]:
    """Summed labels that stand in equations only, taken out where another equation says what they are."""
    again = True
    while again:
        again = False
        for label in [s for s in sums if s not in used]:
            having = [e for e in equations if label in e.coefs]
            source = next((e for e in having if e.coefs[label] in (1, -1) and in_range(e, label)), None)
            if source is None:
                continue
            value = solved(source, label)
            equations = [_substituted(e, label, value) if label in e.coefs else e for e in equations if e is not source]
            del sums[label]
            again = True
            break
    return equations


def _joined(equations: list[Affine]) -> list[Affine]:
    """r = A and s = A, A an affine function of two or more positions: r = A and r = s."""
    done: list[Affine] = []
    for equation in equations:
        for other in done:
            for sign in (1, -1):
                gap = _combined(equation, other, sign)
                if len(gap.coefs) <= 2 < len(equation.coefs):
                    equation = gap
        done.append(equation)
    return done


def _combined(a: Affine, b: Affine, sign: int) -> Affine:
    """a + sign*b."""
    coefs = dict(a.coefs)
    for label, c in b.coefs.items():
        coefs[label] = plus(coefs.get(label, 0), times(sign, c))
    sizes = {**a.sizes, **b.sizes}
    return Affine({k: c for k, c in coefs.items() if c != 0}, {k: n for k, n in sizes.items() if coefs[k] != 0}, plus(a.offset, times(sign, b.offset)))


def _counted(equations: list[Affine], used: set[Any], sums: dict[Label, Size]) -> list[Affine]:
    """Sum over i and k of iszero(r - (p*i + k)) = 1: every r < n*p has one pair of digits i < n, k < p."""
    kept = []
    for equation in equations:
        elsewhere = used | {k for other in equations if other is not equation for k in other.coefs}
        digits = [k for k in equation.coefs if k in sums and k not in elsewhere]
        rest = [k for k in equation.coefs if k not in digits]
        if len(rest) == 1 and len(digits) > 1 and equation.offset == 0 and is_count(equation, rest[0], digits):
            for k in digits:
                del sums[k]
        else:
            kept.append(equation)
    return kept


def is_count(equation: Affine, whole: Label, digits: list[Label]) -> bool:
    """Whether the digits are a mixed radix system that counts the positions of ``whole``."""
    return _counts(tuple((equation.coefs[k], equation.sizes[k]) for k in digits), times(-1, equation.coefs[whole]), equation.sizes[whole])


@lru_cache(maxsize=20_000)
def _counts(digits: _Pairs, scale: Number, size: Size) -> bool:
    stride: Any = sp.sympify(scale)
    waiting = list(digits)
    while waiting:
        following = next((d for d in waiting if sp.expand(sp.sympify(d[0]) - stride) == 0), None)
        if following is None:
            return False
        stride = stride * sp.sympify(following[1])
        waiting.remove(following)
    return bool(sp.expand(stride - sp.sympify(scale) * sp.sympify(size)) == 0)


def _substituted(equation: Affine, label: Label, value: Affine) -> Affine:
    coef = equation.coefs[label]
    coefs = {k: c for k, c in equation.coefs.items() if k != label}
    for k, c in value.coefs.items():
        coefs[k] = plus(coefs.get(k, 0), times(coef, c))
    sizes = {k: n for k, n in {**equation.sizes, **value.sizes}.items() if coefs.get(k, 0) != 0}
    return Affine({k: c for k, c in coefs.items() if c != 0}, sizes, plus(equation.offset, times(coef, value.offset)))


def _digits(equation: Affine) -> list[Affine]:
    """p*(i - j) + (k - l) = 0 in two equations, where the second part is too small to make up for a p."""
    if len(equation.coefs) < 3:
        return [equation]
    labels = list(equation.coefs)
    parts = []
    for places, scale, offset in _split(*_key(equation)):
        own = [labels[k] for k in places]
        coefs = {k: equation.coefs[k] if scale == 1 else _quotient(equation.coefs[k], scale) for k in own}
        parts.append(Affine(coefs, {k: equation.sizes[k] for k in own}, offset))
    return parts


@lru_cache(maxsize=20_000)
def _split(pairs: _Pairs, offset: Number) -> tuple[Any, ...]:
    """The places of each digit, what its coefficients are divided by, and its offset; one part where nothing can be split off."""
    whole = _of(pairs, offset)
    for large in sorted({_size(c) for c in whole.coefs.values()}, key=str):
        if large == 1:
            continue
        high: list[Any] = [k for k, c in whole.coefs.items() if type(q := _quotient(c, large)) is int or _multiple(q)]
        rest: list[Any] = [k for k in whole.coefs if k not in high]
        low = Affine({k: whole.coefs[k] for k in rest}, {k: whole.sizes[k] for k in rest}, offset)
        if not high or not rest:
            continue
        least, most = bounds(low)
        if all(nonnegative(b) for b in (sp.sympify(large) - 1 + sp.sympify(least), sp.sympify(large) - 1 - sp.sympify(most))):
            upper = [(tuple(high[k] for k in places), times(large, scale), o) for places, scale, o in _split(_divided(pairs, high, large), 0)]
            lower = [(tuple(rest[k] for k in places), scale, o) for places, scale, o in _split(tuple(pairs[k] for k in rest), offset)]
            return (*upper, *lower)
    return ((tuple(whole.coefs), 1, offset),)


def _divided(pairs: _Pairs, places: Sequence[int], by: Number) -> _Pairs:
    return tuple((_quotient(pairs[k][0], by), pairs[k][1]) for k in places)


def _multiple(value: Any) -> bool:
    return isinstance(value, sp.Basic) and bool(value.is_integer)


def _size(coef: Number) -> Number:
    """|coef|, with the sign read off."""
    if isinstance(coef, sp.Basic):
        return -coef if coef.could_extract_minus_sign() else coef
    return abs(coef)
