"""Rewrites of differences: of two values of one function, of a function and its argument, of a root and what it is close to, of two quotients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import sympy as sp

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node
from symdl.graph.number import is_negative, number, plus, times, to_sympy
from symdl.lower.behind import addends, applied, arguments, inside, opened, rest_of, sum_of
from symdl.lower.machine import (
    ARCTAN_DIFFERENCE,
    COSIGMOID,
    COSOFTPLUS,
    LOG_QUOTIENT,
    OVER_EXPM1,
    SIGMOID_DIFFERENCE,
    SOFTPLUS_DIFFERENCE,
)
from symdl.lower.stable_parts import LONG, negative, size, without
from symdl.lower.stable_powers import power_and_constant
from symdl.lower.stable_roots import over_root, root, roots

Addend = tuple[Any, Term]
_HALF = Fraction(1, 2)


def add(term: Term) -> Term | None:
    """Two terms of a sum as one that does not cancel, or fewer terms."""
    if len(term.node.args) > LONG:
        return None
    if not any(map(_promising, term.node.args)):
        return None
    parts = [(c, inside(t)) for c, t in addends(term)]
    for k, (c, part) in enumerate(parts):
        if not _promising(part.node):
            continue
        others = [p for n, p in enumerate(parts) if n != k]
        made = _with_argument(c, part, others)
        if made is not None:
            return sum_of(made)
        for j, (d, other) in enumerate(others):
            found = _two(c, part, d, other, len(parts) == 2)
            if found is not None:
                return sum_of([*(p for n, p in enumerate(others) if n != j), *found])
    return None


def _promising(node: Node) -> bool:
    """Whether a difference with this can be rewritten: asked of every term of every sum."""
    while node.op == kinds.LET:
        node = node.args[0]
    if node.op == kinds.FN:
        return node.attr in _NAMES
    if node.op == kinds.MUL:
        return any(map(_divides, node.args)) or any(a.op == kinds.FN and a.attr in _NAMES for a in node.args if node.attr.coef != 1)
    return node.op == kinds.REDUCE or _divides(node) or (node.op == kinds.POW and (isinstance(node.attr, Fraction) or _is_cosh(node.args[0])))


def _divides(node: Node) -> bool:
    while node.op == kinds.LET:
        node = node.args[0]
        if node.op == kinds.MUL:
            return any(a.op == kinds.POW and _divides(a) for a in node.args)
    return node.op == kinds.POW and type(node.attr) in (int, Fraction) and node.attr < 0


def _is_cosh(node: Node) -> bool:
    return node.op == kinds.FN and node.attr == "cosh"


# --- a function and its argument -----------------------------------------------------------------------------------------

#: Name of f -> (factor of z, what f(z) + factor*z is called).
_ARGUMENTS = {"softplus": (-1, COSOFTPLUS), COSOFTPLUS: (1, "softplus"), "tanh": (-1, "tanhshrink"), OVER_EXPM1: (1, OVER_EXPM1)}


def _with_argument(c: Any, part: Term, others: Sequence[Addend]) -> list[Addend] | None:
    """softplus(z) - z = softplus(-z), z - tanh(z) = tanhshrink(z)."""
    if part.node.op != kinds.FN or part.node.attr not in _ARGUMENTS:
        return None
    sign, name = _ARGUMENTS[part.node.attr]
    z = arguments(part)[0]
    left = taken(others, z, times(c, sign))
    if left is not None and name == OVER_EXPM1:  # z/(exp(z) - 1) + z = -z/(exp(-z) - 1)
        return [*left, (c, applied(name, negative(z)))]
    return None if left is None else [*left, (c if name != "tanhshrink" else times(-1, c), applied(name, z))]


def taken(parts: Sequence[Addend], z: Term, scale: Any) -> list[Addend] | None:
    """The terms without scale*z; None when it is not among them."""
    left = list(parts)
    for c, piece in addends(inside(z)):
        wanted = times(c, scale)
        at = next((n for n, (d, t) in enumerate(left) if d == wanted and inside(t) == inside(piece)), None)
        if at is None:
            return None
        del left[at]
    return left


# --- two values ----------------------------------------------------------------------------------------------------------


def _two(c: Any, a: Term, d: Any, b: Term, alone: bool) -> list[Addend] | None:
    """c*a + d*b."""
    if a.node.op == kinds.FN and b.node.op == kinds.FN:
        return _exponentials(c, a, d, b) or _hyperbolic(c, a, d, b) or (_functions(c, a, b) if plus(c, d) == 0 else None)
    if a.node.op == kinds.POW and b.node.op == kinds.POW and plus(c, d) == 0:
        found = _squares(c, a, b) or roots(c, a, b)
        if found is not None:
            return found
    if a.node.op == kinds.POW and a.node.attr == _HALF:
        found = root(c, a, d, b)
        if found is not None:
            return found
    if a.node.op == kinds.REDUCE and b.node.op == kinds.REDUCE:
        return _below_maximum(c, a, b) if plus(c, d) == 0 else None
    if not _promising(a.node) and not _promising(b.node):
        return None
    return over_root(c, a, d, b) or _quotients(c, a, d, b, alone)


def _exponentials(c: Any, a: Term, d: Any, b: Term) -> list[Addend] | None:
    """c*exp(z + k) - d*exp(z) = (c*exp(k) - d)*exp(z) for a number k."""
    if a.node.attr != "exp" or b.node.attr != "exp":
        return None
    apart = build.add([1, -1], [arguments(a)[0], arguments(b)[0]])
    if apart.node.op != kinds.CONST or abs(float(to_sympy(apart.node.attr))) > 100:
        return None
    return [(number(to_sympy(c) * sp.exp(to_sympy(apart.node.attr)) + to_sympy(d)), b)]


def _hyperbolic(c: Any, a: Term, d: Any, b: Term) -> list[Addend] | None:
    """cosh(z) + sinh(z) = exp(z), cosh(z) - sinh(z) = exp(-z)."""
    if (a.node.attr, b.node.attr) != ("cosh", "sinh") or arguments(a) != arguments(b) or (plus(c, d) != 0 and c != d):
        return None
    z = arguments(a)[0]
    return [(c, build.fn("exp", [z if c == d else negative(z)]))]


#: Name -> the function that it is of z or of -z.
_SAME = {"sigmoid": ("sigmoid", 1), COSIGMOID: ("sigmoid", -1), "softplus": ("softplus", 1), COSOFTPLUS: ("softplus", -1), "log": ("log", 1),
         "log1p": ("log", 0), "tanh": ("tanh", 1), "arctan": ("arctan", 1)}  # fmt: skip


_NAMES = frozenset([*_ARGUMENTS, *_SAME, "exp", "cosh"])


def _functions(c: Any, a: Term, b: Term) -> list[Addend] | None:
    """c*f(z) - c*f(w), where z - w is simpler than both."""
    first, second = (_SAME.get(t.node.attr) for t in (a, b))
    if first is None or second is None or first[0] != second[0]:
        return None
    z, w = (_argument(arguments(t)[0], kind[1]) for t, kind in ((a, first), (b, second)))
    if first[0] == "softplus" and z == negative(w):
        return [(c, z)]
    if is_negative(c):
        c, z, w = times(-1, c), w, z
    apart = without(1, z, -1, w)
    return None if apart is None or (apart.node.op == kinds.CONST and apart.node.attr == 0) else [(c, _DIFFERENCES[first[0]](z, w, apart))]


def _argument(z: Term, sign: int) -> Term:
    return build.add([1, 1], [z, build.constant(1)]) if sign == 0 else z if sign == 1 else negative(z)


def _of_tanh(z: Term, w: Term, d: Term) -> Term:
    """tanh(z) = 2*sigmoid(2z) - 1."""
    return build.mul(2, [applied(SIGMOID_DIFFERENCE, *(build.mul(2, [t]) for t in (z, w, d)))])


_DIFFERENCES: dict[str, Callable[[Term, Term, Term], Term]] = {
    "sigmoid": lambda z, w, d: applied(SIGMOID_DIFFERENCE, z, w, d),
    "softplus": lambda z, w, d: applied(SOFTPLUS_DIFFERENCE, z, w, d),
    "log": lambda z, w, d: applied(LOG_QUOTIENT, z, w, d),
    "arctan": lambda z, w, d: applied(ARCTAN_DIFFERENCE, z, w, d),
    "tanh": _of_tanh,
}


def _squares(c: Any, a: Term, b: Term) -> list[Addend] | None:
    """cosh(z)^2 - sinh(z)^2 = 1."""
    if a.node.attr != 2 or b.node.attr != 2:
        return None
    f, g = (inside(arguments(t)[0]) for t in (a, b))
    same = f.node.op == g.node.op == kinds.FN and (f.node.attr, g.node.attr) == ("cosh", "sinh") and arguments(f) == arguments(g)
    return [(c, build.constant(1))] if same else None


def _below_maximum(c: Any, a: Term, b: Term) -> list[Addend] | None:
    """max(z) - logsumexp(z) = -log(1 + rest)."""
    if (a.node.attr.kind, b.node.attr.kind) != ("max", "logsumexp") or a.node.args != b.node.args or a.node.maps != b.node.maps or a.map != b.map:
        return None
    names = [("reduced", k) for k in range(len(a.node.attr.summed))]
    labels: dict[int, Any] = dict(enumerate(a.map)) | dict(enumerate(names, start=a.node.rank))
    z = build.rename(Term(a.node.args[0], a.node.maps[0]), labels)
    return [(times(-1, c), build.fn("log1p", [rest_of(z, dict(zip(names, a.node.attr.summed, strict=True)))]))]


def _quotients(c: Any, a: Term, d: Any, b: Term, alone: bool) -> list[Addend] | None:
    """c*n/p + d*m/q = (c*n*q + d*m*p)/(p*q) where the numerator is simpler."""
    first, second = _quotient(a), _quotient(b)
    if first is None or second is None or not (first[1] or second[1]):
        return None
    (n, p, c), (m, q, d) = (first[0], first[1], times(c, first[2])), (second[0], second[1], times(d, second[2]))
    if p == q or len(p) > 1 or len(q) > 1:
        return None
    if len(p) + len(q) == 1 and Counter(n) == Counter(m):  # n*(c/p + d)
        apart = power_and_constant(c if p else d, (p or q)[0], -1, d if p else c)
        if apart is not None:
            return [(1, build.mul(1, [*n, apart]))]
    common = [f for f in n if f in m]
    n, m = ([f for f in side if f not in common] for side in (n, m))
    above = without(c, build.mul(1, [*n, *q]), d, build.mul(1, [*m, *p]))
    return None if above is None or (size(above) > 1 and not alone) else [(1, build.mul(1, [*common, above, *(build.pow_(t, -1) for t in (*p, *q))]))]


def _quotient(term: Term) -> tuple[list[Term], list[Term], Any] | None:
    """Factors above and below the line, and the coefficient."""
    parts = opened(term)
    if parts.summed or parts.deltas:
        return None
    above = [f for f in parts.factors if f.node.op != kinds.POW or f.node.attr != -1]
    return above, [inside(arguments(f)[0]) for f in parts.factors if f.node.op == kinds.POW and f.node.attr == -1], parts.coef
