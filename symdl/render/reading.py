"""How a person reads a graph: printing stops at names, axes come in the order that a reader expects, a size has its letter.

Nothing is derived here. A named node is replaced by a stand-in, an input of that name with its axes in reading order; all else keeps its
structure, so what is printed is what the differentiator wrote down, with names for its parts.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import sympy as sp

from symdl.expr.dims import indices
from symdl.expr.tensor import Expr
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import InputInfo, Node, Size, intern
from symdl.graph.walk import consumers, topological

#: The letter of a sample index, and those of all others.
SAMPLE_LETTERS = "kn"
OTHER_LETTERS = "ijlmqrstuvpgh"


class Symbol(NamedTuple):
    """d loss / d by, of a node whose axes are these axes of ``by``."""

    loss: Node
    by: Node
    axes: tuple[int, ...]


class Reading:
    """A reader's view of named nodes.

    Parameters
    ----------
    names : mapping
        Node -> name; printing stops there.
    roots : iterable of Node
        What is going to be read, for finding the samples and choosing letters; the result of the forward pass first.
    varied : iterable of str
        Names of the inputs that are differentiated by: parameters, which tell nothing about samples.
    derivatives : mapping
        Node -> the derivative that it is, to be printed in its place.
    """

    def __init__(
        self,
        names: Mapping[Node, str],
        roots: Iterable[Node],
        varied: Iterable[str] = (),
        derivatives: Mapping[Node, Symbol] = MappingProxyType({}),
    ) -> None:
        self.names = {n: name for n, name in names.items() if n not in derivatives}
        self._derivatives = derivatives
        roots = list(roots)
        order = topological([*roots, *names])
        self._let_of = _lets_by_body(topological(roots[:1]), self.names)
        self._samples = _sample_sizes(order, set(varied))
        self._avoid = _taken(order, names)
        self._letter_of: dict[tuple[Size, int], sp.Symbol] = {}
        self._pools = {True: self._pool(SAMPLE_LETTERS), False: self._pool(OTHER_LETTERS)}
        self._multiplicity = _multiplicity(order, self.names)
        self._frozen: dict[Node, Term] = {}
        self._stand_ins: dict[Node, Node] = {}
        for node in _inputs_by_use(order):
            self.letters(node.shape)

    # --- order of axes ------------------------------------------------------------------------------------

    def order(self, node: Node) -> tuple[int, ...]:
        """The node's axes in reading order: samples first."""
        if node.op == kinds.INPUT:
            return tuple(range(node.rank))
        return tuple(sorted(range(node.rank), key=lambda axis: node.shape[axis] not in self._samples))

    def sizes(self, node: Node) -> tuple[Size, ...]:
        """The node's shape in reading order."""
        return tuple(node.shape[axis] for axis in self.order(node))

    def in_order(self, expr: Expr, node: Node) -> Expr:
        """An expression with the axes of ``node``, in reading order."""
        order = self.order(node)
        return expr.transpose(*order) if order != tuple(range(len(order))) else expr

    # --- letters ------------------------------------------------------------------------------------------

    def letters(self, sizes: Iterable[Size]) -> tuple[sp.Symbol, ...]:
        """One letter an axis: the same size has the same letter everywhere, and the next one, or a prime, where it stands again."""
        counts: dict[Size, int] = {}
        chosen = []
        for size in sizes:
            nth = counts[size] = counts.get(size, -1) + 1
            chosen.append(self._letter(size, nth))
        return tuple(chosen)

    def _letter(self, size: Size, nth: int) -> sp.Symbol:
        if (size, nth) not in self._letter_of:
            plain = max(1, self._multiplicity.get(size, 1))
            if nth < plain:
                self._letter_of[size, nth] = next(self._pools[size in self._samples])
            else:
                self._letter_of[size, nth] = indices(f"{self._letter(size, nth % plain)}{chr(39) * (nth // plain)}")
        return self._letter_of[size, nth]

    def _pool(self, first: str) -> Iterator[sp.Symbol]:
        names = itertools.chain(first, OTHER_LETTERS, (f"i{n}" for n in itertools.count(1)))
        for name in names:
            if name not in self._avoid:
                self._avoid.add(name)
                yield indices(name)

    def element(self, expr: Expr) -> Expr:
        """The element of a tensor, at the letters of its sizes."""
        return expr[self.letters(expr.shape)] if expr.shape else expr

    # --- stand-ins ----------------------------------------------------------------------------------------

    def stand_in(self, node: Node) -> Node:
        """An input that prints as the node's name, axes in reading order."""
        if node not in self._stand_ins:
            shape = self.sizes(node)
            name = self.names[node]
            atom = sp.IndexedBase(name, shape=shape) if shape else sp.Symbol(name)
            self._stand_ins[node] = build.input_node(InputInfo(name, atom, frozenset()), shape)
        return self._stand_ins[node]

    def reference(self, node: Node) -> Expr:
        """A named node or an input by its name, or a nameless one by its formula; axes in reading order."""
        return self.in_order(Expr(self._freeze(node), node.shape), node)

    def definition(self, node: Node) -> Expr:
        """What a named node stands for; axes in reading order."""
        return self.in_order(Expr(self._body(node), node.shape), node)

    def shown(self, expr: Expr, by: Node | None = None) -> Expr:
        """The expression with its named parts by name; the derivative by ``by`` itself is written out."""
        node = expr.node
        own = by is not None and node in self._derivatives and self._derivatives[node].by is by
        return Expr(build.rename(self._body(node) if own else self._freeze(node), dict(enumerate(expr.map))), expr.shape, expr.open)

    def derivative(self, loss: Node, node: Node) -> Expr:
        """d loss / d node as a symbol, axes in reading order."""
        if node in self.names:
            made = build.partial(self.stand_in(loss), self.stand_in(node))
            return Expr(Term(made, tuple(range(made.rank))), made.shape)
        return self.in_order(Expr(self._freeze(build.partial(loss, node)), node.shape), node)

    def _freeze(self, root: Node) -> Term:
        """The node with stand-ins for what is named; its axes are labelled 0, 1, ..."""
        for node in topological([root], stop=self._stops):
            if node not in self._frozen:
                self._frozen[node] = self._replaced(node)
        return self._frozen[root]

    def _stops(self, node: Node) -> bool:
        return node.op == kinds.RECUR or node in self.names or node in self._derivatives or node in self._let_of or node in self._frozen

    def _symbol(self, symbol: Symbol) -> Term:
        """The derivative by its name, with the axes of the node that it stands for as labels."""
        loss, by, axes = symbol
        own = {axis: place for place, axis in enumerate(axes)}
        order = self.order(by)
        return build.rename(self.derivative(loss, by).term, {k: own[axis] for k, axis in enumerate(order)})

    def _replaced(self, node: Node) -> Term:
        if node in self._derivatives:
            return self._symbol(self._derivatives[node])
        if node in self.names:
            return Term(self.stand_in(node), self.order(node))
        if node.op == kinds.RECUR:
            return Term(node, tuple(range(node.rank)))
        let = self._let_of.get(node)
        if let is not None:
            # After y = sigma(z), a sigma(z) in a derivative is y.
            back = {axis: own for own, axis in enumerate(let.maps[0])}
            return build.rename(Term(self.stand_in(let), self.order(let)), back)
        return self._rebuilt(node)

    def _body(self, node: Node) -> Term:
        """A named node's definition, with stand-ins below."""
        inner = node.args[0] if node.op == kinds.LET else node
        own = self._let_of.get(inner) is node
        for arg in inner.args if own or inner is node else node.args:
            self._freeze(arg)
        body = self._rebuilt(inner) if own or inner is node else self._frozen[inner]
        return build.rename(body, dict(enumerate(node.maps[0]))) if node.op == kinds.LET else body

    def _rebuilt(self, node: Node) -> Term:
        """The same operation on the stand-ins of its arguments: no algebra."""
        whole = tuple(range(node.rank))
        args = [build.rename(self._frozen[a], dict(enumerate(m))) for a, m in node.terms()]
        if all(t.node is a and t.map == m for t, (a, m) in zip(args, node.terms(), strict=True)):
            return Term(node, whole)
        return Term(intern(node.op, tuple(t.node for t in args), tuple(t.map for t in args), node.shape, node.attr), whole)


