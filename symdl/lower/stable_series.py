"""Sums of functions of one quantity that cancel where it is small, as power series there.

The derivative of sin(w)/w is cos(w)/w - sin(w)/w^2, and of the two terms, 1/w each, -w/3 is left. Where |w| is below a radius r, the sum is w^v*P(w)
instead, with the Taylor polynomial P, whose coefficients are exact (calculated with fractions from those of the elementary functions) and whose rest is
below half a unit in the last place. The same holds at another point c than 0 where the sum divides by c - w, for log(w)/(w - 1).
Source: Knuth, TAOCP 2, section 4.7 (arithmetic of power series).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any, NamedTuple

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node
from symdl.graph.number import is_negative, number
from symdl.graph.rebuild import placed
from symdl.lower.behind import addends, arguments, inside, named, opened
from symdl.lower.power_series import KNOWN as FUNCTIONS
from symdl.lower.power_series import Series, constant, of_function, power_of, product, total, variable
from symdl.lower.stable_parts import LONG

#: Terms to see by whether anything cancels, and terms to compute the polynomial from.
FEW, MANY = 6, 48
#: The rest of the polynomial, relative to its first term.
SMALL = Fraction(1, 2**57)
RADII = [Fraction(n, 16) for n in (32, 24, 16, 14, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)]


class Cancellations:
    """Rewrites the sums of one list of nodes; remembers of which one quantity each node is a function."""

    def __init__(self) -> None:
        self._atoms: dict[Node, Term | None] = {}
        self._made: dict[Node, _Near] = {}
        self._few: dict[tuple[Term, Any], dict[Term, Series | None]] = {}  # by quantity and centre: a deep graph is gone through once

    def rewritten(self, old: Node, term: Term) -> Term:
        """The term, or the same with its series where it cancels."""
        if term.node.op == kinds.MUL and any(a in self._made for a in term.node.args):
            return self._with_powers(term)
        if not may_cancel(term.node):
            return term
        atom = self.atom(term)
        if atom is None or atom.node is term.node:
            return term
        for centre in _centres(term, atom):
            near = _around(term, atom, centre, self._made, self._few.setdefault((atom, centre), {}))
            if near is not None:
                return self._whole(near)
        return term

    def _whole(self, near: _Near) -> Term:
        made = near.whole()
        axes = {label: axis for axis, label in enumerate(made.map)}
        self._made[made.node] = near.at(lambda t: build.rename(t, axes))
        return made

    def _with_powers(self, term: Term) -> Term:
        """A product with powers of w, drawn into the series: w^v itself may be too small for a float."""
        parts = opened(term)
        k = next(k for k, f in enumerate(parts.factors) if f.node in self._made)
        factor = parts.factors[k]
        near = self._made[factor.node]
        near = near.at(lambda t: placed(t, factor.map))
        powers = [
            f for f in parts.factors if inside(f) == near.w or (f.node.op == kinds.POW and type(f.node.attr) is int and inside(arguments(f)[0]) == near.w)
        ]
        if not powers:
            return term
        gone = build.mul(1, powers)
        exponent = sum(f.node.attr if f.node.op == kinds.POW else 1 for f in powers)
        moved = near._replace(lowest=near.lowest + exponent, pole=near.pole or exponent < 0, plain=build.mul(1, [near.plain, gone]))
        rest = [f for n, f in enumerate(parts.factors) if n != k and f not in powers]
        if not rest and parts.coef == 1 and not parts.summed and not parts.deltas:
            return self._whole(moved)
        return build.mul(parts.coef, [moved.whole(), *rest], parts.deltas, parts.summed)

    def atom(self, term: Term) -> Term | None:
        """The one quantity that the term is a function of, as far as series go; None for numbers."""
        waiting = [term.node]
        while waiting:
            node = waiting[-1]
            below = (self._made[node].plain.node,) if node in self._made else node.args if _goes_through(node) else ()
            missing = [a for a in below if a not in self._atoms] if node not in self._atoms else []
            if missing:
                waiting += missing
                continue
            waiting.pop()
            self._atoms.setdefault(node, self._of(node))
        found = self._atoms[term.node]
        return None if found is None else placed(found, term.map)

    def _of(self, node: Node) -> Term | None:
        if node.op == kinds.CONST:
            return None
        own = Term(node, tuple(range(node.rank)))
        if node in self._made:
            plain = self._made[node].plain
            inner = self._atoms[plain.node]
            return own if inner is None else placed(inner, plain.map)
        if not _goes_through(node):
            return own
        found = {placed(at, m) for a, m in node.terms() if (at := self._atoms[a]) is not None}
        return own if len(found) != 1 else next(iter(found))


def may_cancel(node: Node) -> bool:
    """Whether a node is a sum that is worth a look."""
    return node.op == kinds.ADD and len(node.args) <= LONG and any(map(_is_function, node.args))


def _is_function(node: Node) -> bool:
    """Whether a term of a sum is worth a look: it has a function, or divides."""
    while node.op == kinds.LET:
        node = node.args[0]
    return node.op == kinds.FN or (node.op in (kinds.MUL, kinds.POW) and any(a.op in (kinds.FN, kinds.LET) for a in node.args))


def _goes_through(node: Node) -> bool:
    if node.op == kinds.FN:
        return node.attr in FUNCTIONS
    if node.op == kinds.MUL:
        return not node.attr.summed and not node.attr.deltas and isinstance(node.attr.coef, (int, Fraction))
    if node.op == kinds.ADD:
        return len(node.args) <= LONG and all(isinstance(c, (int, Fraction)) for c in node.attr)
    if node.op == kinds.POW:
        return isinstance(node.attr, (int, Fraction)) and -LONG <= node.attr <= LONG
    return node.op == kinds.LET


def _centres(term: Term, atom: Term) -> list[Any]:
    """0, and the numbers c where something is divided by a multiple of c - w."""
    found: list[Any] = [0]
    for _, part in addends(term):
        inner = inside(part)
        for factor in arguments(inner) if inner.node.op == kinds.MUL else [inner]:
            if factor.node.op != kinds.POW or not is_negative(factor.node.attr):
                continue
            below = addends(inside(arguments(factor)[0]))
            if len(below) == 2 and inside(below[0][1]) == atom and below[1][1].node.op == kinds.CONST:
                centre = Fraction(-below[1][0]) / below[0][0] if all(isinstance(c, (int, Fraction)) for c, _ in below) else 0
                found += [centre] if centre not in found else []
    return found


class _Near(NamedTuple):
    """A sum as w^lowest*series where |w| is below the radius; with a pole, it is not defined at 0 itself, and stays so."""

    w: Term
    lowest: int
    series: Term
    radius: Fraction
    pole: bool
    plain: Term

    def at(self, place: Callable[[Term], Term]) -> _Near:
        return self._replace(w=place(self.w), series=place(self.series), plain=place(self.plain))

    def whole(self) -> Term:
        size = build.fn("abs", [self.w])
        near = build.add([4, number(-4 / self.radius)], [build.constant(1), size])
        if self.pole:
            near = build.mul(1, [near, size])
        value = build.mul(1, [*([build.pow_(self.w, self.lowest)] if self.lowest else []), self.series])
        return build.fn("where", [near, value, named("plain", self.plain)])


def _around(term: Term, atom: Term, centre: Any, made: Mapping[Node, _Near], known: dict[Term, Series | None]) -> _Near | None:
    """The term with its series around the centre, where something cancels there."""
    parts = addends(term)
    few = [_series(t, atom, centre, FEW, made, known) for _, t in parts]
    if any(s is None for s in few) or not _cancels(parts, few):
        return None
    lowest = min(s.lowest for s in few if s is not None)
    w = atom if centre == 0 else build.add([1, -1], [atom, build.constant(centre)])
    whole = _sum(parts, [_series(t, atom, centre, MANY, made, {}) for _, t in parts])
    polynomial = None if whole is None else _polynomial(whole)
    if whole is None or polynomial is None:
        return None
    return _Near(w, whole.lowest, named("series", polynomial.at(w)), polynomial.radius, lowest < 0, term)


def _series(term: Term, atom: Term, centre: Any, count: int, made: Mapping[Node, _Near], done: dict[Term, Series | None]) -> Series | None:
    """The power series of a term in w - centre; None when it has none with rational coefficients. ``done``: those that are known."""
    if term in done:
        return done[term]
    waiting = [term]
    while waiting:
        here = waiting[-1]
        below = [] if here == atom or here.node.op == kinds.CONST else arguments(here)
        if here.node in made:  # what was rewritten already: both ways are the same there
            below = [placed(made[here.node].plain, here.map)]
        missing = [t for t in below if t not in done]
        if missing:
            waiting += missing
            continue
        waiting.pop()
        values = [done[t] for t in below]
        known = [v for v in values if v is not None]
        if len(known) < len(values):
            done[here] = None
        else:
            done[here] = known[0] if here.node in made else _made(here, known, here == atom, centre, count)
    return done[term]


def _made(term: Term, values: Sequence[Series], is_atom: bool, centre: Any, count: int) -> Series | None:
    node = term.node
    if is_atom:
        return variable(Fraction(centre), count)
    if node.op == kinds.CONST:
        return constant(Fraction(node.attr), count) if isinstance(node.attr, (int, Fraction)) else None
    if node.op == kinds.LET:
        return values[0]
    if node.op == kinds.ADD:
        return total(node.attr, values)
    if node.op == kinds.MUL:
        return reduce(product, values, constant(Fraction(node.attr.coef), count))
    return power_of(values[0], node.attr) if node.op == kinds.POW else of_function(node.attr, values)


def _sum(parts: Sequence[tuple[Any, Term]], series: Sequence[Series | None]) -> Series | None:
    found = [s for s in series if s is not None]
    return total([c for c, _ in parts], found) if len(found) == len(series) else None


def _cancels(parts: Sequence[tuple[Any, Term]], series: Sequence[Series | None]) -> bool:
    whole = _sum(parts, series)
    return whole is not None and bool(whole.terms) and whole.lowest > min(s.lowest for s in series if s is not None and s.terms)


class _Polynomial(NamedTuple):
    """Coefficients by powers of w, or of w^2, and the radius within which they are enough."""

    coefficients: list[Fraction]
    step: int
    radius: Fraction

    def at(self, w: Term) -> Term:
        """By Horner's scheme."""
        inner = build.pow_(w, self.step)
        value = build.constant(self.coefficients[-1])
        for c in self.coefficients[-2::-1]:
            value = build.add([1, 1], [build.mul(1, [inner, value]), build.constant(c)])
        return value


def _polynomial(whole: Series) -> _Polynomial | None:
    """With the largest radius at which the first term outweighs the others, and nothing is missed."""
    terms, first = whole.terms, abs(whole.terms[0])
    step = 2 if not any(terms[1::2]) else 1
    for radius in RADII:
        sizes = [abs(c) * radius**k / first for k, c in enumerate(terms)]
        if sum(sizes[1:]) > Fraction(3, 4) or max(sizes[-4:]) * 8 > SMALL:
            continue
        last = max(k for k, size in enumerate(sizes) if size > SMALL)
        return _Polynomial(list(terms[: last + 1 : step]), step, radius)
    return None
