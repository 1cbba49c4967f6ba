"""Steps that are products: which kernel, what is copied for it, when BLAS is called."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from symdl.lower.native import indexing
from symdl.lower.native.across import COPY, COPY_FAR, FAR
from symdl.lower.native.blas import blas, routine
from symdl.lower.native.contractions import contraction
from symdl.lower.native.kernels import LANES
from symdl.lower.native.loops import copied
from symdl.lower.native.places import Place, dense, extent
from symdl.lower.native.products import KERNELS, Matrix, Product, choose
from symdl.lower.native.standing import ref, size_of
from symdl.lower.native.symmetric import by_syrk, cost, fits, is_symmetric, symmetric
from symdl.lower.program import Instruction, Operand

if TYPE_CHECKING:
    from symdl.lower.native.program import Builder

#: From so many multiplications a product is left to BLAS, if an argument has more numbers than this: own kernels do not cut rows to the cache's size.
BLAS_FROM, BLAS_BEYOND = 25_000_000, 500_000

#: Products of a matrix with itself that own kernels do not do well are left to BLAS from so many multiplications.
SYRK_FROM = 2_000_000


def dot(builder: Builder, n: int, step: Instruction) -> None:
    """A product of vectors or matrices."""
    a, b = _matrix(builder, step.args[0], True), _matrix(builder, step.args[1], False)
    update = builder.frame.update(n)
    target = builder.place(n) if update is None else update[0]
    strides = iter(target.strides)
    row, column = (next(strides) if len(builder.code[ref(x)].shape) == 2 else 0 for x in step.args)
    product = Product(
        a.shape[0], b.shape[1], a.shape[1], _as_matrix(builder, a), _as_matrix(builder, b), Matrix(target.pointer(), row, column), update and update[1]
    )
    _multiply(builder, n, product, a, b)


def stacked(builder: Builder, n: int, step: Instruction) -> None:
    """Many products of matrices, one for every leading index; threads share them. What lies the wrong way is turned matrix by matrix, in the cache."""
    stack = step.shape[:-2]
    sides = [builder.place(ref(x)) for x in step.args]
    a, b, c = (_each(side.stretched((*stack, *side.shape[-2:])), len(stack)) for side in (*sides, builder.place(n)))
    p = Product(a.shape[0], b.shape[1], a.shape[1], Matrix(a.pointer(), *a.strides), Matrix(b.pointer(), *b.strides), Matrix(c.pointer(), *c.strides))
    choice = choose(p)
    cost = math.prod(stack) * choice.cost
    shared = builder.part(f"v{n} {math.prod(stack)} products {p.m}x{p.k} by {p.k}x{p.n}", cost)
    turning: list[str] = []
    for which in choice.copies:
        matrix = a if which == "a" else b
        order = (0, 1) if (choice.kernel == "along") == (which == "a") else (1, 0)
        strides = dense(matrix.shape, order, pad=True)
        size = -(-extent(matrix.shape, strides) // LANES) * LANES
        room = builder.memory.buffer(size * (builder.threads if shared else 1))
        turned = Place(f"({room} + me*{size})" if shared else room, 0, matrix.shape, strides)
        turning += copied(matrix, order, turned)
        other = Matrix(turned.pointer(), *strides)
        p = replace(p, a=other) if which == "a" else replace(p, b=other)
    first = (f"FROM({stack[0]})", f"TO({stack[0]})") if shared else ("0", f"{stack[0]}")
    spans = [first, *(("0", f"{size}") for size in stack[1:])]
    builder.lines += [f"for (long z{d} = {low}; z{d} < {high}; z{d}++) {{" for d, (low, high) in enumerate(spans)]
    builder.lines += [*turning, *KERNELS[choice.kernel](p, False), *["}"] * len(stack)]
    builder.cost += cost


def _each(place: Place, stack: int) -> Place:
    """The matrix for the values of the loops' counters."""
    moved = "".join(f" + z{d}*{s}" for d, s in enumerate(place.strides[:stack]) if s)
    return Place(f"({place.pointer()}{moved})", 0, place.shape[-2:], place.strides[-2:])


def einsum(builder: Builder, n: int, step: Instruction) -> None:
    """Two arguments, multiplied and summed over the letters that the result lacks."""
    a, b = (builder.place(ref(x)) for x in step.args)
    letters = dict(zip("".join(step.attr.split("->")[0].split(",")), (*a.shape, *b.shape), strict=True))
    target = builder.number_place(n)
    builder.part(f"v{n} einsum {step.attr} : {size_of(step.shape)}")
    builder.lines += contraction(step.attr, a, b, target)
    builder.cost += math.prod(letters.values()) / LANES * 2.0