def _lets_by_body(order: list[Node], names: Mapping[Node, str]) -> dict[Node, Node]:
    """What the user named, by what it is the name of: a nameless result that is used by that name alone and has the same axes."""
    found: dict[Node, Node] = {}
    users = consumers(order)
    for node in order:
        if node.op == kinds.LET and node in names and node.attr.role == "let":
            body, entries = node.args[0], node.maps[0]
            nameless = body.op not in (kinds.INPUT, kinds.CONST) and body not in names
            if nameless and len(users[body]) == 1 and sorted(entries) == list(range(node.rank)):
                found[body] = node
    return found


def _inputs_by_use(order: list[Node]) -> list[Node]:
    """Inputs as a computation takes them up: X[k,i], W1[i,j], W2[j,l], and the targets T[k,l] last."""
    found: dict[Node, None] = {}
    for node in order:
        found.update(dict.fromkeys(sorted((a for a in node.args if a.op == kinds.INPUT), key=lambda n: n.serial)))
    return [*found, *(n for n in order if n.op == kinds.INPUT and n not in found)]


def _sample_sizes(order: list[Node], varied: set[str]) -> list[Size]:
    """Sizes of the first axes of data: of inputs that are not differentiated by and have more axes than one, if there are such."""
    data = [n for n in order if n.op == kinds.INPUT and n.rank and n.name not in varied]
    shared = [n for n in data if n.rank > 1] or data
    parameters = [n for n in order if n.op == kinds.INPUT and n.name in varied]
    own = {size for n in parameters for size in n.shape}
    sizes = dict.fromkeys(n.shape[0] for n in shared)
    return [s for s in sizes if s not in own]


def _multiplicity(order: list[Node], names: Mapping[Node, str]) -> dict[Size, int]:
    """How often a size stands in one tensor: so many letters it gets, before primes are put to them."""
    found: dict[Size, int] = {}
    for node in order:
        if node.op == kinds.INPUT or node in names:
            for size in node.shape:
                found[size] = max(found.get(size, 0), node.shape.count(size))
    return found


def _taken(order: list[Node], names: Mapping[Node, str]) -> set[str]:
    """Names of inputs, results and sizes, which no letter may look like."""
    taken = set(names.values()) | {str(n.name) for n in order if n.name}
    for node in order:
        for size in node.sizes():
            if isinstance(size, sp.Expr):
                taken |= {str(s) for s in size.free_symbols}
    return taken
