"""The other functions: sin, cos, erf, arctan as atoms, and all that have a definition in the function table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import sympy as sp

from symdl.functions import BY_CLASS, TABLE
from symdl.prove.everysize.atom import ONE, Atom, Poly, add_to, is_number, labels_of, of_factors, scaled, total_of, whole
from symdl.prove.everysize.matrices import Matrices
from symdl.prove.everysize.net import canonical_slots
from symdl.prove.stop import Unreadable


class Special(Matrices):
    """A ring with all functions of the table, and inverses and determinants."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self._primitives: dict[str, Callable[..., Poly]] = {
            "exp": self.exp, "log": self.log, "sin": lambda x: self._odd("sin", x), "cos": self.cos, "arctan": lambda x: self._odd("arctan", x),
            "erf": lambda x: self._odd("erf", x), "abs": lambda x: self.times(x, self.sign(x)), "sign": self.sign, "positive": self.step,
            "step": self.step, "relu": lambda x: self.times(x, self.step(x)), "iszero": self.equation, "where": self.where,
            "maximum": lambda a, b: self._extreme(a, b, 1), "minimum": lambda a, b: self._extreme(a, b, -1),
        }  # fmt: skip
        for kind, name in (("sin", "sin"), ("cos", "cos"), ("erf", "erf"), ("arctan", "arctan"), ("iszero", "iszero")):
            self.makers[kind] = self._function_again(name)
        self.makers["max"] = self._max_again

    def _function_again(self, name: str) -> Callable[[Atom, Sequence[int]], Poly]:
        return lambda atom, labels: self._primitives[name](self.reduced(self.place(dict(atom.data), dict(enumerate(labels)))))

    # --- functions ------------------------------------------------------------------------------------------------

    def apply(self, name: str, args: Sequence[Poly]) -> Poly:
        """A function of the table, by its definition."""
        primitive = self._primitives.get(name)
        if primitive is not None:
            return primitive(*args)
        symbols, definition = _definition(name)
        if definition is None:
            raise Unreadable(f"the function {name} has no definition in simpler ones")
        return self.formula(definition, dict(zip(symbols, args, strict=True)))

    def _odd(self, kind: str, poly: Poly) -> Poly:
        if not poly:
            return {}
        split = self.cases(poly, lambda p: self._odd(kind, p))
        if split is not None:
            return split
        sign, poly = 1, self.expanded(poly)
        if self._backwards(poly):
            poly, sign = scaled(poly, -1), -1
        atom, labels = self.over(kind, poly)
        if kind == "sin":
            self._pythagoras(poly)
        return scaled(self.factor(atom, labels), sign)

    def cos(self, poly: Poly) -> Poly:
        if not poly:
            return dict(ONE)
        split = self.cases(poly, self.cos)
        if split is not None:
            return split
        poly = self.expanded(poly)
        if self._backwards(poly):
            poly = scaled(poly, -1)
        self._pythagoras(poly)
        atom, labels = self.over("cos", poly)
        return self.factor(atom, labels)

    def _pythagoras(self, poly: Poly) -> None:
        sin, at = self.over("sin", poly)
        cos, there = self.over("cos", poly)
        self.state((((sin.number, at), 2),), total_of([(1, dict(ONE)), (-1, self.factor(cos, there, 2))]))

    def sign(self, poly: Poly) -> Poly:
        return total_of([(1, self.step(poly)), (-1, self.step(scaled(poly, -1)))])

    def iszero(self, poly: Poly) -> Poly:
        """The condition x = 0 of a case of real numbers: it holds on a set of measure zero."""
        return {} if is_number(poly) is None and self.generic(poly) else self.equation(poly)

    def equation(self, poly: Poly) -> Poly:
        """iszero of the graph: its inputs are class numbers and labels (see ``prove/whole.py``), which do satisfy it."""
        value = is_number(poly)
        if value is not None:
            return {} if value else dict(ONE)
        if self.positive(poly) or self.positive(scaled(poly, -1)):
            return {}
        _, _, left = self.content(self.expanded(poly), True)
        return self._indicator("iszero", scaled(left, -1) if self._backwards(left) else left)

    def where(self, c: Poly, a: Poly, b: Poly) -> Poly:
        return total_of([(1, b), (1, self.times(self.step(c), total_of([(1, a), (-1, b)])))])

    def _extreme(self, a: Poly, b: Poly, sign: int) -> Poly:
        """(a + b + |a - b|)/2, or with a minus: where the two tie, each counts half."""
        gap = total_of([(1, a), (-1, b)])
        return scaled(total_of([(1, a), (1, b), (sign, self.times(gap, self.sign(gap)))]), Fraction(1, 2))

    def maximum(self, poly: Poly, bound: Mapping[int, Any]) -> Poly:
        """The largest over some labels (label -> size): a name; what does not vary with them stands before it."""
        still = {m: c for m, c in poly.items() if not any(label in bound for f, _ in m for label in f[1])}
        moving = self.expanded({m: c for m, c in poly.items() if m not in still})
        if not all(any(label in f[1] for m in moving for f, _ in m) for label in bound):
            raise Unreadable("a maximum over what does not vary")
        scale, shared, left = self.content(moving, True)
        outer = {f: e for f, e in shared.items() if not any(label in bound for label in f[1])}
        inner = self.mul(left, {of_factors({f: e for f, e in shared.items() if f not in outer}): 1})
        slotted = canonical_slots(inner, tuple(bound), labels_of(inner), self.place, self.atoms)
        atom = self.intern("max", len(slotted.labels), (slotted.terms, len(bound)), slotted.group)
        self.matrix_sizes[atom.number] = tuple(bound[label] for label in slotted.bound)
        out = self.mul({of_factors(outer): scale}, self.factor(atom, slotted.labels))
        return total_of([(1, out), (1, still)])

    def of_maximum(self, atom: Atom, bound: Sequence[int]) -> Poly:
        """What a maximum at its slots is of, at labels for what it goes over."""
        return self.place(dict(atom.data[0]), dict(enumerate([*bound, *range(atom.rank)])))

    def _max_again(self, atom: Atom, labels: Sequence[int]) -> Poly:
        sizes = self.matrix_sizes[atom.number]
        bound = [self.fresh() for _ in sizes]
        poly = self.place(dict(atom.data[0]), dict(enumerate([*bound, *labels])))
        return self.maximum(poly, dict(zip(bound, sizes, strict=True)))

    # --- SymPy -----------------------------------------------------------------------------------------------------

    def formula(self, expr: Any, known: Mapping[Any, Poly]) -> Poly:
        """A definition in symbols with known values."""
        if expr in known:
            return known[expr]
        if not expr.free_symbols:
            return self.constant(expr)
        if isinstance(expr, sp.Piecewise):
            return self._piecewise(expr, known)
        if expr.is_Pow or isinstance(expr, sp.exp):
            base, exponent = expr.as_base_exp()
            if exponent.is_Rational and base is not sp.E:
                return self.power(self.formula(base, known), whole(Fraction(int(exponent.p), int(exponent.q))))
            power = self.formula(exponent, known)
            return self.exp(power if base is sp.E else self.times(power, self.log(self.formula(base, known))))
        args = [self.formula(a, known) for a in expr.args]
        if expr.is_Add:
            return total_of((1, a) for a in args)
        if expr.is_Mul:
            out = args[0]
            for a in args[1:]:
                out = self.times(out, a)
            return out
        name = BY_CLASS.get(type(expr))
        if name is None:
            raise Unreadable(f"{type(expr).__name__} has no reading here")
        return self.apply(name, args)

    def _piecewise(self, expr: sp.Piecewise, known: Mapping[Any, Poly]) -> Poly:
        """Sum of branch x indicator, boundaries excluded."""
        rest = dict(ONE)
        total: Poly = {}
        for branch, condition in expr.args:
            here = self._holds(condition, known)
            if branch is not sp.nan:
                add_to(total, self.times(self.times(rest, here), self.formula(branch, known)))
            rest = self.times(rest, total_of([(1, dict(ONE)), (-1, here)]))
        return total

    def _holds(self, condition: Any, known: Mapping[Any, Poly]) -> Poly:
        if condition == sp.true:
            return dict(ONE)
        if condition == sp.false:
            return {}
        if isinstance(condition, (sp.And, sp.Or)):
            parts = [self._holds(a, known) for a in condition.args]
            flip = isinstance(condition, sp.Or)
            out = dict(ONE)
            for part in parts:
                out = self.times(out, total_of([(1, dict(ONE)), (-1, part)]) if flip else part)
            return total_of([(1, dict(ONE)), (-1, out)]) if flip else out
        if isinstance(condition, (sp.Eq, sp.Ne)):
            equal = self.iszero(self._gap(condition, known))
            return equal if isinstance(condition, sp.Eq) else total_of([(1, dict(ONE)), (-1, equal)])
        if isinstance(condition, (sp.Gt, sp.Ge, sp.Lt, sp.Le)):
            above = scaled(self._gap(condition, known), 1 if isinstance(condition, (sp.Gt, sp.Le)) else -1)
            strict = isinstance(condition, (sp.Gt, sp.Lt))
            return self.step(above) if strict else total_of([(1, dict(ONE)), (-1, self.step(above))])
        raise Unreadable(f"the condition {condition} has no reading here")

    def _gap(self, condition: Any, known: Mapping[Any, Poly]) -> Poly:
        return total_of([(1, self.formula(condition.lhs, known)), (-1, self.formula(condition.rhs, known))])


@cache
def _definition(name: str) -> tuple[tuple[Any, ...], Any]:
    entry = TABLE[name]
    symbols = tuple(sp.Dummy(f"z{k}", real=True) for k in range(entry.nargs))
    return symbols, None if entry.definition is None else sp.sympify(entry.definition(*symbols))
