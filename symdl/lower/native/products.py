"""C for matrix products C = A B with sizes known at compile time: which of three kernels, by counting vector operations.

*across* (``across.py``): vectors along the columns of B and C, elements of A repeated (registers hold a tile of C); its mirror image, with vectors along the
rows of A and C; *along* (``along.py``): vectors along the summed index, eight results added up together. An operand that lies the wrong way is copied first,
where that pays. The update of parameters (x -= lr*result) is done on the tile, before it leaves the registers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from symdl.lower.native.across import Matrix, Product, across, packs_turned, whole_vectors
from symdl.lower.native.along import along


@dataclass(frozen=True)
class Choice:
    """How a product is computed: the kernel, its cost in vector operations, and which operands must be copied ("a", "b")."""

    kernel: str
    cost: float
    copies: tuple[str, ...]


def choose(p: Product) -> Choice:
    """The cheapest way."""
    found = [_across(p, "across"), _across(p.turned, "mirrored"), _along(p)]
    return min(found, key=lambda c: c.cost)


def _across(p: Product, kernel: str) -> Choice:
    copies, cost = [], 1.15 * p.m * p.k * whole_vectors(p.n) + 0.5 * p.m * whole_vectors(p.n)
    if p.b.column != 1 and p.n > 1:
        if packs_turned(p):
            cost += 0.3 * p.k * p.n
        else:
            copies.append("b")
            cost += p.b.cost * p.k * p.n
    if p.c.column != 1 and p.n > 1:
        cost += (1.5 if p.update is None else 5.0) * p.m * p.n
    if kernel == "mirrored":
        copies = ["a" for _ in copies]
    return Choice(kernel, cost, tuple(copies))


def _along(p: Product) -> Choice:
    outputs = p.m * p.n
    copies, cost = [], 1.4 * outputs * whole_vectors(p.k) + 3.0 * outputs
    if p.a.column != 1 and p.k > 1:
        copies.append("a")
        cost += p.a.cost * p.m * p.k
    if p.b.row != 1 and p.k > 1:
        copies.append("b")
        cost += p.b.cost * p.k * p.n
    return Choice("along", cost, tuple(copies))


KERNELS: dict[str, Callable[[Product, bool], list[str]]] = {
    "across": across,
    "mirrored": lambda p, shared: across(p.turned, shared),
    "along": lambda p, shared: along(p),
}


__all__ = ["KERNELS", "Choice", "Matrix", "Product", "choose"]
