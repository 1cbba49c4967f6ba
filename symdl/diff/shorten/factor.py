"""Factor out: a u + a v = a (u + v), for numbers, elements, and matrices in contractions: Sum_j A_ij x_j + Sum_j B_ij x_j = Sum_j (A_ij + B_ij) x_j."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import sympy as sp

from symdl.diff.shorten.engine import Rewrite
from symdl.diff.shorten.length import length
from symdl.diff.shorten.numbers import content
from symdl.diff.shorten.pieces import Pieces, addends, base, own, pieces
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Delta, Term
from symdl.graph.labels import axis_sizes, is_fixed
from symdl.graph.node import Node
from symdl.graph.number import Number, plus, times
from symdl.graph.symmetry import is_symmetric
from symdl.graph.windows import is_equation
from symdl.steps.step import Rule

FACTOR = Rule("factor out", r"a\,u + a\,v = a\,(u + v)", "提取公因式")
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
    # A place that an index equation determines, x[i + 1], is the tensor's own: what is left would be a table of zeros and ones.
    moved = {e for t in found.product.factors if is_equation(t) for e in t.map}
    if any(e in moved for e in found.entries):
        return False
    product, common = found.product.without(found.position), {e for e in found.entries if e in found.product.summed}
    groups: list[set[Any]] = []
    for entries in [*(t.map for t in product.factors), *((d.a, d.b) for d in product.deltas)]:
        joined = {e for e in entries if not is_fixed(e)}
        groups = [g for g in groups if not g & joined] + [joined.union(*(g for g in groups if g & joined))]
    groups = [g for g in groups if g]
    return not common or len(groups) < 2 or all(g & common for g in groups)


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


def matrix_out(node: Node) -> Term | None:
    """Sum_k B_ik (A_kj - A_kj s_k) = Sum_k B_ik (1 - s_k) A_kj: the matrix that all terms of a sum have, the rest of each an array of fewer axes."""
    product = pieces(own(node))
    for position, total in enumerate(product.factors):
        if total.node.op != kinds.ADD or len(set(total.map)) < 2 or len(total.node.args) > MAX_TERMS or len(product.factors) < 2:
            continue
        products = [pieces(build.mul(c, [t])) for c, t in addends(total)]
        for common in products[0].factors:
            if set(common.map) != set(total.map) or any(common not in p.factors for p in products):
                continue
            rests = [p.without(p.factors.index(common)).term() for p in products]
            if all(len(set(r.map)) < len(set(total.map)) for r in rests):
                rest = product.without(position)
                rest.factors += [common, build.add([1] * len(rests), rests)]
                return rest.term()
    return None


def covariance_out(node: Node) -> Term | None:
    """A_ki v_k - v_k Sum_l v_l A_li = Sum_l (v_k delta_kl - v_k v_l) A_li: diag(v) - v v.T stands together, as a softmax has it."""
    if not 2 <= len(node.args) <= MAX_TERMS:
        return None
    products = [pieces(t) for t in _scaled(node)]
    for first, one in enumerate(products):
        for matrix, vector in _scaled_rows(one):
            (k,) = _free_axes(vector)
            for second, other in enumerate(products):
                if other.coef == times(-1, one.coef) and any(_is_mean(view, matrix, vector) for view in _views(other)):
                    row = build.fresh()
                    there = _moved(vector, k, row)
                    size = axis_sizes(vector)[k]
                    spread = build.add([1, -1], [build.mul(1, [vector], [Delta(k, row, size)]), build.mul(1, [vector, there])])
                    moved = _moved(matrix, k, row)
                    rest = [p.term() for at, p in enumerate(products) if at not in (first, second)]
                    return build.add([1] * (len(rest) + 1), [build.mul(one.coef, [moved, spread], (), {row: size}), *rest])
    return None


def _scaled_rows(product: Pieces) -> Iterator[tuple[Term, Term]]:
    """A matrix and the vector that it is multiplied by, row by row, when a product is that."""
    if product.summed or product.deltas or len(product.factors) != 2:
        return
    for matrix, vector in (product.factors, product.factors[::-1]):
        if len(_free_axes(matrix)) == 2 and len(_free_axes(vector)) == 1 and _free_axes(vector) < _free_axes(matrix):
            yield matrix, vector


def _free_axes(term: Term) -> set[Any]:
    """The labels of axes with more than one position: a column is a vector."""
    return {e for e, size in zip(term.map, term.node.shape, strict=True) if not is_fixed(e) and size != 1}


def _moved(term: Term, label: Any, to: Any) -> Term:
    return Term(term.node, tuple(to if e == label else e for e in term.map))


def _views(product: Pieces) -> Iterator[Pieces]:
    yield product
    yield from (product.opened(k) for k, f in enumerate(product.factors) if f.node.op == kinds.MUL and f.node.attr.summed)


def _is_mean(product: Pieces, matrix: Term, vector: Term) -> bool:
    """v_k Sum_l v_l A_li."""
    if len(product.summed) != 1 or product.deltas or len(product.factors) != 3:
        return False
    (label,) = product.summed
    (k,) = _free_axes(vector)
    expected = [vector, _moved(vector, k, label), _moved(matrix, k, label)]
    return all(t in product.factors for t in expected)


REWRITES = (
    Rewrite(FACTOR, frozenset({kinds.ADD}), factor_out),
    Rewrite(DIAGONAL, frozenset({kinds.ADD}), one_diagonal, slack=0),
    Rewrite(FACTOR, frozenset({kinds.MUL}), matrix_out, slack=0),
    Rewrite(SUMS, frozenset({kinds.ADD}), one_sum),
    Rewrite(FACTOR, frozenset({kinds.ADD}), covariance_out, slack=0),
)
