"""Factor out: a u + a v = a (u + v), for numbers, elements, and matrices in contractions: Sum_j A_ij x_j + Sum_j B_ij x_j = Sum_j (A_ij + B_ij) x_j."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import sympy as sp

from symdl.diff.shorten.engine import Rewrite
from symdl.diff.shorten.length import length
from symdl.diff.shorten.pieces import Pieces, addends, base, own, pieces
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Delta, Term
from symdl.graph.labels import is_fixed
from symdl.graph.node import Node
from symdl.graph.number import Number, is_negative, number, plus, power, times, to_sympy
from symdl.graph.symmetry import is_symmetric
from symdl.steps.step import Rule

FACTOR = Rule("factor out", r"a\,u + a\,v = a\,(u + v)", "提取公因式")
CONSTANT_OUT = Rule("factor out a number", r"c\,u + c\,v = c\,(u + v)", "提取公因数")
SIGN = Rule("take the minus inside", r"-(u - v) = v - u", "移入负号")
DIAGONAL = Rule("one diagonal", r"\operatorname{diag}(u) + \operatorname{diag}(v) = \operatorname{diag}(u + v)", "合并对角矩阵")
SUMS = Rule("one sum", r"\sum_k u_k + \sum_k v_k = \sum_k (u_k + v_k)", "合并求和")

#: Sums of more terms than this are left as they are.
MAX_TERMS = 16


class Found(NamedTuple):
    """A power of a tensor in a product."""

    product: Pieces
    position: int
    entries: tuple[Any, ...]
    exponent: Number


def factor_out(node: Node) -> Term | None:
    """The shortest of what factoring one tensor out of several terms gives."""
    if not 2 <= len(node.args) <= MAX_TERMS:
        return None
    products = [pieces(t) for t in _scaled(node)]
    best, least = None, length(node)
    for tensor in _candidates(products):
        for candidate in _factored(products, tensor):
            if length(candidate.node) < least:
                best, least = candidate, length(candidate.node)
    return best


def _scaled(node: Node) -> list[Term]:
    return [build.mul(c, [t]) for c, t in addends(own(node))]


def _candidates(products: list[Pieces]) -> list[Node]:
    """Tensors that stand in two products, inside their sums of products too."""
    counts: dict[Node, int] = {}
    for product in products:
        for tensor in {f.node for f in _all_factors(product)}:
            counts[tensor] = counts.get(tensor, 0) + 1
    return [tensor for tensor, count in counts.items() if count > 1]


def _all_factors(product: Pieces) -> Iterator[Term]:
    for factor in product.factors:
        yield base(factor)[0]
        if factor.node.op == kinds.MUL:
            yield from (base(inner)[0] for inner in pieces(factor).factors)


def _occurrences(product: Pieces, tensor: Node) -> Iterator[Found]:
    for position, factor in enumerate(product.factors):
        bottom, exponent = base(factor)
        if bottom.node is tensor:
            yield Found(product, position, bottom.map, exponent)
    for position, factor in enumerate(product.factors):
        if factor.node.op == kinds.MUL and any(base(inner)[0].node is tensor for inner in pieces(factor).factors):
            opened = product.opened(position)
            first = len(product.factors) - 1
            for at in range(first, len(opened.factors)):
                bottom, exponent = base(opened.factors[at])
                if bottom.node is tensor:
                    yield Found(opened, at, bottom.map, exponent)


def _factored(products: list[Pieces], tensor: Node) -> Iterator[Term]:
    """Each occurrence in the first product that has it leads; the others follow where they can."""
    lists = [list(_occurrences(p, tensor)) for p in products]
    start = next(k for k, found in enumerate(lists) if found)
    for leader in filter(_hangs_together, lists[start]):
        group: dict[int, tuple[Found, dict[Any, Any]]] = {start: (leader, {})}
        for k in range(start + 1, len(lists)):
            places = ((f, _same_place(leader, f)) for f in lists[k] if _hangs_together(f))
            matched = next(((f, labels) for f, labels in places if labels is not None), None)
            if matched is not None:
                group[k] = matched
        if len(group) > 1:
            taken = _together(leader, list(group.values()), tensor)
            if taken is None:
                continue
            rest = [p.term() for k, p in enumerate(products) if k not in group]
            yield build.add([1] * (len(rest) + 1), [taken, *rest])


def _same_place(leader: Found, other: Found) -> dict[Any, Any] | None:
    """The labels of ``other``'s sums by those of the leader's, when the tensor stands in the same place in both."""
    if _common(leader.exponent, other.exponent) is None:
        return None
    labels: dict[Any, Any] = {}
    for a, b in zip(leader.entries, other.entries, strict=True):
        summed = a in leader.product.summed, b in other.product.summed
        if is_fixed(a) or is_fixed(b) or not any(summed):
            if a != b:
                return None
        elif not all(summed) or labels.setdefault(b, a) != a:
            return None
    return labels if len(set(labels.values())) == len(labels) else None


def _common(a: Number, b: Number) -> Number | None:
    """The exponent that can be taken out of both; None when there is none."""
    if a == b:
        return a
    if not isinstance(a, sp.Expr) and not isinstance(b, sp.Expr) and (a > 0) == (b > 0) and (a - b) % 1 == 0:
        return min(a, b, key=abs)
    return None


def _together(leader: Found, group: list[tuple[Found, dict[Any, Any]]], tensor: Node) -> Term | None:
    """The product of what is taken out and the sum of what is left; None where that would be an array larger than what was there."""
    exponent = leader.exponent
    for found, _ in group:
        exponent = _common(exponent, found.exponent)  # type: ignore[assignment]
    common = {e: leader.product.summed[e] for e in leader.entries if e in leader.product.summed}
    rests: list[Term] = []
    for found, labels in group:
        left = build.pow_(Term(tensor, found.entries), plus(found.exponent, times(-1, exponent)))
        product = found.product.without(found.position)
        product.factors.append(left)
        product = product.renamed(labels)
        product.summed = {s: n for s, n in product.summed.items() if s not in common}
        rests.append(product.term())
    if len({frozenset(r.map) for r in rests if r.map}) > 1:
        return None  # only by broadcasting would they be one array
    if any(len(set(r.map)) > max(2, *(len(_free(found.product)) for found, _ in group)) for r in rests):
        return None  # A @ X @ B + B @ X @ A has no array of four axes in it
    coef, inside = content(build.add([1] * len(rests), rests))
    if len(inside.map) == 2 and inside.map[0] in common and inside.map[1] not in common and is_symmetric(inside.node):
        inside = Term(inside.node, inside.map[::-1])  # as A + A.T is written: rows first
    taken = build.pow_(Term(tensor, leader.entries), exponent)
    return build.mul(coef, [taken, inside], (), common)


def _free(product: Pieces) -> set[Any]:
    """The labels of a product that it is not summed over."""
    return {e for t in product.factors for e in t.map if not is_fixed(e) and e not in product.summed}


def _hangs_together(found: Found) -> bool:
    """False where what is left is an outer product of what met the tensor and the rest: factored so, a vector would become a matrix."""
    product, common = found.product.without(found.position), {e for e in found.entries if e in found.product.summed}
    groups: list[set[Any]] = []
    for entries in [*(t.map for t in product.factors), *((d.a, d.b) for d in product.deltas)]:
        joined = {e for e in entries if not is_fixed(e)}
        groups = [g for g in groups if not g & joined] + [joined.union(*(g for g in groups if g & joined))]
    groups = [g for g in groups if g]
    return not common or len(groups) < 2 or all(g & common for g in groups)


# --- numbers ----------------------------------------------------------------------------------------------------


def content(term: Term) -> tuple[Number, Term]:
    """A number and the sum that it multiplies, the coefficients of the sum as simple as they can be."""
    node = term.node
    if node.op != kinds.ADD:
        return 1, term
    pairs = addends(term)
    coefs = [t.node.attr if t.node.op == kinds.CONST else c for c, t in pairs]
    best: Number = 1
    least = _writing(coefs, 1)
    for divisor in dict.fromkeys([*coefs, _rational(coefs)]):
        for candidate in (divisor, times(-1, divisor)):
            cost = _writing([_over(c, candidate) for c in coefs], candidate)
            if cost < least:
                best, least = candidate, cost
    if best == 1:
        return 1, term
    return best, build.add([_over(c, best) for c, _ in pairs], [t for _, t in pairs])


def _over(coef: Number, divisor: Number) -> Number:
    if isinstance(coef, sp.Expr) or isinstance(divisor, sp.Expr):
        return number(sp.cancel(to_sympy(coef) / to_sympy(divisor))) if to_sympy(divisor).free_symbols else number(to_sympy(coef) / to_sympy(divisor))
    return times(coef, power(divisor, -1))


def _rational(coefs: list[Number]) -> Number:
    """The greatest common divisor of the coefficients, where all are rational."""
    if any(isinstance(c, sp.Expr) for c in coefs):
        return 1
    gcd = sp.gcd_list([to_sympy(c) for c in coefs])
    return number(gcd) if gcd else 1


def _writing(coefs: list[Number], outside: Number) -> int:
    """What the coefficients cost; fractions and signs break ties."""
    cost = 0
    for coef in [*coefs, outside]:
        if isinstance(coef, sp.Expr):
            cost += 8 * (1 + int(sp.count_ops(coef)))
        elif coef not in (1, -1):
            cost += 8 * (1 + (isinstance(coef, Fraction) and abs(coef.numerator) != 1))
    return cost + 2 * all(map(is_negative, coefs)) + is_negative(outside)


def one_diagonal(node: Node) -> Term | None:
    """diag(u) + diag(v) = diag(u + v)."""
    products = [pieces(t) for t in _scaled(node)]
    first = products[0].deltas[:1]
    if not first or not all(_key(first[0]) in map(_key, p.deltas) for p in products):
        return None
    rests = []
    for product in products:
        product.deltas.pop(list(map(_key, product.deltas)).index(_key(first[0])))
        rests.append(product.renamed({first[0].a: first[0].b}).term())
    coef, inside = content(build.add([1] * len(rests), rests))
    return build.mul(coef, [inside], first)


def _key(delta: Delta) -> frozenset[Any]:
    return frozenset((delta.a, delta.b))


def number_out(node: Node) -> Term | None:
    """c u + c v = c (u + v)."""
    coef, inside = content(own(node))
    return None if coef == 1 else build.mul(coef, [inside])


def minus_inside(node: Node) -> Term | None:
    """-(u - v) w = (v - u) w."""
    if not is_negative(node.attr.coef):
        return None
    product = pieces(own(node))
    for position, factor in enumerate(product.factors):
        if factor.node.op == kinds.ADD and _mixed(factor.node):
            turned = build.add([-1], [factor])
            product.factors[position] = turned
            product.coef = times(-1, product.coef)
            return product.term()
    return None


def _mixed(node: Node) -> bool:
    signs = {is_negative(a.attr if a.op == kinds.CONST else c) for c, a in zip(node.attr, node.args, strict=True)}
    return len(signs) == 2


def one_sum(node: Node) -> Term | None:
    """Sum_k u_k + Sum_k v_k = Sum_k (u_k + v_k), for two terms that are sums over the same size."""
    if not 2 <= len(node.args) <= MAX_TERMS:
        return None
    products = [pieces(t) for t in _scaled(node)]
    for first, one in enumerate(products):
        for second in range(first + 1, len(products)):
            other = products[second]
            if len(one.summed) != 1 or list(one.summed.values()) != list(other.summed.values()):
                continue
            (label, size), (old, _) = *one.summed.items(), *other.summed.items()
            other = other.renamed({old: label})
            inside = build.add([1, 1], [Pieces(p.coef, p.factors, p.deltas).term() for p in (one, other)])
            rest = [p.term() for k, p in enumerate(products) if k not in (first, second)]
            coef, inside = content(inside)
            return build.add([1] * (len(rest) + 1), [build.mul(coef, [inside], (), {label: size}), *rest])
    return None


REWRITES = (
    Rewrite(FACTOR, frozenset({kinds.ADD}), factor_out),
    Rewrite(DIAGONAL, frozenset({kinds.ADD}), one_diagonal),
    Rewrite(CONSTANT_OUT, frozenset({kinds.ADD}), number_out),
    Rewrite(SUMS, frozenset({kinds.ADD}), one_sum),
    Rewrite(SIGN, frozenset({kinds.MUL}), minus_inside),
)
