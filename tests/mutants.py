"""Wrong versions of an expression: one small error somewhere in its graph."""

from __future__ import annotations

import random
from fractions import Fraction

import sympy as sp

from symdl.expr.tensor import Expr
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.node import intern
from symdl.graph.rebuild import placed, rebuild
from symdl.graph.walk import topological

SWAPS = {"sigmoid": "tanh", "tanh": "sigmoid", "exp": "softplus", "positive": "sign", "sin": "cos", "cos": "sin", "log": "exp", "softplus": "relu"}


def mutant(expr: Expr, seed: int) -> tuple[str, Expr] | None:
    """The expression with one error, and what it is; None when the place drawn has none to offer."""
    rng = random.Random(seed)
    order = [n for n in topological([expr.node]) if n.op in _AT]
    target = rng.choice(order)
    made = _AT[target.op](target, rng)
    if made is None:
        return None
    what, wrong = made
    done = {}
    for node in topological([expr.node]):
        done[node] = wrong if node is target else rebuild(node, [placed(done[a], m) for a, m in node.terms()])
    return what, Expr(placed(done[expr.node], expr.map), expr.shape, dict(expr.open))


def _again(node, args=None, maps=None, attr=None):
    """The node with something else in it, built anew from raw parts."""
    raw = intern(node.op, args or node.args, maps or node.maps, node.shape, attr if attr is not None else node.attr)
    terms = [build.Term(a, m) for a, m in raw.terms()]
    return _built(raw, terms)


def _built(raw, terms):
    if raw.op == kinds.ADD:
        return build.add(raw.attr, terms)
    if raw.op == kinds.MUL:
        sizes = raw.sizes()
        deltas = [build.Delta(a, b, sizes[a]) for a, b in raw.attr.deltas]
        return build.mul(raw.attr.coef, terms, deltas, dict(enumerate(raw.attr.summed, start=raw.rank)))
    return build.fn(raw.attr, terms) if raw.op == kinds.FN else build.pow_(terms[0], raw.attr)


def _changed(c, size, rng):
    kind = rng.choice(["sign", "factor", "tiny factor"] + (["size n - 1"] if size is not None else []))
    if kind == "size n - 1":
        return kind, sp.sympify(c) * (size - 1) / size
    factor = {"sign": -1, "factor": 2, "tiny factor": Fraction(10**15 + 1, 10**15)}[kind]
    return kind, build.number(sp.sympify(c) * sp.Rational(Fraction(factor).numerator, Fraction(factor).denominator))


def _size(node, rng):
    found = [s for s in node.sizes() if isinstance(s, sp.Symbol)]
    return rng.choice(found) if found else None


def _add(node, rng):
    k = rng.randrange(len(node.args))
    if rng.random() < 0.3 and len(node.args) > 1:
        keep = [j for j in range(len(node.args)) if j != k]
        return "dropped term", build.add([node.attr[j] for j in keep], [build.Term(node.args[j], node.maps[j]) for j in keep])
    what, c = _changed(node.attr[k], _size(node, rng), rng)
    return f"{what} of a term", _again(node, attr=(*node.attr[:k], c, *node.attr[k + 1 :]))


def _mul(node, rng):
    kind = rng.choice(["coefficient", "factor", "axes", "letter", "delta"])
    coef, summed, deltas = node.attr
    if kind == "coefficient":
        what, c = _changed(coef, _size(node, rng), rng)
        return what, _again(node, attr=node.attr._replace(coef=c))
    if kind == "delta":
        if not deltas:
            return None
        return "dropped delta", _again(node, attr=node.attr._replace(deltas=deltas[1:]))
    if not node.args:
        return None
    k = rng.randrange(len(node.args))
    if kind == "factor":
        left = [j for j in range(len(node.args)) if j != k]
        terms = [build.Term(node.args[j], node.maps[j]) for j in left]
        sizes = node.sizes()
        return "dropped factor", build.mul(coef, terms, [build.Delta(a, b, sizes[a]) for a, b in deltas], dict(enumerate(summed, start=node.rank)))
    entries = list(node.maps[k])
    if kind == "axes":  # transposed
        pairs = [(a, b) for a in range(len(entries)) for b in range(a) if node.args[k].shape[a] == node.args[k].shape[b] and entries[a] != entries[b]]
        if not pairs:
            return None
        a, b = rng.choice(pairs)
        entries[a], entries[b] = entries[b], entries[a]
    else:  # another letter of the same size
        sizes = node.sizes()
        choices = [(a, e) for a, old in enumerate(entries) for e in range(len(sizes)) if e != old and sizes[e] == node.args[k].shape[a]]
        if not choices:
            return None
        a, e = rng.choice(choices)
        entries[a] = e
    return f"{kind} of a factor", _again(node, maps=(*node.maps[:k], tuple(entries), *node.maps[k + 1 :]))


def _pow(node, rng):
    return "exponent", build.pow_(build.Term(node.args[0], node.maps[0]), build.number(sp.sympify(node.attr) + rng.choice([-1, 1])))


def _fn(node, rng):
    if node.attr not in SWAPS:
        return None
    return "another function", build.fn(SWAPS[node.attr], [build.Term(a, m) for a, m in node.terms()])


_AT = {kinds.ADD: _add, kinds.MUL: _mul, kinds.POW: _pow, kinds.FN: _fn}
