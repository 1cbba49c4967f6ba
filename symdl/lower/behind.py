"""Terms taken apart and put together: what the rewrites before lowering match, behind the names of intermediate results, and what they make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Delta, Label
from symdl.graph.canonical import Renumber, finish
from symdl.graph.labels import Term, axis_sizes, inner_deltas, is_fixed
from symdl.graph.node import Reduction, Size
from symdl.graph.number import times
from symdl.graph.rebuild import placed
from symdl.lower.machine import REST


def inside(term: Term) -> Term:
    """The term behind names."""
    while term.node.op == kinds.LET:
        term = placed(Term(term.node.args[0], term.node.maps[0]), term.map)
    return term


def argument(term: Term, name: str) -> Term | None:
    """z when the term is name(z), by whatever name it is known."""
    inner = inside(term)
    if inner.node.op == kinds.FN and inner.node.attr == name:
        return placed(Term(inner.node.args[0], inner.node.maps[0]), inner.map)
    return None


def arguments(term: Term) -> list[Term]:
    """The arguments of the term's node, in its labels."""
    return [placed(Term(a, m), term.map) for a, m in term.node.terms()]


def addends(term: Term) -> list[tuple[Any, Term]]:
    """The term as a sum of coefficient x term; a constant is a coefficient of the constant 1."""
    found: list[tuple[Any, Term]] = []
    parts = zip(term.node.attr, arguments(term), strict=True) if term.node.op == kinds.ADD else [(1, term)]
    for coef, part in parts:
        node = part.node
        if node.op == kinds.CONST:
            found.append((times(coef, node.attr), build.constant(1)))
        elif node.op == kinds.MUL and node.attr.coef != 1:
            found.append((times(coef, node.attr.coef), _bare(part)))
        else:
            found.append((coef, part))
    return found


def _bare(term: Term) -> Term:
    """A product without its coefficient."""
    parts = opened(term)
    return build.mul(1, parts.factors, parts.deltas, parts.summed)


class Parts(NamedTuple):
    """coef * Sum over the summed labels of the product of factors and deltas."""

    coef: Any
    factors: list[Term]
    deltas: list[Delta]
    summed: dict[Label, Size]


def opened(term: Term) -> Parts:
    """The term as a product; summed indices get labels of their own."""
    node = term.node
    if node.op == kinds.CONST:
        return Parts(node.attr, [], [], {})
    if node.op != kinds.MUL:
        return Parts(1, [term], [], {})
    names = {node.rank + k: build.fresh() for k in range(len(node.attr.summed))}
    labels = dict(enumerate(term.map)) | names
    factors = [build.rename(Term(a, m), labels) for a, m in node.terms()]
    return Parts(node.attr.coef, factors, inner_deltas(node, labels), dict(zip(names.values(), node.attr.summed, strict=True)))


def applied(name: str, *terms: Term) -> Term:
    """name(terms) without the algebra of the table, which does not know the machine room."""
    renumber = Renumber()
    for term in terms:
        renumber.see(term.map)
    return finish(kinds.FN, list(terms), renumber, name)


def rest_of(term: Term, summed: dict[Label, Size]) -> Term:
    """The reduction ``rest`` over labels."""
    renumber = Renumber(summed)
    renumber.see(term.map)
    return finish(kinds.REDUCE, [term], renumber, Reduction(REST, tuple(summed[label] for label in renumber.summed)))


def named(name: str, term: Term) -> Term:
    """The term under a name, so that the sums and products around it do not open it."""
    labels = tuple(dict.fromkeys(e for e in term.map if not is_fixed(e)))
    sizes = axis_sizes(term)
    return build.let(name, term, labels, [sizes[label] for label in labels])


def sum_of(parts: Sequence[tuple[Any, Term]]) -> Term:
    """The sum of coefficient x term."""
    return build.add([c for c, _ in parts], [t for _, t in parts])
