"""Index notation: from the node table to a layout tree of elements, sums over letters and Kronecker deltas.

Dummy letters are chosen by size where the caller says which letters a size has, and by depth of nesting otherwise, so that
no sum inside another uses its letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sympy as sp

from symdl.expr.dims import indices
from symdl.expr.notation.arrays import Arrays, raised
from symdl.expr.notation.layout import Call, Derivative, Element, Kronecker, Name, Num, Over, Power, Product, Tree, by_name, product, total, trailing
from symdl.expr.notation.operands import NotExpressible
from symdl.expr.notation.recur_view import place_in, whole_of
from symdl.expr.notation.softmaxes import complement, softmax_of
from symdl.expr.solved import equation_sides, index_expression, written_indices
from symdl.expr.sympy_out.elements import Reader
from symdl.expr.sympy_out.elements import letters as letter_pool
from symdl.expr.tensor import Expr
from symdl.graph import node as kinds
from symdl.graph.labels import Term
from symdl.graph.node import Node, Size
from symdl.graph.walk import topological

#: Size(s) -> letters: of :class:`symdl.render.reading.Reading`, or a mapping from one size to its letters.
Letters = Callable[[Iterable[Size]], tuple[sp.Symbol, ...]] | Mapping[Size, Iterable[Any]]


class Elements:
    """Reads nodes at given indices, every (node, indices) once.

    Parameters
    ----------
    expr : Expr
        What is going to be read; its names, sizes and letters are not used for dummies.
    names : mapping
        Node -> name, for nodes that are written by name.
    letters : callable or mapping, optional
        The letters of sizes.
    """

    def __init__(self, expr: Expr, names: Mapping[Node, str], letters: Letters | None = None) -> None:
        self._names = names
        self._arrays = Arrays(names)
        self._order = topological([expr.node], stop=lambda n: n in names and n is not expr.node)
        self._avoid = _taken(expr, self._order, names)
        self._wished = _wishes(letters)
        self._pool = letter_pool(self._avoid)
        self._chosen: dict[tuple[Size, int], sp.Symbol] = {}
        self._depth = self._depths()
        self._known: dict[tuple[Node, tuple[Any, ...]], Tree] = {}
        self._readers: dict[Node, Reader] = {}

    def _depths(self) -> dict[Node, dict[Size, int]]:
        """How many dummies of each size are in use under a node, itself included."""
        found: dict[Node, dict[Size, int]] = {}
        for node in self._order:
            depth: dict[Size, int] = {}
            for arg in node.args:
                for size, count in found.get(arg, {}).items():
                    depth[size] = max(depth.get(size, 0), count)
            for size in _summed(node):
                depth[size] = depth.get(size, 0) + 1
            found[node] = depth
        return found

    def open(self, expr: Expr) -> tuple[Expr, tuple[sp.Symbol, ...]]:
        """The element of an array at letters, and the letters."""
        counts: dict[Size, int] = {}
        chosen = []
        for size in expr.shape:
            nth = counts[size] = counts.get(size, -1) + 1
            chosen.append(self._letter(size, -1 - nth))
        return (expr[tuple(chosen)] if chosen else expr), tuple(chosen)

    def _letter(self, size: Size, nth: int) -> sp.Symbol:
        """The nth dummy of a size; negative numbers are the free letters."""
        if (size, nth) not in self._chosen:
            wished = (s for s in self._wished(size) if str(s) not in self._avoid)
            letter = next(wished, None) or next(s for s in self._pool if str(s) not in self._avoid)
            self._avoid.add(str(letter))
            self._chosen[size, nth] = letter
        return self._chosen[size, nth]

    # --- reading ------------------------------------------------------------------------------------------

    def tree(self, node: Node, at: tuple[Any, ...], inside: bool = False) -> Tree:
        """The node at indices (letters, ``~c`` for position c). ``inside``: a name at the top is opened."""
        if inside and node in self._names:
            return self._make(node, at, [self.tree(a, m) for a, m in self._arguments(node, at)])
        stack = [(node, at)]
        while stack:
            key = stack[-1]
            if key in self._known:
                stack.pop()
                continue
            needs = [] if key[0] in self._names else self._arguments(*key)
            missing = [k for k in needs if k not in self._known]
            if missing:
                stack.extend(missing)
                continue
            parts = [self._known[k] for k in needs]
            self._known[key] = self._named(*key) if key[0] in self._names else self._make(*key, parts)
            stack.pop()
        return self._known[node, at]

    def _named(self, node: Node, at: tuple[Any, ...]) -> Tree:
        return self._element(Name(node.rank, self._names[node]), at)

    def _labels(self, node: Node, at: tuple[Any, ...]) -> list[Any]:
        """The index on every index of the node: the given ones, then its dummies."""
        labels = list(at)
        own: dict[Size, int] = {}
        solved = written_indices(node, self._names)
        for index, size in enumerate(_summed(node), start=node.rank):
            nth = self._depth[node][size] - own.get(size, 0) - 1
            own[size] = own.get(size, 0) + 1
            labels.append(None if index in solved else self._letter(size, nth))
        for index, found in solved.items():
            labels[index] = index_expression(found, lambda e: labels[e], self._read)
        return labels

    def _read(self, node: Node, at: tuple[Any, ...]) -> sp.Expr:
        """What an index is made of, as SymPy."""
        if node not in self._readers:
            self._readers[node] = Reader([node], self._avoid)
        return self._readers[node].read(node, at)

    def _arguments(self, node: Node, at: tuple[Any, ...]) -> list[tuple[Node, tuple[Any, ...]]]:
        if node.op in (kinds.MATRIX, kinds.RECUR) or (node.op == kinds.FN and node.attr == "iszero"):
            return []
        labels = self._labels(node, at)
        return [(a, tuple(e if e < 0 else labels[e] for e in m)) for a, m in node.terms()]

    def _make(self, node: Node, at: tuple[Any, ...], parts: list[Tree]) -> Tree:
        if node.op == kinds.INPUT:
            return self._element(Name(node.rank, str(node.name)), at)
        if node.op == kinds.CONST:
            return Num(0, node.attr)
        if node.op == kinds.POSITION:
            return Name(0, str(_index(at[0]))) if type(at[0]) is not int else Num(0, ~at[0])
        if node.op == kinds.FN and node.attr == "iszero":
            return Kronecker(0, equation_sides(node, lambda e: at[e], self._read))
        if node.op == kinds.ADD:
            return total(0, list(zip(node.attr, parts, strict=True)))
        if node.op == kinds.MUL:
            return self._product(node, at, parts)
        if node.op == kinds.POW:
            return raised(parts[0], node.attr)
        if node.op == kinds.FN:
            return self._function(node, at, parts)
        if node.op == kinds.REDUCE:
            return Over(0, node.attr.kind, parts[0], self._dummies(node, at))
        if node.op == kinds.PARTIAL:
            return Derivative(0, *parts)
        if node.op == kinds.RECUR:
            whole = whole_of(node)
            return self._element(Name(whole.rank, self._names.get(whole) or str(whole.name)), place_in(node, at))
        return parts[0] if node.op == kinds.LET else self._matrix(node, at)

    def _element(self, tree: Tree, at: tuple[Any, ...]) -> Tree:
        return Element(0, tree, tuple(map(_index, at))) if at else tree

    def _dummies(self, node: Node, at: tuple[Any, ...]) -> tuple[tuple[Any, Size], ...]:
        solved = written_indices(node, self._names)
        pairs = zip(self._labels(node, at)[node.rank :], _summed(node), strict=True)
        return tuple(p for k, p in enumerate(pairs, start=node.rank) if k not in solved)

    def _product(self, node: Node, at: tuple[Any, ...], parts: list[Tree]) -> Tree:
        labels = self._labels(node, at)
        up: list[tuple[Term, Tree]] = []
        down: list[Tree] = []
        equations = {s.factor for s in written_indices(node, self._names).values()}
        for k, ((arg, entries), part) in enumerate(zip(node.terms(), parts, strict=True)):
            if k in equations:
                continue
            if isinstance(part, Product) and part.over and not part.factors and part.coef == 1:
                down += part.over
            else:
                up.append((Term(arg, entries), part))
        others = _read_order(up, at)
        met = _letters_met(others)
        deltas = [Kronecker(0, (_index(_at(a, labels)), _index(_at(b, labels)))) for a, b in node.attr.deltas]
        factors = (*sorted(deltas, key=lambda d: min(met.get(i, len(met)) for i in d.indices)), *others)
        dummies = tuple(sorted(self._dummies(node, at), key=lambda d: met.get(d[0], len(met))))
        if not dummies:
            return product(0, node.attr.coef, factors, tuple(down))
        return product(0, node.attr.coef, (Over(0, "sum", product(0, 1, factors, tuple(down)), dummies),))

    def _function(self, node: Node, at: tuple[Any, ...], parts: list[Tree]) -> Tree:
        found = softmax_of(node)
        if found is not None and len(found[1]) == 1:
            return self._softmax(*found, at)
        return Power(0, *parts) if node.attr == "pow" else Call(0, node.attr, tuple(parts))

    def _softmax(self, term: Term, over: set[Any], at: tuple[Any, ...]) -> Tree:
        """exp(z_i)/Sum_j exp(z_j)."""
        (label,) = over
        size = next(s for e, s in zip(term.map, term.node.shape, strict=True) if e == label)
        letter = self._letter(size, self._depth.get(term.node, {}).get(size, 0))
        here, there = (tuple(letter if e == label and moved else _at(e, at) for e in term.map) for moved in (False, True))
        above, below = (Call(0, "exp", (self.tree(term.node, place),)) for place in (here, there))
        return product(0, 1, (above,), (Over(0, "sum", below, ((letter, size),)),))

    def _matrix(self, node: Node, at: tuple[Any, ...]) -> Tree:
        try:
            operand = self._arrays.operand(node)
            return self._element(operand.at(operand.labels).tree, at)
        except NotExpressible:
            argument = Name(2, str(node.args[0].name or f"u{node.args[0].serial}"))
            return self._element(Call(node.rank, node.attr, (argument,)), at)


def _read_order(up: list[tuple[Term, Tree]], at: tuple[Any, ...]) -> list[Tree]:
    """Scalars, elements of matrices, elements of vectors, all else; a*(1 - a) together; sums last, so that none swallows what follows."""
    terms = {term for term, _ in up}
    paired = {c for term, _ in up if (c := complement(term)) in terms and c is not None}

    def rank(pair: tuple[Term, Tree]) -> tuple[Any, ...]:
        term, tree = pair
        if isinstance(tree, Over):
            return (9,)
        if term in paired or complement(term) in paired:
            return (8, [t for t, _ in up].index(term if term in paired else complement(term)))  # type: ignore[arg-type]
        if isinstance(tree, Element):
            letter = tree.indices[0]
            return (2, -len(tree.indices), str(letter) if len(tree.indices) == 1 and letter in at else "~", by_name(tree))
        return (0 if isinstance(tree, Name) else 4 if trailing(tree) else 3, by_name(tree))

    return _chained([tree for _, tree in sorted(up, key=rank)])


def _chained(trees: list[Tree]) -> list[Tree]:
    """Two matrices that follow each other as in a matrix product: X[k,i]*W[i,j]."""
    places = [k for k, t in enumerate(trees) if isinstance(t, Element) and len(t.indices) == 2]
    if len(places) == 2:
        a, b = places
        first, second = trees[a], trees[b]
        if isinstance(first, Element) and isinstance(second, Element) and first.indices[1] != second.indices[0] and second.indices[1] == first.indices[0]:
            trees[a], trees[b] = second, first
    return trees


def _letters_met(trees: list[Tree]) -> dict[Any, int]:
    """Index letters as a reader meets them in factors, in their first hundred parts: in this order they are summed over, whatever the order in the graph."""
    met: dict[Any, int] = {}
    stack = trees[:100][::-1]
    for _ in range(100):
        if not stack:
            break
        tree = stack.pop()
        for index in tree.indices if isinstance(tree, Element) else ():
            met.setdefault(index, len(met))
        stack += tree.parts[:100][::-1]
    return met


def _at(entry: Any, labels: Any) -> Any:
    """What stands at a label: a fixed position stays."""
    return labels[entry] if type(entry) is int and entry >= 0 else entry


def _summed(node: Node) -> tuple[Size, ...]:
    return node.attr.summed if node.op in (kinds.MUL, kinds.REDUCE) else ()


def _index(entry: Any) -> Any:
    """A letter, or a position from 0."""
    return int(~entry) if type(entry) is int else entry


def _wishes(letters: Letters | None) -> Callable[[Size], Iterable[sp.Symbol]]:
    """Size -> the letters wished for it, in order."""
    if letters is None:
        return lambda size: ()
    if isinstance(letters, Mapping):
        return lambda size: (indices(s) if isinstance(s, str) else s for s in letters.get(size, ()))
    return lambda size: (letters((size,) * k)[-1] for k in range(1, 9))


def _taken(expr: Expr, order: list[Node], names: Mapping[Node, str]) -> set[str]:
    """Names that no dummy may look like."""
    taken = {str(s) for s in expr.open}
    for node in order:
        if node.name or node in names:
            taken.add(str(names.get(node) or node.name))
        for size in node.sizes():
            if isinstance(size, sp.Expr):
                taken |= {str(s) for s in size.free_symbols}
    return taken
