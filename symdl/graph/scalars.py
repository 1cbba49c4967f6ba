"""The algebra of ``build.py`` for scalars: the same nodes, without labels.

A graph written out in scalars has many nodes, and none of them has an axis to speak of. These builders take and give bare nodes. They answer with None where a
scalar is made of elements of tensors (``x[0]*y[i, i]``, a sum over an index): there, labels are needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter

from symdl.graph.node import ADD, CONST, FN, INPUT, LET, MUL, POW, Node, Product, intern, plain_maps
from symdl.graph.number import Number, number, plus, power, times

#: A sum or product inside another is opened up to this many terms, so that building a long chain stays linear.
FLATTEN_LIMIT = 8

_serial = attrgetter("serial")
_ONE = Product(1, (), ())


def constant(value: Number) -> Node:
    """A number."""
    return intern(CONST, attr=value)


def add(coefs: Iterable[Number], nodes: Iterable[Node]) -> Node | None:
    """Sum of coefficient x node."""
    collected: dict[Node, Number] = {}
    offset: Number = 0
    for coef, node in zip(coefs, nodes, strict=True):
        op = node.op
        if op == ADD and len(node.args) <= FLATTEN_LIMIT:
            if any(node.maps):
                return None
            for c, inner in zip(node.attr, node.args, strict=True):
                if coef != 1:
                    c = times(coef, c)
                if inner.op == CONST:
                    offset = plus(offset, times(c, inner.attr))
                else:
                    collected[inner] = plus(collected[inner], c) if inner in collected else c
            continue
        if op == CONST:
            offset = plus(offset, times(coef, node.attr))
            continue
        if op == MUL and node.attr.coef != 1:
            bare = None if any(node.maps) else mul(1, node.args)
            if bare is None:
                return None
            coef = times(coef, node.attr.coef)
            node = bare
        collected[node] = plus(collected[node], coef) if node in collected else coef
    if 0 in collected.values():
        collected = {n: c for n, c in collected.items() if c != 0}
    return _sum_of(collected, offset)


def _sum_of(collected: dict[Node, Number], offset: Number) -> Node | None:
    """The sum when like terms are collected."""
    if len(collected) < 2 and offset == 0:
        for node, coef in collected.items():
            return mul(coef, (node,))
        return constant(0)
    if not collected:
        return constant(offset)
    terms = sorted(collected, key=_serial)
    coefs = [collected[n] for n in terms]
    if offset != 0:
        terms.append(constant(offset))
        coefs.append(1)
    return intern(ADD, tuple(terms), plain_maps(len(terms)), (), tuple(coefs))


def mul(coef: Number, nodes: Sequence[Node]) -> Node | None:
    """coef x product of the nodes."""
    factors: list[Node] = []
    ops = [node.op for node in nodes]
    siblings = len(ops) - ops.count(CONST)
    for op, node in zip(ops, nodes, strict=True):
        if op == MUL:
            if any(node.maps):
                return None
            inside = node.attr.coef
            if inside != 1:
                coef = times(coef, inside)
            if siblings == 1 or len(node.args) + siblings <= FLATTEN_LIMIT:
                factors += node.args
                continue
            bare = node if inside == 1 else mul(1, node.args)
            if bare is None:
                return None
            factors.append(bare)
        elif op == CONST:
            coef = times(coef, node.attr)
        else:
            factors.append(node)
    bases = set()
    for node in factors:
        op = node.op
        if op == POW:
            if node.maps[0]:
                return None
            node = node.args[0]
        elif op == FN and node.attr == "iszero":
            return None
        bases.add(node)
    if len(bases) < len(factors):
        return _merged(coef, factors)
    return _product_of(coef, factors)


def _merged(coef: Number, factors: list[Node]) -> Node | None:
    """x**a * x**b = x**(a + b)."""
    exponents: dict[Node, Number] = {}
    for node in factors:
        base, exponent = (node.args[0], node.attr) if node.op == POW else (node, 1)
        exponents[base] = plus(exponents.get(base, 0), exponent)
    merged: list[Node] = []
    for base, exponent in exponents.items():
        made = pow_(base, exponent)
        if made is None:
            return None
        if made.op == CONST:
            coef = times(coef, made.attr)
        else:
            merged.append(made)
    return _product_of(coef, merged)


def _product_of(coef: Number, factors: list[Node]) -> Node | None:
    """The product when all algebra is done."""
    if coef == 0 or not factors:
        return constant(coef)
    if len(factors) == 1:
        only = factors[0]
        if coef == 1:
            return only
        if coef == -1 and only.op == ADD and len(only.args) <= FLATTEN_LIMIT:
            return add((-1,), (only,))
    else:
        factors.sort(key=_serial)
    return intern(MUL, tuple(factors), plain_maps(len(factors)), (), _ONE if coef == 1 else Product(coef, (), ()))


def pow_(base: Node, exponent: Number) -> Node | None:
    """base**exponent for a constant exponent."""
    if exponent == 1:
        return base
    if exponent == 0:
        return constant(1)
    op = base.op
    if op == CONST:
        return constant(number(power(base.attr, exponent)))
    if type(exponent) is int and op not in (ADD, INPUT, LET):
        if op == POW:
            return None if base.maps[0] else pow_(base.args[0], times(base.attr, exponent))
        if op == FN and base.attr in INDICATORS and exponent > 0:
            return base
        if op == MUL and not nested(base):
            if any(base.maps):
                return None
            raised = [pow_(a, exponent) for a in base.args]
            known = [a for a in raised if a is not None]
            return mul(power(base.attr.coef, exponent), known) if len(known) == len(raised) else None
    return intern(POW, (base,), plain_maps(1), (), exponent)


def nested(product: Node) -> bool:
    """A long product, kept in pieces: its powers are not taken apart, which would walk down to its first factor."""
    return any(a.op == MUL and not a.attr.summed for a in product.args)


def fn(name: str, nodes: Sequence[Node]) -> Node | None:
    """A function of the table; None at constants too, which may have an exact value."""
    inverse = INVERSE.get(name)
    first = nodes[0]
    if inverse is not None and first.op == FN and first.attr == inverse:
        return None if first.maps[0] else first.args[0]
    if name == "iszero" or all([node.op == CONST for node in nodes]):
        return None
    return intern(FN, tuple(nodes), plain_maps(len(nodes)), (), name)


#: Functions that are 0 or 1: equal to their powers.
INDICATORS = frozenset(["iszero", "positive"])

#: log(exp(x)) = x everywhere; exp(log(x)) = x where the left side is defined.
INVERSE = {"log": "exp", "exp": "log"}
