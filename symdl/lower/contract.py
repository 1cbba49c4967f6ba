"""Planning sums of products: in which order factors are multiplied, and which pairs become matrix products.

A factor is a value with an index (a small int) on each of its axes, every index once. Factors with the same indices
are multiplied elementwise; the order of the rest (``orders.py``) minimises the number of multiplications; a pair that
shares summed indices becomes a dot (BLAS), a stacked matmul, or an einsum.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from symdl.lower.orders import cheapest, order
from symdl.lower.program import Operand

if TYPE_CHECKING:
    from symdl.lower.emit import Emitter


class Factor(NamedTuple):
    """A value, and the index on each of its axes in the order in which it is stored."""

    value: Operand
    axes: tuple[int, ...]


#: NumPy's sums of rows of up to so many numbers cost four times the product with a vector of ones.
SHORT = 24

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def contract(emitter: Emitter, factors: Sequence[Factor], summed: frozenset[int], sizes: Mapping[int, int], like: Liking) -> Factor:
    """Sum of the product of the factors.

    Parameters
    ----------
    emitter : Emitter
    factors : sequence of Factor
        At least one, each with at least one axis.
    summed : set of int
        Indices that are summed over; each occurs in some factor.
    sizes : mapping
        Index -> its size.
    like : Liking
    """
    whole, labels = _whole_product(factors)
    made = emitter.products.get(whole)
    if made is not None and _size(labels, sizes) <= _price(factors, summed, sizes):
        return sum_axes(emitter, Factor(made.value, tuple(labels[i] for i in made.axes)), summed)
    result = _contracted(emitter, factors, summed, sizes, like)
    if not summed and len(factors) > 1:
        number = {i: k for k, i in enumerate(labels)}
        emitter.products[whole] = Factor(result.value, tuple(number[i] for i in result.axes))
    return result


def _whole_product(factors: Sequence[Factor]) -> tuple[tuple[Any, ...], list[int]]:
    """What a product of these factors is known by, whatever its indices are called, and the indices in the order in which they are numbered there."""
    labels: dict[int, int] = {}
    known = tuple((f.value, tuple(labels.setdefault(i, len(labels)) for i in f.axes)) for f in sorted(factors, key=lambda f: f.value))
    return known, list(labels)


def _price(factors: Sequence[Factor], summed: frozenset[int], sizes: Mapping[int, int]) -> int:
    """Multiplications and additions of the best order, with what only one factor has summed there at once."""
    sets = [frozenset(f.axes) for f in factors]
    alone = [s & summed - frozenset().union(*(o for m, o in enumerate(sets) if m != k)) for k, s in enumerate(sets)]
    first = sum(_size(s, sizes) for s, gone in zip(sets, alone, strict=True) if gone)
    return first + cheapest([s - gone for s, gone in zip(sets, alone, strict=True)], summed, sizes)


def _contracted(emitter: Emitter, factors: Sequence[Factor], summed: frozenset[int], sizes: Mapping[int, int], like: Liking) -> Factor:
    work = _fused(emitter, _presummed(emitter, factors, summed), summed, sizes)
    if len(work) == 1:
        return sum_axes(emitter, work[0], summed)
    for a, b in order([frozenset(f.axes) for f in work], summed, sizes):
        last = len(work) == 2
        left, right = work[a], work[b]
        rest = [f for k, f in enumerate(work) if k not in (a, b)]
        kept = {i for f in rest for i in f.axes}
        gone = frozenset(i for i in summed if i not in kept)
        work = [*rest, pair(emitter, left, right, gone, sizes, like if last else Liking())]
    return work[0]


def _presummed(emitter: Emitter, factors: Sequence[Factor], summed: frozenset[int]) -> list[Factor]:
    """Indices that only one of several factors has are summed there at once."""
    if len(factors) == 1:
        return list(factors)
    out = []
    for k, factor in enumerate(factors):
        others = {i for m, f in enumerate(factors) if m != k for i in f.axes}
        out.append(sum_axes(emitter, factor, frozenset(summed - others)))
    return out


def _fused(emitter: Emitter, factors: Sequence[Factor], summed: frozenset[int], sizes: Mapping[int, int]) -> list[Factor]:
    """Factors with equal index sets multiplied; of two that are alone, the product waits for the sum.

    Several factors may share an index that no other has: it is summed at once, or Sum(j) a_ij b_ij c_ik would be as large as all of i, j and k.
    """
    groups: dict[frozenset[int], list[Factor]] = {}
    for factor in factors:
        groups.setdefault(frozenset(factor.axes), []).append(factor)
    if len(groups) == 1 and summed:
        (group,) = groups.values()
        return [emitter.times(group[:-1], sizes), group[-1]] if len(group) > 1 else group
    return [_group(emitter, group, summed.difference(*(s for s in groups if s != axes)), sizes) for axes, group in groups.items()]


def _group(emitter: Emitter, group: list[Factor], summed: frozenset[int], sizes: Mapping[int, int]) -> Factor:
    """The product of factors with equal index sets, summed over what only they have."""
    gone = summed & frozenset(group[0].axes)
    if len(group) == 1 or not gone:
        return emitter.times(group, sizes)
    return pair(emitter, emitter.times(group[:-1], sizes), group[-1], gone, sizes, Liking())


def sum_axes(emitter: Emitter, factor: Factor, summed: frozenset[int]) -> Factor:
    """The factor summed over those of the indices that it has."""
    gone = tuple(axis for axis, i in enumerate(factor.axes) if i in summed)
    if not gone:
        return factor
    kept = tuple(i for i in factor.axes if i not in summed)
    shape = emitter.shape(factor.value)
    if len(gone) == 1 and len(shape) == 2 and gone[0] == 0:
        # The sum of rows is a BLAS call with a row of ones.
        return Factor(emitter.emit("dot", (emitter.ones(shape[0]), factor.value), None, shape[1:]), kept)
    if len(gone) == 1 and len(shape) == 2 and shape[1] <= SHORT < shape[0]:
        return Factor(emitter.emit("dot", (factor.value, emitter.ones(shape[1])), None, shape[:1]), kept)
    return Factor(emitter.emit("sum", (factor.value,), gone, tuple(n for a, n in enumerate(shape) if a not in gone)), kept)


def pair(emitter: Emitter, a: Factor, b: Factor, gone: frozenset[int], sizes: Mapping[int, int], like: Liking) -> Factor:
    """Two factors multiplied, and summed over ``gone``."""
    both = set(a.axes) & set(b.axes)
    over = [i for i in a.axes if i in both and i in gone]
    if not over:
        return sum_axes(emitter, emitter.times([a, b], sizes), gone)
    a = sum_axes(emitter, a, gone - both)
    b = sum_axes(emitter, b, gone - both)
    batch = [i for i in a.axes if i in both and i not in gone]
    left = [i for i in a.axes if i not in both]
    right = [i for i in b.axes if i not in both]
    if not left and not right:
        return _inner(emitter, a, b, batch, sizes)
    if _swap(a, b, over, left, right, like.order, sizes):
        a, b, left, right = b, a, right, left
    left, right = (_as_liked(own, f, [*batch, *left, *right], like, own is right, sizes) for own, f in ((left, a), (right, b)))
    # The larger operand decides the order of the summed indices, so that it need not be copied.
    larger = a if _size(left, sizes) >= _size(right, sizes) else b
    over = [i for i in larger.axes if i in over]
    if batch:
        return _stacked(emitter, a, b, batch, left, over, right, sizes)
    x = emitter.matrix(a, left, over, sizes)
    y = emitter.matrix(b, over, right, sizes)
    flat = tuple(math.prod(sizes[i] for i in group) for group in (left, right) if group)
    value = emitter.emit("dot", (x, y), None, flat)
    return Factor(emitter.reshape(value, tuple(sizes[i] for i in left + right)), (*left, *right))


def _size(axes: Iterable[int], sizes: Mapping[int, int]) -> int:
    return math.prod(sizes[i] for i in axes)


class Liking(NamedTuple):
    """How a result is liked best.

    Attributes
    ----------
    order : sequence of int
        Of its axes; empty when all are the same.
    digits : sequence of tuple of int
        Indices that are to become one: best next to each other in this order.
    added : frozenset of int
        Indices that are to be added up where they stand: best before others of the columns, so that what stays lies side by side.
    """

    order: Sequence[int] = ()
    digits: Sequence[tuple[int, ...]] = ()
    added: frozenset[int] = frozenset()


def _as_liked(own: list[int], factor: Factor, result: list[int], like: Liking, columns: bool, sizes: Mapping[int, int]) -> list[int]:
    """The indices that one factor brings into the result, in another order where that takes no more than a copy of a smaller array."""
    if len(own) < 2 or _size(factor.axes, sizes) > _size(result, sizes):
        return own
    if like.order and set(own) <= set(like.order):
        return sorted(own, key=like.order.index)
    if columns:
        own = sorted(own, key=lambda i: i not in like.added)
    for digits in like.digits:
        if set(digits) <= set(own):
            first = min(own.index(i) for i in digits)
            own = [*(i for i in own[:first] if i not in digits), *digits, *(i for i in own[first:] if i not in digits)]
    return own


def _swap(a: Factor, b: Factor, over: list[int], left: list[int], right: list[int], wish: Sequence[int], sizes: Mapping[int, int]) -> bool:
    """Whether b should stand on the left: as the wish has it, else so that fewer operands are transposed."""
    if wish and left and right:
        ranks = [[wish.index(i) for i in group if i in wish] for group in (left, right)]
        if ranks[0] and ranks[1]:
            return min(ranks[1]) < min(ranks[0])
    straight = (a.axes[-1] in over) + (b.axes[0] in over)
    crossed = (b.axes[-1] in over) + (a.axes[0] in over)
    # Otherwise as pixels by channels, and not channels by pixels: samples stay in front.
    several = max(len(left), len(right)) > 1
    return crossed > straight or (crossed == straight and several and _size(right, sizes) > _size(left, sizes))


def _inner(emitter: Emitter, a: Factor, b: Factor, batch: list[int], sizes: Mapping[int, int]) -> Factor:
    """Both factors have the same indices."""
    if not batch:
        b = emitter.arranged(b, a.axes)
        return Factor(emitter.emit("inner", (a.value, b.value), None, ()), ())
    name = {i: _LETTERS[k] for k, i in enumerate(a.axes)}
    subscripts = ",".join("".join(name[i] for i in f.axes) for f in (a, b)) + "->" + "".join(name[i] for i in batch)
    return Factor(emitter.emit("einsum", (a.value, b.value), subscripts, tuple(sizes[i] for i in batch)), tuple(batch))


def _stacked(emitter: Emitter, a: Factor, b: Factor, batch: list[int], left: list[int], over: list[int], right: list[int], sizes: Mapping[int, int]) -> Factor:
    """A matrix product for every value of the batch indices."""
    stack = tuple(sizes[i] for i in batch)
    rows, inner, columns = (math.prod(sizes[i] for i in group) for group in (left, over, right))

    def side(f: Factor, above: list[int], below: list[int], shape: tuple[int, int]) -> Operand:
        return emitter.reshape(emitter.arranged(f, (*batch, *above, *below)).value, (*stack, *shape))

    if (*stack, columns, rows) in emitter.stacks:  # the derivative of a softmax asks for A B' and for B A'
        turned = emitter.known("matmul", (side(b, right, over, (columns, inner)), side(a, over, left, (inner, rows))), None, (*stack, columns, rows))
        if turned is not None:
            axes = (*batch, *right, *left)
            return Factor(emitter.reshape(turned, tuple(sizes[i] for i in axes)), axes)
    x, y = side(a, left, over, (rows, inner)), side(b, over, right, (inner, columns))
    value = emitter.emit("matmul", (x, y), None, (*stack, rows, columns))
    emitter.stacks.add((*stack, rows, columns))
    axes = (*batch, *left, *right)
    return Factor(emitter.reshape(value, tuple(sizes[i] for i in axes)), axes)
