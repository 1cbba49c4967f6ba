"""Wrong versions of a right formula, one small change each, by kind."""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import sympy as sp

from symdl.edits import Source, dropped, indices, numbers, own, put, signs, swapped, terms_of, transposes
from symdl.errors import SymdlError
from symdl.expr.tensor import Expr
from symdl.functions import TABLE
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node
from symdl.graph.number import number, times
from symdl.graph.template import instantiate, placeholders
from symdl.graph.walk import topological

#: Powers of ten by which a coefficient is put out.
PERTURBATIONS = range(1, 16)


class Mutant(NamedTuple):
    """A changed formula and what kind of change it was."""

    kind: str
    claim: Expr


def mutants(right: Expr, most: int, seed: int = 0) -> list[Mutant]:
    """Up to ``most`` different mutants of a formula, all kinds in turn, the places drawn by the seed.

    A change that gives the very same node (the canonical form sees that nothing changed) is none.
    """
    rng = random.Random(seed)
    queues = {kind: _shuffled(found, rng) for kind, found in _by_kind(right, rng).items()}
    chosen: list[Mutant] = []
    seen = {right.term}
    while len(chosen) < most and any(queues.values()):
        for kind, queue in queues.items():
            while queue and len(chosen) < most:
                node, term = queue.pop()
                claim = put(right, node, term)
                if claim is not None and claim.term not in seen:
                    seen.add(claim.term)
                    chosen.append(Mutant(kind, claim))
                    break
    return chosen


def _shuffled(found: list[Any], rng: random.Random) -> list[Any]:
    rng.shuffle(found)
    return found


def _by_kind(right: Expr, rng: random.Random) -> dict[str, list[tuple[Node, Term]]]:
    """Kind -> (node, what stands in its place)."""
    order = topological([right.node])
    inputs = [n for n in order if n.op == kinds.INPUT]
    sources: dict[str, Source] = {
        "sign": _any_sign,
        "factor": numbers,
        "perturbation": lambda node: _perturbed(node, rng),
        "transpose": transposes,
        "dropped": dropped,
        "index": indices,
        "derivative": _derivative,
        "tensor": lambda node: swapped(node, inputs),
    }
    return {kind: [(node, term) for node in order for term in _terms(source, node)] for kind, source in sources.items()}


def _terms(source: Source, node: Node) -> Iterator[Term]:
    try:
        yield from (term for _, term in source(node) if not _another_domain(node, term))
    except SymdlError:  # an edit that gives no formula
        return


def _another_domain(node: Node, term: Term) -> bool:
    """A whole power with a fraction for exponent: of a number below 0 it has no value, and what has none anywhere cannot be refuted."""
    if node.op != kinds.POW:
        return False
    powers = [n for n in topological([term.node]) if n.op == kinds.POW and n.args == node.args]
    return bool(sp.sympify(node.attr).is_integer) and any(not sp.sympify(n.attr).is_integer for n in powers)


def _any_sign(node: Node) -> Iterator[tuple[str, Term]]:
    yield from signs(node)
    if node.op in (kinds.MUL, kinds.FN, kinds.POW):
        yield "the sign is wrong", build.mul(-1, [own(node)])


def _perturbed(node: Node, rng: random.Random) -> Iterator[tuple[str, Term]]:
    """A coefficient out by one part in ten, a hundred, ..., 10^15."""
    if node.op not in (kinds.ADD, kinds.MUL, kinds.FN, kinds.POW):
        return
    powers = list(PERTURBATIONS)
    rng.shuffle(powers)
    for power in powers[:4]:
        factor = number(1 + Fraction(rng.choice((-1, 1)), 10**power))
        if node.op == kinds.ADD:
            place = rng.randrange(len(node.args))
            coefs = [times(factor, c) if k == place else c for k, c in enumerate(node.attr)]
            yield f"a term is out by 1e-{power}", build.add(coefs, terms_of(node))
        elif node.op == kinds.POW and rng.random() < 0.5:
            yield f"the exponent is out by 1e-{power}", build.pow_(terms_of(node)[0], number(sp.sympify(node.attr) * sp.Rational(str(factor))))
        else:
            yield f"it is out by 1e-{power}", build.mul(factor, [own(node)])


def _derivative(node: Node) -> Iterator[tuple[str, Term]]:
    """A function's derivative in its place: the classic sigma'(z) for sigma(z)."""
    if node.op == kinds.FN and node.attr in TABLE:
        symbols = placeholders(len(node.args))
        for rule in TABLE[node.attr].derivatives:
            yield "the derivative stands for the function", instantiate(sp.sympify(rule(*symbols)), terms_of(node))
    if node.op == kinds.POW:
        yield "the derivative stands for the power", build.mul(node.attr, [build.pow_(terms_of(node)[0], number(sp.sympify(node.attr) - 1))])
