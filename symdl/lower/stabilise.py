"""Rewrites that keep a value and save its digits: applied before lowering, each an identity for all reals.

In floating point 1 - sigmoid(40) is 0, and exp(800)/(exp(800) + 1) is not a number; written otherwise both are right to the last
digit. Sources: Goodfellow, Bengio, Courville, Deep Learning, sections 3.10 and 4.1; Maechler 2012, "Accurately computing
log(1 - exp(-|a|))".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import sympy as sp

from symdl.functions import TABLE
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Label, Term
from symdl.graph.node import Node, Size, intern
from symdl.graph.number import is_negative, plus, times
from symdl.graph.rebuild import placed, rebuild
from symdl.graph.walk import topological
from symdl.lower.behind import argument, arguments, inside
from symdl.lower.machine import COSIGMOID, COSOFTPLUS
from symdl.lower.masks import join_masks, masked_exponent


class Identity(NamedTuple):
    """One rewrite as data, for whoever wants to prove it: lhs = rhs for all real z (and x, a vector)."""

    name: str
    lhs: Any
    rhs: Any


def identities() -> list[Identity]:
    """All rewrites, on plain SymPy where that has a form for them, else as expressions of symdl."""
    from symdl.expr.ops import exp, log, logsumexp, sum_
    from symdl.expr.tensor import tensor

    z, s, softplus = sp.Symbol("z", real=True), TABLE["sigmoid"].sympy, TABLE["softplus"].sympy
    x = tensor("x", 3)
    return [
        Identity("one minus sigmoid", 1 - s(z), s(-z)),
        Identity("reciprocal of 1 + exp", 1 / (1 + sp.exp(-z)), s(z)),
        Identity("logistic quotient", sp.exp(z) / (1 + sp.exp(z)), s(z)),
        Identity("slope of tanh", 1 - sp.tanh(z) ** 2, 4 * s(2 * z) * s(-2 * z)),
        Identity("log of 1 + exp", sp.log(1 + sp.exp(z)), softplus(z)),
        Identity("log of sigmoid", sp.log(s(z)), -softplus(-z)),
        Identity("log of one minus sigmoid", sp.log(1 - s(z)), -softplus(z)),
        Identity("log of a sum of exp", log(sum_(exp(x))), logsumexp(x)),
        Identity("softmax", exp(x) / sum_(exp(x)), exp(x - logsumexp(x))),
        Identity("reciprocal of a sum of exp", 1 / sum_(exp(x)), exp(-logsumexp(x))),
    ]


def stabilised(roots: Sequence[Term]) -> list[Term]:
    """The same values, written so that they survive floating point."""
    done: dict[Node, Term] = {}
    for node in topological(t.node for t in roots):
        args = [placed(done[a], m) for a, m in node.terms()]
        term = rebuild_here(node, args)
        rule = _RULES.get(term.node.op)
        done[node] = rule(term) if rule else term
    return [placed(done[t.node], t.map) for t in roots]


def rebuild_here(node: Node, args: Sequence[Term]) -> Term:
    """As ``rebuild``; also for the functions of the machine room, which have no entry in the table."""
    if node.op == kinds.MATRIX:
        inner = args[0]
        whole = inner.map == (0, 1) and inner.node.rank == 2
        return Term(intern(kinds.MATRIX, (inner.node,), ((0, 1),), node.shape, node.attr), tuple(range(node.rank))) if whole else rebuild(node, args)
    return rebuild(node, args)


def _apply(name: str, z: Term) -> Term:
    """name(z), without the table's algebra."""
    labels = tuple(dict.fromkeys(e for e in z.map if not build.is_fixed(e)))
    sizes = build.axis_sizes(z)
    entries = tuple(e if build.is_fixed(e) else labels.index(e) for e in z.map)
    return Term(intern(kinds.FN, (z.node,), (entries,), tuple(sizes[e] for e in labels), name), labels)


def _sigmoid(w: Term) -> Term:
    """sigmoid(w), read as that of -w where w has a leading minus, so that the two share their exponential."""
    if w.node.op == kinds.MUL and w.node.attr.coef == -1:
        return _apply(COSIGMOID, build.mul(-1, [w]))
    return _apply("sigmoid", w)


def _add(term: Term) -> Term:
    """c - c sigmoid(z) and c - c tanh(z)^2."""
    node = term.node
    if len(node.args) != 2 or node.args[1].op != kinds.CONST or plus(node.attr[0], times(node.attr[1], node.args[1].attr)) != 0:
        return term
    scale = times(-1, node.attr[0])
    first = arguments(term)[0]
    z = argument(first, "sigmoid")
    if z is not None:
        return build.mul(scale, [_apply(COSIGMOID, z)])
    z = argument(first, COSIGMOID)
    if z is not None:
        return build.mul(scale, [_apply("sigmoid", z)])
    inner = inside(first)
    if inner.node.op == kinds.POW and inner.node.attr == 2:
        z = argument(arguments(inner)[0], "tanh")
        if z is not None:
            double = build.mul(2, [z])
            slope = build.mul(times(4, scale), [_apply("sigmoid", double), _apply(COSIGMOID, double)])
            # Under a name: in a deep chain the factors 4 would gather into one too large for a float.
            labels = slope.map
            return build.let("slope", slope, labels, [build.axis_sizes(slope)[label] for label in labels])
    return term


