"""Masks in softmaxes: a factor m of 0 and 1 goes into the exponent, m*exp(z) = exp(z + log m), so that what is masked cannot overflow.

log 0 is minus infinity, exp of that is 0: in floating point both are exact, and no infinity times 0 is left.
"""

from __future__ import annotations

from collections.abc import Sequence

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Label, Term
from symdl.graph.labels import inner_deltas
from symdl.graph.node import Node
from symdl.graph.windows import equation_of
from symdl.lower.behind import argument, arguments, inside

#: Functions with the values 0 and 1.
INDICATORS = frozenset(["positive", "iszero"])

#: How many products and sums inside each other are looked through.
DEPTH = 4


def is_mask(term: Term) -> bool:
    """Whether the term is 0 or 1."""
    found = inside(term)
    if found.node.op != kinds.FN or found.node.attr not in INDICATORS:
        return False
    # An equation of positions is an index map, which the planner solves.
    return found.node.attr != "iszero" or equation_of(found) is None


def masked(z: Term, masks: Sequence[Term]) -> Term:
    """z + the logarithms of masks."""
    logs = [build.fn("log", [m]) for m in masks]
    return build.add([1] * (1 + len(logs)), [z, *logs])


def masked_exponent(factors: Sequence[Term]) -> Term | None:
    """z + log m when the product of the factors is exp(z)*m with at least one mask."""
    masks = [f for f in factors if is_mask(f)]
    rest = [f for f in factors if not is_mask(f)]
    z = argument(rest[0], "exp") if len(rest) == 1 and masks else None
    return None if z is None else masked(z, masks)


def join_masks(factors: list[Term]) -> list[Term] | None:
    """The factors with a masked logsumexp, or its mask, drawn into an exponential beside it."""
    for k, factor in enumerate(factors):
        power = factor.node.attr if factor.node.op == kinds.POW else 1
        w = argument(arguments(factor)[0] if factor.node.op == kinds.POW else factor, "exp")
        if w is None or type(power) is not int or power < 1:
            continue
        wanted = set().union(*map(_masks_of, _subtracted(w)))
        rest = [f for j, f in enumerate(factors) if j != k]
        masks = [m for m in _mask_factors(rest) if inside(m).node in wanted and all(e in w.map for e in m.map) and m not in _logarithms(w)] if wanted else []
        if masks:
            kept = [f for f in rest if f not in masks]
            return [*kept, build.pow_(build.fn("exp", [masked(w, masks)]), power)]
        if power == 1 and not wanted:
            joined = _join_sum(factors, k, w)
            if joined is not None:
                return joined
    return _pushed_into(factors)


def _pushed_into(factors: list[Term]) -> list[Term] | None:
    """m*f = m*g, where g is f with m drawn into the exponentials inside: m says only that nothing else counts where it is 0."""
    for mask in [f for f in factors if is_mask(f)]:
        for k, factor in enumerate(factors):
            found = _pushed(inside(mask), factor, DEPTH)
            if found is not None:
                return [*factors[:k], found, *factors[k + 1 :]]
    return None


def _pushed(mask: Term, term: Term, depth: int) -> Term | None:
    """The term with a mask drawn into the exponentials of masked softmaxes inside; None when there are none."""
    found = inside(term)
    node = found.node
    w = argument(found, "exp")
    if w is not None:
        wanted = set().union(*map(_masks_of, _subtracted(w)))
        # A mask of other indices would make a table of both.
        belongs = mask.node in wanted and all(e in w.map for e in mask.map) and mask not in _logarithms(w)
        return build.fn("exp", [masked(w, [mask])]) if belongs else None
    if node.op not in (kinds.ADD, kinds.MUL, kinds.POW) or not depth:
        return None
    parts = _factors(found) if node.op == kinds.MUL else arguments(found)
    pushed = [_pushed(mask, t, depth - 1) for t in parts]
    if all(t is None for t in pushed):
        return None
    new = [old if t is None else t for old, t in zip(parts, pushed, strict=True)]
    if node.op == kinds.ADD:
        return build.add(node.attr, new)
    if node.op == kinds.POW:
        return build.pow_(new[0], node.attr)
    return _again(found, parts, new)


def _again(product: Term, parts: Sequence[Term], new: Sequence[Term]) -> Term:
    """The product with new factors; ``parts`` are the old ones, which say what its summed indices are called."""
    node = product.node
    labels: dict[int, Label] = dict(enumerate(product.map))
    for part, (_, entries) in zip(parts, node.terms(), strict=True):
        labels |= {e: label for e, label in zip(entries, part.map, strict=True) if e >= 0}
    summed = {labels[node.rank + k]: size for k, size in enumerate(node.attr.summed) if node.rank + k in labels}
    return build.mul(node.attr.coef, new, inner_deltas(node, labels), summed)


def _mask_factors(factors: Sequence[Term], depth: int = DEPTH) -> list[Term]:
    """The masks that are factors of the product, inside factors too: where one of them is 0 the product is."""
    found: dict[Term, None] = {}
    for factor in factors:
        term = inside(factor)
        if is_mask(term):
            found[term] = None
        elif term.node.op == kinds.MUL and depth:
            found |= dict.fromkeys(m for m in _mask_factors(_factors(term), depth - 1) if all(e in term.map for e in m.map))
        elif term.node.op == kinds.ADD and depth:
            each = [_mask_factors([t], depth - 1) for t in arguments(term)]
            found |= dict.fromkeys(m for m in each[0] if all(m in other for other in each[1:]))
    return list(found)


def _factors(term: Term) -> list[Term]:
    """The factors of a product; summed indices get labels of their own."""
    labels = dict(enumerate(term.map)) | {term.node.rank + k: build.fresh() for k in range(len(term.node.attr.summed))}
    return [build.rename(Term(a, m), labels) for a, m in term.node.terms()]


def _logarithms(w: Term) -> list[Term]:
    """The masks that w has the logarithms of."""
    found = [argument(t, "log") for t in arguments(w)] if w.node.op == kinds.ADD else []
    return [inside(m) for m in found if m is not None]


def _join_sum(factors: list[Term], k: int, z: Term) -> list[Term] | None:
    """exp(z)*exp(-n*L) = exp(z - L)*exp(-(n-1)*L) for a masked logsumexp L."""
    for j, other in enumerate(factors):
        w = argument(other, "exp") if j != k else None
        if w is None or w.node.op != kinds.MUL or len(w.node.args) != 1 or w.node.attr.summed:
            continue
        coef, (total,) = w.node.attr.coef, arguments(w)
        if type(coef) is int and coef < 0 and _masks_of(total):
            rest = [f for n, f in enumerate(factors) if n not in (j, k)]
            first = build.fn("exp", [build.add([1, -1], [z, total])])
            return [*rest, first, *([build.fn("exp", [build.mul(coef + 1, [total])])] if coef < -1 else [])]
    return None


def _subtracted(w: Term) -> list[Term]:
    """What is subtracted in w."""
    return [t for c, t in zip(w.node.attr, arguments(w), strict=True) if type(c) is int and c < 0] if w.node.op == kinds.ADD else []


def _masks_of(term: Term) -> set[Node]:
    """The masks in a logsumexp."""
    node = inside(term).node
    if node.op != kinds.REDUCE or node.attr.kind != "logsumexp":
        return set()
    inner = inside(Term(node.args[0], node.maps[0]))
    if inner.node.op != kinds.ADD:
        return set()
    found = [argument(t, "log") for t in arguments(inner)]
    return {inside(m).node for m in found if m is not None and is_mask(m)}
