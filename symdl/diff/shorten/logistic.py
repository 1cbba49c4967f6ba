"""Written with the sigmoid: 1/(1 + exp(-z)) and what comes of it. With w any argument and S = sigma(w),

exp(w)**m * (1 + exp(w))**(-k) = S**m * (1 - S)**(k - m).
"""

from __future__ import annotations

from collections.abc import Callable

from symdl.diff.shorten.pieces import own
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node
from symdl.graph.number import Number, is_negative
from symdl.graph.rebuild import placed, rebuild
from symdl.graph.walk import topological
from symdl.steps.step import Rule

SIGMOID = Rule("written with the sigmoid", r"\frac{1}{1 + e^{-z}} = \sigma(z)", "用 sigmoid 表示")


def with_sigmoid(terms: list[Term]) -> list[Term]:
    """The same values, with logistic expressions written as sigma."""
    if not any(_is_reciprocal(n) for n in topological(t.node for t in terms) if n.op == kinds.POW):
        return terms
    # Products first: exp(-z)/(1 + exp(-z))**2 is sigma(1 - sigma) as a whole, and not exp(-z)*sigma**2.
    for kind in (kinds.MUL, kinds.POW):
        terms = _everywhere(terms, lambda built: _logistic(built) if built.node.op == kind else built)  # noqa: B023
    # Where one is written with sigma, 1 + exp(-z) is 1/sigma(z).
    return _everywhere(terms, _reciprocal) if any(_one_plus_exp(own(n)) for n in topological(t.node for t in terms)) else terms


def _everywhere(terms: list[Term], rewrite: Callable[[Term], Term]) -> list[Term]:
    changed: dict[Node, Term] = {}
    for node in topological(t.node for t in terms):
        built = now = own(node)
        if not changed.keys().isdisjoint(node.args):
            built = rebuild(node, [placed(changed.get(a) or own(a), m) for a, m in node.terms()])
        made = rewrite(built)
        if made != now:
            changed[node] = made
    return [placed(changed.get(t.node) or own(t.node), t.map) for t in terms]


def _reciprocal(term: Term) -> Term:
    w = _one_plus_exp(term)
    return term if w is None else build.mul(1, _sigma_powers(w, 0, -1))


def _is_reciprocal(node: Node) -> bool:
    """True for a power (1 + exp(w))**(-k), the only thing that this rewrite starts from."""
    return is_negative(node.attr) and _one_plus_exp(Term(node.args[0], node.maps[0])) is not None


def _logistic(term: Term) -> Term:
    node = term.node
    if node.op != kinds.POW and not (node.op == kinds.MUL and any([a.op == kinds.POW for a in node.args])):
        return term
    factors = [term] if node.op == kinds.POW else [placed(Term(a, m), (*term.map, *_sums(node))) for a, m in node.terms()]
    powers = {t: _base(t) for t in factors}
    for base, exponent in powers.values():
        w = _one_plus_exp(base)
        if w is None or type(exponent) is not int or exponent >= 0:
            continue
        m = next((e for b, e in powers.values() if b == build.fn("exp", [w])), 0)
        if type(m) is not int or not 0 <= m <= -exponent:
            continue
        rest = [t for t, (b, _) in powers.items() if b not in (base, build.fn("exp", [w]))]
        return _assemble(term, rest + _sigma_powers(w, m, -exponent - m))
    return term


def _sums(node: Node) -> list:
    return [("s", k) for k in range(len(node.attr.summed))]


def _assemble(term: Term, factors: list[Term]) -> Term:
    node = term.node
    if node.op == kinds.POW:
        return build.mul(1, factors)
    labels = [*term.map, *_sums(node)]
    sizes = node.sizes()
    deltas = [build.Delta(a if a < 0 else labels[a], b if b < 0 else labels[b], sizes[a]) for a, b in node.attr.deltas]
    summed = dict(zip(_sums(node), node.attr.summed, strict=True))
    return _logistic(build.mul(node.attr.coef, factors, deltas, summed))


def _base(term: Term) -> tuple[Term, Number]:
    if term.node.op == kinds.POW:
        return placed(Term(term.node.args[0], term.node.maps[0]), term.map), term.node.attr
    return term, 1


def is_one_plus_exp(node: Node) -> bool:
    """True for 1 + exp(w): where none is in the loss, there is nothing to be written with the sigmoid."""
    return node.op == kinds.ADD and _one_plus_exp(own(node)) is not None


def _one_plus_exp(term: Term) -> Term | None:
    """w when the term is 1 + exp(w)."""
    node = term.node
    if node.op != kinds.ADD or len(node.args) != 2 or node.attr != (1, 1):
        return None
    exp, one = sorted(node.terms(), key=lambda t: t[0].op == kinds.CONST)
    if one[0].op != kinds.CONST or one[0].attr != 1 or exp[0].op != kinds.FN or exp[0].attr != "exp":
        return None
    outer = placed(Term(*exp), term.map)
    return placed(Term(outer.node.args[0], outer.node.maps[0]), outer.map)


def _sigma_powers(w: Term, m: int, rest: int) -> list[Term]:
    """sigma(w)**m * (1 - sigma(w))**rest, with sigma(-z) written as 1 - sigma(z)."""
    if leading_minus(w):
        w, m, rest = build.mul(-1, [w]), rest, m
    s = build.fn("sigmoid", [w])
    return [build.pow_(s, m), build.pow_(build.add([1, -1], [build.constant(1), s]), rest)]


def leading_minus(w: Term) -> bool:
    if w.node.op == kinds.MUL:
        return is_negative(w.node.attr.coef)
    if w.node.op == kinds.ADD:
        return all(is_negative(c if a.op != kinds.CONST else a.attr) for c, a in zip(w.node.attr, w.node.args, strict=True))
    return False
