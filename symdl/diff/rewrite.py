"""Named rewrites of what was derived: nothing is derived here, only said more shortly.

**Multiply out and cancel**, as in a(1 - a)((1 - t)/(1 - a) - t/a) = a - t, is done at every adjoint, where it makes it shorter.

**Written with the sigmoid** is done on the finished gradients: 1/(1 + exp(-z)) and what comes of it are written with sigma.
With w any argument and S = sigma(w),

    exp(w)**m * (1 + exp(w))**(-k) = S**m * (1 - S)**(k - m).
"""

from __future__ import annotations

from collections.abc import Sequence

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node
from symdl.graph.number import Number, is_negative, times
from symdl.graph.rebuild import placed, rebuild
from symdl.graph.walk import topological
from symdl.steps.step import Rule

CANCEL = Rule("multiply out and cancel", r"a\left(\frac{u}{a} + v\right) = u + a v", "展开并约分")
SIGMOID = Rule("written with the sigmoid", r"\frac{1}{1 + e^{-z}} = \sigma(z)", "用 sigmoid 表示")


def with_sigmoid(terms: list[Term]) -> list[Term]:
    """The same values, with logistic expressions written as sigma."""
    if not any(_is_reciprocal(n) for n in topological(t.node for t in terms)):
        return terms
    # Products first: exp(-z)/(1 + exp(-z))**2 is sigma(1 - sigma) as a whole, and not exp(-z)*sigma**2.
    for kind in (kinds.MUL, kinds.POW):
        done: dict[Node, Term] = {}
        for node in topological(t.node for t in terms):
            built = rebuild(node, [placed(done[a], m) for a, m in node.terms()])
            done[node] = _logistic(built) if built.node.op == kind else built
        terms = [placed(done[t.node], t.map) for t in terms]
    return terms


def _is_reciprocal(node: Node) -> bool:
    """True for (1 + exp(w))**(-k), the only thing that this rewrite starts from."""
    return node.op == kinds.POW and is_negative(node.attr) and _one_plus_exp(Term(node.args[0], node.maps[0])) is not None


def _logistic(term: Term) -> Term:
    node = term.node
    if node.op not in (kinds.MUL, kinds.POW):
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
    if _leading_minus(w):
        w, m, rest = build.mul(-1, [w]), rest, m
    s = build.fn("sigmoid", [w])
    return [build.pow_(s, m), build.pow_(build.add([1, -1], [build.constant(1), s]), rest)]


def _leading_minus(w: Term) -> bool:
    if w.node.op == kinds.MUL:
        return is_negative(w.node.attr.coef)
    if w.node.op == kinds.ADD:
        return all(is_negative(c if a.op != kinds.CONST else a.attr) for c, a in zip(w.node.attr, w.node.args, strict=True))
    return False


#: Sums with more terms than this are not multiplied out.
MAX_TERMS = 24


def cancelled(term: Term) -> Term:
    """The term with a product multiplied out, if something cancels and it gets shorter; else the term itself."""
    node = term.node
    if node.op != kinds.MUL or node.attr.deltas:
        return term
    labels = [*term.map, *_sums(node)]
    factors = [placed(Term(a, m), labels) for a, m in node.terms()]
    if not any(_divides(f, factors) for f in factors):
        return term
    products = _multiplied_out([(node.attr.coef, factors)])
    if products is None:
        return term
    flat = build.add([c for c, _ in products], [build.mul(1, f) for _, f in products])
    summed = dict(zip(_sums(node), node.attr.summed, strict=True))
    short = build.mul(1, [flat], (), summed) if summed else flat
    return short if _length(short.node) < _length(node) else term


def _divides(total: Term, factors: Sequence[Term]) -> bool:
    """A term of the sum is divided by one of the factors beside it."""
    if total.node.op != kinds.ADD:
        return False
    bases = {_base(f)[0] for f in factors}
    for a, m in total.node.terms():
        inner = placed(Term(a, m), total.map)
        parts = [placed(Term(b, k), inner.map) for b, k in a.terms()] if a.op == kinds.MUL and not a.attr.summed else [inner]
        if any(is_negative(exponent) and base in bases for base, exponent in map(_base, parts)):
            return True
    return False


def _multiplied_out(products: list[tuple[Number, list[Term]]]) -> list[tuple[Number, list[Term]]] | None:
    """Products of no sums; None when there would be too many. What cancels, cancels on the way (``build.mul``)."""
    done: list[tuple[Number, list[Term]]] = []
    while products:
        coef, factors = products.pop()
        whole = build.mul(coef, factors)
        coef, factors = _factors(whole)
        # The sum in which something cancels goes first: (1 - a) multiplied out no longer meets 1/(1 - a).
        sums = sorted((f for f in factors if f.node.op == kinds.ADD), key=lambda f: not _divides(f, factors))
        total = sums[0] if sums else None
        if total is None:
            done.append((coef, factors))
        else:
            rest = [f for f in factors if f is not total]
            inner = zip(total.node.attr, total.node.terms(), strict=True)
            products += [(times(coef, c), [placed(Term(a, m), total.map), *rest]) for c, (a, m) in inner]
        if len(done) + len(products) > MAX_TERMS:
            return None
    return done


def _factors(term: Term) -> tuple[Number, list[Term]]:
    node = term.node
    if node.op == kinds.MUL and not node.attr.summed and not node.attr.deltas:
        return node.attr.coef, [placed(Term(a, m), term.map) for a, m in node.terms()]
    return 1, [term]


def _length(node: Node) -> int:
    """Operations of the arithmetic on top of a node; functions and sums over indices count as one."""
    count, waiting = 0, [node]
    while waiting and count < 10 * MAX_TERMS:
        here = waiting.pop()
        count += 1
        if here.op in (kinds.ADD, kinds.POW) or (here.op == kinds.MUL and (here is node or not here.attr.summed)):
            waiting.extend(here.args)
    return count