def _one_plus_exp(term: Term) -> Term | None:
    """w when the term is 1 + exp(w)."""
    inner = inside(term)
    node = inner.node
    if node.op == kinds.ADD and node.attr == (1, 1) and node.args[1].op == kinds.CONST and node.args[1].attr == 1:
        return argument(arguments(inner)[0], "exp")
    return None


class _SumExp(NamedTuple):
    """Sum over some indices of exp(z): z, and the labels and sizes that are summed."""

    z: Term
    summed: dict[Label, Size]


def _sum_exp(term: Term) -> _SumExp | None:
    inner = inside(term)
    node = inner.node
    if node.op != kinds.MUL or not node.attr.summed or node.attr.deltas or node.attr.coef != 1:
        return None
    names = {node.rank + k: build.fresh() for k in range(len(node.attr.summed))}
    labels = dict(enumerate(inner.map)) | names
    factors = [build.rename(Term(a, m), labels) for a, m in node.terms()]
    z = argument(factors[0], "exp") if len(factors) == 1 else masked_exponent(factors)
    return None if z is None else _SumExp(z, dict(zip(names.values(), node.attr.summed, strict=True)))


def _fn(term: Term) -> Term:
    name = term.node.attr
    if name == "sigmoid":
        return _sigmoid(arguments(term)[0])
    if name != "log":
        return term
    inner = arguments(term)[0]
    for function, opposite in (("sigmoid", COSOFTPLUS), (COSIGMOID, "softplus")):
        z = argument(inner, function)
        if z is not None:
            return build.mul(-1, [_apply(opposite, z)])
    w = _one_plus_exp(inner)
    if w is not None:
        return _apply("softplus", w)
    found = _sum_exp(inner)
    return build.reduce_("logsumexp", found.z, found.summed) if found else term


def _pow(term: Term) -> Term:
    """Reciprocals of 1 + exp(w) and of a sum of exp."""
    exponent = term.node.attr
    if not is_negative(exponent):
        return term
    base = arguments(term)[0]
    w = _one_plus_exp(base)
    if w is not None:
        return build.pow_(_sigmoid(build.mul(-1, [w])), times(-1, exponent))
    found = _sum_exp(base)
    if found is None:
        return term
    return build.fn("exp", [build.mul(exponent, [build.reduce_("logsumexp", found.z, found.summed)])])


def _mul(term: Term) -> Term:
    """exp(z) joined with the reciprocals that ``_pow`` has made."""
    node = term.node
    labels = [*term.map, *(build.fresh() for _ in node.attr.summed)]
    factors = [placed(Term(a, m), labels) for a, m in node.terms()]
    joined = _join_logistic(factors) or _join_softmax(factors) or join_masks(factors)
    if joined is None:
        return term
    sizes = node.sizes()
    place: Callable[[int], Any] = lambda e: e if e < 0 else labels[e]  # noqa: E731
    deltas = [build.Delta(place(a), place(b), sizes[a]) for a, b in node.attr.deltas]
    summed = dict(zip(labels[node.rank :], node.attr.summed, strict=True))
    return _again(build.mul(node.attr.coef, joined, deltas, summed))


def _again(term: Term) -> Term:
    return _mul(term) if term.node.op == kinds.MUL else term


def _join_logistic(factors: list[Term]) -> list[Term] | None:
    """exp(w) * sigmoid(-w)**k = sigmoid(w) * sigmoid(-w)**(k - 1), for either sign of w."""
    for k, factor in enumerate(factors):
        w = argument(factor, "exp")
        if w is None:
            continue
        wanted, gives = _sigmoid(build.mul(-1, [w])), _sigmoid(w)
        for j, other in enumerate(factors):
            base, exponent = (other, 1) if other.node.op != kinds.POW else (arguments(other)[0], other.node.attr)
            if inside(base) == wanted and type(exponent) is int and exponent >= 1:
                rest = [f for n, f in enumerate(factors) if n not in (j, k)]
                return [*rest, gives, *([build.pow_(base, exponent - 1)] if exponent > 1 else [])]
    return None


def _join_softmax(factors: list[Term]) -> list[Term] | None:
    """exp(z) * exp(-k*logsumexp(z)) = exp(z - logsumexp(z)) * exp(-(k-1)*logsumexp(z))."""
    for k, factor in enumerate(factors):
        found = _minus_logsumexp(factor)
        if found is None:
            continue
        count, log_sum = found
        for j, other in enumerate(factors):
            z = argument(other, "exp")
            if j == k or z is None or z.node is not log_sum.node.args[0]:
                continue
            rest = [f for n, f in enumerate(factors) if n not in (j, k)]
            softmax = build.fn("exp", [build.add([1, -1], [z, log_sum])])
            return [*rest, softmax, *([build.fn("exp", [build.mul(1 - count, [log_sum])])] if count > 1 else [])]
    return None


def _minus_logsumexp(term: Term) -> tuple[int, Term] | None:
    """k and L when the term is exp(-k*L), L a logsumexp."""
    w = argument(term, "exp")
    if w is None or w.node.op != kinds.MUL or len(w.node.args) != 1 or w.node.attr.summed:
        return None
    coef = w.node.attr.coef
    inner = arguments(w)[0]
    good = type(coef) is int and coef < 0 and inner.node.op == kinds.REDUCE and inner.node.attr.kind == "logsumexp"
    return (-coef, inner) if good else None


_RULES: dict[str, Callable[[Term], Term]] = {kinds.ADD: _add, kinds.FN: _fn, kinds.POW: _pow, kinds.MUL: _mul}
