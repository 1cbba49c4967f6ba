"""Edits are tried in floats first: a few ordinary inputs at sizes that are unlike each other, and what is right there."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from symdl.errors import SymdlError
from symdl.expr.tensor import Expr
from symdl.graph.walk import topological
from symdl.prove.numeric import evaluate
from symdl.prove.problem import dims_of, variables
from symdl.prove.samples import draw
from symdl.prove.sizes import size_choices

#: Numbers that a mistaken factor may be: denominators up to this one.
_DENOMINATOR = 24


class Trial:
    """What is right, at a few points."""

    def __init__(self, right: Expr, claim: Expr) -> None:
        self.right, self.claim = right, claim
        self.dims = dims_of([right, claim])
        self.points, self.sizes, self.wanted = _points(right, claim)

    def values(self, expr: Expr) -> list[Any] | None:
        """The values of an expression at the points; None where it has none, or another shape."""
        found = []
        for point, right in zip(self.points, self.wanted, strict=True):
            try:
                got = value_at(expr, point)
            except (SymdlError, ArithmeticError, np.linalg.LinAlgError, ValueError):
                return None
            if got.shape != right.shape:
                if expr.shape != self.right.shape or expr.open or self.right.open or got.ndim:
                    return None
                got = np.broadcast_to(got, right.shape)  # a number, in every entry
            found.append(got)
        return found

    def agrees(self, expr: Expr) -> bool:
        """Whether an expression is what is right at all points."""
        if not self.points:
            return False
        for point, right in zip(self.points, self.wanted, strict=True):
            try:
                got = value_at(expr, point)
            except (SymdlError, ArithmeticError, np.linalg.LinAlgError, ValueError):
                return False
            same = got.shape == right.shape or (not got.ndim and expr.shape == self.right.shape and not expr.open)
            if not same or not close(got, right):
                return False
        return True

    def ratio(self, above: list[Any], below: list[Any]) -> Any:
        """The number, or product of sizes and a number, by which some values are others; None when there is none."""
        found = []
        for a, b in zip(above, below, strict=True):
            large = np.abs(b) > 1e-8 * np.max(np.abs(b), initial=1e-300)
            if not np.any(large):
                return None
            r = float((a[large] / b[large]).flat[0])
            if not close(a, r * b):
                return None
            found.append(r)
        return self._named(found) if found else None  # no point, no number

    def _named(self, ratios: list[float]) -> Any:
        """The simplest factor that has these values at the points' sizes."""
        used = self.dims[:4]
        for exponents in sorted(itertools.product((0, 1, -1), repeat=len(used)), key=lambda e: sum(map(abs, e))):
            if sum(map(abs, exponents)) > 2:
                break
            rest = []
            for r, sizes in zip(ratios, self.sizes, strict=True):
                product = float(np.prod([float(sizes[d]) ** e for d, e in zip(used, exponents, strict=True)]))
                rest.append(r / product)
            exact: Any = sp.Rational(rest[0]).limit_denominator(_DENOMINATOR)
            if all(abs(float(exact) - r) <= 1e-9 * max(1.0, abs(r)) for r in rest) and abs(exact) <= 1000:
                return exact * sp.Mul(*[d**e for d, e in zip(used, exponents, strict=True)])
        return None


def close(got: Any, right: Any) -> bool:
    return bool(np.allclose(got, right, rtol=1e-9, atol=1e-12, equal_nan=False))


def value_at(expr: Expr, point: Mapping[str, Any]) -> Any:
    with np.errstate(all="ignore"):
        return np.asarray(evaluate(expr, point))


def _points(right: Expr, claim: Expr) -> tuple[list[dict[str, Any]], list[dict[Any, int]], list[Any]]:
    """Points, their sizes, and what is right there; places where it vanishes, overflows or is not defined tell nothing."""
    nodes = topological([right.node, claim.node])
    known = list(variables(nodes).values())
    told = {s for v in known for size in v.shape if isinstance(size, sp.Basic) for s in size.free_symbols}
    choices = [s for s in size_choices(dims_of([right, claim]), nodes, ())[:3] if not s or max(s.values()) > 1]
    found: list[tuple[dict[str, Any], dict[Any, int], Any]] = []
    spare = []
    for attempt in range(8):
        sizes = choices[attempt % len(choices)]
        rng = np.random.default_rng([7, attempt])
        values: dict[str, Any] = {v.name: draw(v, sizes, "normal", 0.8, rng, "positive" if attempt in (2, 5) else None) for v in known}
        values |= {d: n for d, n in sizes.items() if d not in told}
        with contextlib.suppress(SymdlError, ArithmeticError, np.linalg.LinAlgError, ValueError):
            got = value_at(right, values)
            spare.append((values, sizes, got))
            if np.all(np.isfinite(got)) and 1e-7 < np.max(np.abs(got), initial=0.0) < 1e7:
                found.append(spare[-1])
        if len(found) == 3:
            break
    kept = found or spare[:3]
    return [k[0] for k in kept], [k[1] for k in kept], [k[2] for k in kept]
