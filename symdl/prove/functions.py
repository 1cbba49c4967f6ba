"""Elementwise functions of values, each from its definition, and small SymPy expressions in them.

The primitives are exp, log, sin, cos, arctan, erf, roots and the sign; all else (sigmoid, tanh, softplus, functions added with
``symdl.extend``) is evaluated by the definition in the function table, never by the table's derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from symdl.functions import BY_CLASS, TABLE
from symdl.graph.number import Number
from symdl.prove.bound import ONE
from symdl.prove.largest import largest
from symdl.prove.stop import Unreadable
from symdl.prove.value import Algebra, Value
from symdl.prove.written import written_out


class Functions(Algebra):
    """An algebra with elementwise functions."""

    def __init__(self, ring: Any) -> None:
        super().__init__(ring)
        self._constants: dict[Any, Value] = {}
        self._primitives: dict[str, Callable[..., Value]] = {
            "exp": self.exp, "log": self.log, "sin": self.sin, "cos": self.cos, "arctan": self.arctan, "erf": self.erf,
            "abs": self.abs, "sign": self.sign, "positive": self.positive, "step": self.step, "relu": self.relu,
            "iszero": self.iszero, "where": self.where, "maximum": self.maximum, "minimum": self.minimum,
        }  # fmt: skip

    def apply(self, name: str, args: list[Value]) -> Value:
        """The function ``name`` of the table."""
        primitive = self._primitives.get(name)
        if primitive is not None:
            return primitive(*args)
        definition = TABLE[name].definition
        if definition is None:
            raise Unreadable(f"the function {name} has no definition in simpler ones")
        symbols = [sp.Dummy(f"z{k}", real=True) for k in range(len(args))]
        return self.sympy(sp.sympify(definition(*symbols)), dict(zip(symbols, args, strict=True)))

    # --- primitives ------------------------------------------------------------------------------------------

    def exp(self, x: Value) -> Value:
        val, bound = self.ring.exp(x)
        return self.chain(x, val, val, bound, bound, positive=True)

    def log(self, x: Value) -> Value:
        val, bound = self.ring.log(x)
        outer = None if x.dot is None else self.ring.inverse(x.val)
        return self.chain(x, val, outer, bound, x.bound.inverse())

    def sin(self, x: Value) -> Value:
        cos, sin, bound = self.ring.cos_sin(x)
        return self.chain(x, sin, cos, bound, bound)

    def cos(self, x: Value) -> Value:
        cos, sin, bound = self.ring.cos_sin(x)
        return self.chain(x, cos, self.ring.norm(-sin), bound, bound)

    def arctan(self, x: Value) -> Value:
        val, bound = self.ring.odd("arctan", x)
        outer = self.inverse(self.add([1, 1], [self.number(1), self.times(_still(x), _still(x))]))
        return self.chain(x, val, outer.val, bound, outer.bound)

    def erf(self, x: Value) -> Value:
        """erf' = 2 exp(-x^2)/sqrt(pi)."""
        val, bound = self.ring.odd("erf", x)
        bell = self.exp(self.times(self.number(-1), self.times(_still(x), _still(x))))
        root = self.root(self.ring.constant("pi"), 2)
        outer = self.times(self.times(self.number(2), bell), self.inverse(root))
        return self.chain(x, val, np.broadcast_to(outer.val, x.val.shape), bound, outer.bound)

    def root(self, x: Value, degree: int) -> Value:
        """The positive root; its derivative is root/(degree x)."""
        if degree == 1:
            return x
        if degree % 2 == 0 and x.dot is not None and self.ring.discovering:
            self.ring.note_roots(x.val)
        val = self.ring.root(x.val, degree)
        outer = None if x.dot is None else self.ring.norm(val * self.ring.inverse(self.ring.norm(x.val * self.ring.number(degree))))
        return self.chain(x, val, outer, x.bound, x.bound * x.bound.inverse(), positive=True)

    def _by_sign(self, x: Value, below: int, zero: int, above: int) -> Any:
        """Numbers by the sign of x, with a points axis."""
        sign = self.ring.sign(x)
        return self.ring.integers(np.where(sign > 0, above, np.where(sign < 0, below, zero)))

    def _piece(self, x: Value, slope: Any, positive: bool = False) -> Value:
        """x times a number that depends on its sign."""
        val = self.ring.norm(x.val * slope)
        return self.chain(x, val, slope, x.bound, ONE, positive)

    def relu(self, x: Value) -> Value:
        return self._piece(x, self._by_sign(x, 0, 0, 1))

    def abs(self, x: Value) -> Value:
        return self._piece(x, self._by_sign(x, -1, 0, 1), positive=True)

    def sign(self, x: Value) -> Value:
        return Value(self.ring.norm(self._by_sign(x, -1, 0, 1)), None, ONE, ONE)

    def positive(self, x: Value) -> Value:
        return Value(self._by_sign(x, 0, 0, 1), None, ONE, ONE)

    def step(self, x: Value) -> Value:
        """Undefined where x is 0."""
        here = self.ring.sign(x)
        if (here == 0).any():
            self.ring.undefined("the step at 0")
        return Value(self.ring.integers(np.where(here > 0, 1, 0)), None, ONE, ONE)

    def iszero(self, x: Value) -> Value:
        return Value(self._by_sign(x, 0, 1, 0), None, ONE, ONE)

    def where(self, c: Value, a: Value, b: Value) -> Value:
        here = self.positive(c)
        return self.add([1, 1], [self.times(here, a), self.times(self.add([1, -1], [self.number(1), here]), b)])

    def maximum(self, a: Value, b: Value) -> Value:
        """Two that tie share the derivative: the definition says nothing of that."""
        return largest([a, b], self)[0]

    def minimum(self, a: Value, b: Value) -> Value:
        minus = self.number(-1)
        return self.times(minus, self.maximum(self.times(minus, a), self.times(minus, b)))

    # --- constant powers -----------------------------------------------------------------------------------------

    def rational_power(self, x: Value, exponent: Fraction) -> Value:
        return self.power(self.root(x, exponent.denominator), exponent.numerator)

    def constant_power(self, x: Value, exponent: Number, sizes: Mapping[Any, int]) -> Value:
        q = exact(exponent, sizes)
        if q is not None:
            if max(abs(q.numerator).bit_length(), 1 if self.ring.any_root else q.denominator) > 4096:
                raise Unreadable(f"the exponent {exponent} is too large")
            return self.rational_power(x, q)
        return self.exp(self.times(self.constant(exponent, sizes), self.log(x)))

    # --- SymPy -----------------------------------------------------------------------------------------------------

    def constant(self, value: Number, sizes: Mapping[Any, int]) -> Value:
        """A coefficient of the graph at the sizes chosen."""
        q = exact(value, sizes)
        if q is not None:
            return self.number(q)
        expr = sp.sympify(value).xreplace({s: sp.Integer(n) for s, n in sizes.items()})
        if expr not in self._constants:
            self._constants[expr] = self.sympy(expr, {})
        return self._constants[expr]

    def sympy(self, expr: Any, known: Mapping[Any, Value]) -> Value:
        """A small SymPy expression (a definition, a constant) in symbols with known values."""
        if expr in known:
            return known[expr]
        if expr.is_Rational:
            return self.number(Fraction(int(expr.p), int(expr.q)))
        if expr is sp.pi:
            return self.ring.constant("pi")
        if expr is sp.E:
            return self.exp(self.number(1))
        if isinstance(expr, sp.Piecewise):
            return self._piecewise(expr, known)
        if isinstance(expr, sp.Pow):
            return self._sympy_power(expr, known)
        if isinstance(expr, (sp.Sum, sp.Product)):
            return self.sympy(written_out(expr), known)
        args = [self.sympy(a, known) for a in expr.args]
        if isinstance(expr, sp.Add):
            return self.add([1] * len(args), args)
        if isinstance(expr, sp.Mul):
            out = args[0]
            for a in args[1:]:
                out = self.times(out, a)
            return out
        name = BY_CLASS.get(type(expr))
        if name is None:
            raise Unreadable(f"{type(expr).__name__} has no exact reading here")
        return self.apply(name, args)

    def _sympy_power(self, expr: sp.Pow, known: Mapping[Any, Value]) -> Value:
        base, exponent = expr.as_base_exp()
        if exponent.is_Rational and base is not sp.E:
            value = self.sympy(expr.base if expr.exp is exponent else base, known)
            return self.rational_power(value, Fraction(int(exponent.p), int(exponent.q)))
        power = self.sympy(expr.exp, known)
        return self.exp(power if expr.base is sp.E else self.times(power, self.log(self.sympy(expr.base, known))))

    def _piecewise(self, expr: sp.Piecewise, known: Mapping[Any, Value]) -> Value:
        """Each entry by the first branch whose condition holds there; a branch is carried out for its own entries only, as it may be undefined elsewhere."""
        left = np.ones(np.broadcast_shapes((), *(v.shape for v in known.values())), dtype=bool)
        total = self.number(0)
        for branch, condition in expr.args:
            here = left & self._holds(condition, self._only(left, known))
            left = left & ~here
            if branch is not sp.nan and here.all():
                return self.sympy(branch, known)
            if branch is not sp.nan and here.any():
                mask = Value(self.ring.integers(here.astype(np.int64)), None, ONE, ONE)
                total = self.add([1, 1], [total, self.times(mask, self.sympy(branch, self._only(here, known)))])
            if not left.any():
                break
        return total

    def _only(self, here: Any, known: Mapping[Any, Value]) -> Mapping[Any, Value]:
        """The values with 1 at all entries but these."""
        if here.all():
            return known
        one = self.number(1)
        masks = [Value(self.ring.integers(m.astype(np.int64)), None, ONE, ONE) for m in (here, ~here)]
        return {s: self.add([1, 1], [self.times(masks[0], v), self.times(masks[1], one)]) for s, v in known.items()}

    def _holds(self, condition: Any, known: Mapping[Any, Value]) -> Any:
        """Where a condition holds, as a mask. What is zero in the case at hand lies on the boundary: there it counts whether a condition is strict."""
        if condition in (sp.true, sp.false):
            return np.asarray(condition == sp.true)
        if isinstance(condition, (sp.And, sp.Or, sp.Not)):
            parts = [self._holds(c, known) for c in condition.args]
            return ~parts[0] if isinstance(condition, sp.Not) else (np.logical_and if isinstance(condition, sp.And) else np.logical_or).reduce(parts)
        compare = _COMPARISONS.get(type(condition))
        if compare is None:
            raise Unreadable(f"the condition {condition} has no exact reading here")
        return compare(self.ring.sign(self.sympy(condition.lhs - condition.rhs, known)), 0)


_COMPARISONS: Mapping[Any, Any] = {
    sp.StrictGreaterThan: np.greater,
    sp.GreaterThan: np.greater_equal,
    sp.StrictLessThan: np.less,
    sp.LessThan: np.less_equal,
    sp.Eq: np.equal,
    sp.Ne: np.not_equal,
}


def _still(x: Value) -> Value:
    return Value(x.val, None, x.bound, ONE, x.positive)


def exact(value: Number, sizes: Mapping[Any, int]) -> Fraction | None:
    """The coefficient as a fraction, if it is one at these sizes."""
    if not isinstance(value, sp.Basic):
        return Fraction(value)
    found = value.xreplace({s: sp.Integer(n) for s, n in sizes.items()})
    return Fraction(int(found.p), int(found.q)) if found.is_Rational else None
