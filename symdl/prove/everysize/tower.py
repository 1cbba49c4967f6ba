"""Constants, exponentials and logarithms of index expressions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import sympy as sp

from symdl.prove.everysize.atom import ONE, Atom, Factor, Mono, Num, Poly, add_to, is_number, number, total_of, whole
from symdl.prove.everysize.powers import Powers
from symdl.prove.stop import TooLarge, Undefined, Unreadable

#: An exponent of more terms than this is not split into factors.
MAX_SPLIT = 24


class Tower(Powers):
    """A ring with exp and log."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self.makers |= {"exp": self._exp_again, "log": self._log_again}

    def size(self, size: Any) -> Poly:
        return self.constant(size)

    def constant(self, value: Any) -> Poly:
        """A coefficient of the graph."""
        if not isinstance(value, sp.Basic):
            return number(whole(Fraction(value)))
        if value.is_Rational:
            return number(whole(Fraction(int(value.p), int(value.q))))
        if value.is_Symbol or value is sp.pi:
            return self.name(value, bool(value.is_positive))
        if value is sp.E:
            return self.name("e")
        if value.is_Add:
            return total_of((1, self.constant(a)) for a in value.args)
        if value.is_Mul:
            out = dict(ONE)
            for a in value.args:
                out = self.mul(out, self.constant(a))
            return out
        if value.is_Pow and value.exp.is_Rational:
            return self.power(self.constant(value.base), whole(Fraction(int(value.exp.p), int(value.exp.q))))
        if isinstance(value, (sp.exp, sp.log)):
            inner = self.constant(value.args[0])
            return self.exp(inner) if isinstance(value, sp.exp) else self.log(inner)
        if value.is_number or value.free_symbols:
            return self.name(value, bool(value.is_positive))
        raise Unreadable(f"the number {value}")

    def exp(self, poly: Poly) -> Poly:
        split = self.cases(poly, self.exp)
        if split is not None:
            return split
        poly = self.expanded(poly)
        if len(poly) > MAX_SPLIT:
            raise TooLarge(f"an exponent of {len(poly)} terms")
        out = dict(ONE)
        for mono, c in poly.items():
            out = self.mul(out, self._exp_of(mono, c))
        return self.reduced(out)

    def _exp_of(self, mono: Mono, c: Num) -> Poly:
        if not mono:
            return self.factor(self.intern("const", 0, "e", positive=True), (), c)
        if len(mono) == 1 and mono[0][1] == 1:
            atom = self.atoms[mono[0][0][0]]
            if atom.kind == "log":
                return self.power(self.place(dict(atom.data), dict(enumerate(mono[0][0][1]))), c)
        atom, labels = self.over("exp", {mono: 1}, positive=True)
        return self.factor(atom, labels, whole(c))

    def _exp_again(self, atom: Atom, labels: Sequence[int]) -> Poly:
        return self.exp(self.place(dict(atom.data), dict(enumerate(labels))))

    def log(self, poly: Poly) -> Poly:
        if not poly:
            raise Undefined("the logarithm of zero")
        split = self.cases(poly, self.log)
        if split is not None:
            return split
        scale, parts, evens, left = self.squares(poly)
        out: Poly = {}
        for part, sign in ((Fraction(scale).numerator, 1), (Fraction(scale).denominator, -1)):
            if part.bit_length() > 80:
                raise TooLarge("the logarithm of a large number")
            for prime, times in sp.factorint(part).items() if part > 1 else ():
                atom, _ = self.over("log", {(): int(prime)})
                add_to(out, self.factor(atom, ()), sign * int(times))
        for f, e in parts:
            add_to(out, self._log_of(f), e)
        for f, e in evens:
            add_to(out, self._log_of(next(iter(self._root({((f, 2),): 1}, 1)))[0][0]), Fraction(e, 2))
        rest = is_number(left)
        if rest is not None:
            if rest <= 0:
                raise Undefined("the logarithm of a negative number")
            return out
        full = self.expanded(left)
        if full != left:
            add_to(out, self.log(full))
            return out
        if len(left) > 1:
            left = self._root(left, 1)
        atom, labels = self.over("log", left)
        add_to(out, self.factor(atom, labels))
        return out

    def _log_of(self, f: Factor) -> Poly:
        """Of a single positive factor."""
        atom = self.atoms[f[0]]
        if atom.kind == "exp":
            return self.place(dict(atom.data), dict(enumerate(f[1])))
        if atom.kind == "const" and atom.data == "e":
            return dict(ONE)
        base: Poly = {((f, 1),): 1}
        made, labels = self.over("log", self._root(base, 1) if atom.kind == "sum" else base)
        return self.factor(made, labels)

    def _log_again(self, atom: Atom, labels: Sequence[int]) -> Poly:
        return self.log(self.reduced(self.place(dict(atom.data), dict(enumerate(labels)))))