def _matrix(builder: Builder, value: Operand, left: bool) -> Place:
    """A value as a matrix: a vector is a row on the left and a column on the right."""
    place = builder.place(ref(value))
    if len(place.shape) == 2:
        return place
    shape, strides = ((1, place.shape[0]), (0, place.strides[0])) if left else ((place.shape[0], 1), (place.strides[0], 0))
    return replace(place, shape=shape, strides=strides)


def _as_matrix(builder: Builder, place: Place) -> Matrix:
    number = builder.inputs.get(place.base)
    usual = COPY if math.prod(place.shape) <= FAR else COPY_FAR
    cost = usual if number is None else builder.frame.copy_cost.get(number, usual)
    row, column = place.strides
    return Matrix(place.pointer(), row or 1, column or 1, cost) if 1 in place.shape else Matrix(place.pointer(), row, column, cost)


def _multiply(builder: Builder, n: int, p: Product, a: Place, b: Place) -> None:
    size = f"{p.m}x{p.k} by {p.k}x{p.n}"
    if not p.k:  # a sum of nothing
        builder.part(f"v{n} product {size}")
        if p.update is None:
            builder.lines += indexing.zeros(builder.place(n))
        return
    if builder.threads == 1 and is_symmetric(p) and _symmetric(builder, n, p):
        return
    moved = ", the update inside" if p.update else ""
    if builder.threads == 1 and p.m * p.n * p.k >= BLAS_FROM and max(p.m, p.n) * p.k > BLAS_BEYOND and _by_blas(p):
        builder.part(f"v{n} product {size} by BLAS{moved}")
        builder.lines += _blas(builder, p)
        builder.cost += p.m * p.n * p.k / LANES
        return
    choice = choose(p)
    for which in choice.copies:
        if which == "a":
            order = (0, 1) if choice.kernel == "along" else (1, 0)
            a = builder.copied(a, order)
            p = replace(p, a=_as_matrix(builder, a))
        else:
            order = (1, 0) if choice.kernel == "along" else (0, 1)
            b = builder.copied(b, order)
            p = replace(p, b=_as_matrix(builder, b))
    shared = builder.part(f"v{n} product {size}, kernel {choice.kernel}{moved}", choice.cost if choice.kernel != "along" else 0.0, bool(p.update))
    builder.lines += KERNELS[choice.kernel](p, shared)
    builder.cost += choice.cost


def _symmetric(builder: Builder, n: int, p: Product) -> bool:
    """A product of a matrix with itself; False where it is done as any other."""
    syrk, found = routine("dsyrk"), blas()
    large = p.m * p.n * p.k >= (BLAS_FROM if fits(p) else SYRK_FROM) and syrk is not None and 1 in (p.b.row, p.b.column)
    if not large and not fits(p):
        return False
    builder.part(f"v{n} product {p.m}x{p.k} by its transpose{', by BLAS' if large else ''}")
    if large:
        assert found is not None
        builder.lines += by_syrk(p, builder.memory.pointer(("routine", "dsyrk")), found.integer)
    else:
        builder.lines += symmetric(p)
    builder.cost += p.m * p.n * p.k / LANES / 2 if large else cost(p)
    return True


def _by_blas(p: Product) -> bool:
    sides = (p.a, p.b, p.c)
    return blas() is not None and all(1 in (s.row, s.column) and s.row and s.column for s in sides)


def _blas(builder: Builder, p: Product) -> list[str]:
    if p.c.column != 1:
        p = p.turned
    found = blas()
    assert found is not None
    integer = found.integer

    def side(s: Matrix, rows: int, columns: int) -> tuple[int, int]:
        return (111, max(s.row, columns)) if s.column == 1 else (112, max(s.column, rows))

    (ta, lda), (tb, ldb) = side(p.a, p.m, p.k), side(p.b, p.k, p.n)
    kind = f"(void (*)(int, int, int, {', '.join([integer] * 3)}, double, const double *, {integer}, const double *, {integer}, double, double *, {integer}))"
    alpha, beta = (f"-({p.update})", "1.0") if p.update else ("1.0", "0.0")
    call = f"101, {ta}, {tb}, {p.m}, {p.n}, {p.k}, {alpha}, {p.a.pointer}, {lda}, {p.b.pointer}, {ldb}, {beta}, {p.c.pointer}, {p.c.row}"
    return [f"(({kind}{builder.memory.pointer('blas')}))({call});"]


__all__ = ["dot", "einsum", "stacked"]
