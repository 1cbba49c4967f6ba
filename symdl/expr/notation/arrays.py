"""Array notation: from the node table to a layout tree of matrix products, transposes, outer products, broadcasting.

Every node gets a form for every order of its axes, built from the forms of its arguments; the cheaper one wins, so that transposes
are few and stand where they are short. Nothing here recurses: nodes come arguments first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from symdl.expr.notation.columns import filled, with_columns
from symdl.expr.notation.layout import Call, Derivative, Index, Name, Num, Power, Tree, product, total
from symdl.expr.notation.operands import Form, NotExpressible, Operand, complete, each, orders, place
from symdl.expr.notation.recur_view import stretch, whole_of
from symdl.expr.notation.softmaxes import softmax_of
from symdl.expr.notation.spread import spread, widened
from symdl.graph import node as kinds
from symdl.graph.labels import Term, is_fixed
from symdl.graph.node import Node, Size
from symdl.graph.number import Number, is_negative, number, times
from symdl.graph.symmetry import is_symmetric
from symdl.graph.walk import topological


def _either_way(node: Node, operand: Operand) -> Operand:
    """A symmetric matrix reads the same in both orders: the shorter reading serves for both."""
    if node.rank != 2 or node.shape[0] != node.shape[1] or len(operand.labels) != 2:
        return operand
    (one, first), (other, second) = ((k, f) for k, f in operand.forms.items() if k != "row")
    if first.cost == second.cost or not is_symmetric(node):
        return operand
    best = min(first, second, key=lambda f: f.cost)
    return Operand(operand.labels, operand.forms | {one: best, other: best})


class Arrays:
    """The operands of nodes.

    Parameters
    ----------
    names : mapping
        Node -> name, for nodes that are written by name.
    """

    def __init__(self, names: Mapping[Node, str]) -> None:
        self.names = names
        self._known: dict[Node, Operand | None] = {}
        #: Nodes with axes of one position, or above such.
        self.single: set[Node] = set()

    def tree(self, term: Term, shape: tuple[Size, ...]) -> Tree | None:
        """A term whose labels are the axes 0, 1, ... of an array of this shape; None when array notation cannot say it."""
        try:
            full = with_columns(term, shape, self.names)
            return spread(place(self.operand(full.node), full.map), shape)
        except NotExpressible:
            return None

    def body(self, node: Node) -> Tree | None:
        """A named node's definition."""
        try:
            if node.op == kinds.LET:
                inner = with_columns(Term(node.args[0], node.maps[0]), node.shape, self.names)
                return spread(place(self.operand(inner.node), inner.map), node.shape)
            for arg in node.args:
                self.operand(arg)
            return spread(self._make(node), node.shape)
        except NotExpressible:
            return None

    def operand(self, root: Node) -> Operand:
        for node in topological([root], stop=lambda n: n in self._known or n in self.names or n.op == kinds.RECUR):
            if node not in self._known:
                if 1 in node.sizes() or (node not in self.names and not self.single.isdisjoint(node.args)):
                    self.single.add(node)
                try:
                    self._known[node] = _either_way(node, self._named(node) if node in self.names else self._make(node))
                except NotExpressible:
                    self._known[node] = None
        found = self._known[root]
        if found is None:
            raise NotExpressible
        return found

    def _named(self, node: Node) -> Operand:
        own = tuple(range(node.rank))
        return complete(own, {own: Form(0, Name(node.rank, self.names[node]))})

    def _make(self, node: Node) -> Operand:
        if node.op not in _MAKERS:  # a position: windows and gathers are said with indices
            raise NotExpressible
        return _MAKERS[node.op](self, node)

    def _args(self, node: Node) -> list[Operand]:
        terms = filled(node, self.names) if 1 in node.shape else [Term(a, m) for a, m in node.terms()]
        return [place(self.operand(t.node), t.map) for t in terms]

    # --- kinds of nodes -----------------------------------------------------------------------------------

    def _input(self, node: Node) -> Operand:
        own = tuple(range(node.rank))
        return complete(own, {own: Form(0, Name(node.rank, str(node.name)))})

    def _recurrence(self, node: Node) -> Operand:
        """a, a[:-1], a[1:] or a[-1] of all states a."""
        attr = node.attr
        whole = whole_of(node)
        tree: Tree = Name(whole.rank, self.names.get(whole) or str(attr.names[attr.state]))
        where = stretch(node)
        if where is not None:
            tree = Index(node.rank, tree, (where,))
        own = tuple(range(node.rank))
        return complete(own, {own: Form(0, tree)})

    def _const(self, node: Node) -> Operand:
        return Operand((), {(): Form(0, Num(0, node.attr))})

    def _let(self, node: Node) -> Operand:
        operand = self._args(node)[0]
        return widened(operand, node.shape)

    def _elementwise(self, node: Node, make: Callable[[tuple[Tree, ...]], Tree], outside: bool = False) -> Operand:
        """What ``make`` makes of the arguments, in every order that all of them can stand in."""
        args = self._args(node)
        own = tuple(range(node.rank))
        forms = {}
        for order in orders(own):
            found = each(args, order)
            if found is not None:
                forms[order] = Form(sum(f.cost for f in found), make(tuple(f.tree for f in found)))
        return complete(own, forms, outside)

    def _add(self, node: Node) -> Operand:
        return self._elementwise(node, lambda trees: total(node.rank, list(zip(node.attr, trees, strict=True))))

    def _fn(self, node: Node) -> Operand:
        known = self._softmax(node) or _triangle(node)
        if known is not None:
            return known
        if node.attr == "pow":
            return self._elementwise(node, lambda trees: Power(node.rank, *trees), outside=True)
        return self._elementwise(node, lambda trees: Call(node.rank, node.attr, trees), outside=True)

    def _softmax(self, node: Node) -> Operand | None:
        """exp(z - logsumexp(z))."""
        found = softmax_of(node)
        if found is None:
            return None
        term, over = found
        operand = place(self.operand(term.node), term.map)
        forms = {}
        for order, form in operand.forms.items():
            if order != "row":
                axis = None if len(order) == 1 else tuple(k for k, e in enumerate(order) if e in over)
                forms[order] = Form(form.cost, Call(len(order), "softmax", (form.tree,), axis))
        return complete(range(node.rank), forms) if len(over) == 1 else None

    def _pow(self, node: Node) -> Operand:
        return power_operand(self, node, node.attr)

    def _mul(self, node: Node) -> Operand:
        from symdl.expr.notation.products import arrange

        return arrange(self, node)

    def _reduce(self, node: Node) -> Operand:
        operand = self._args(node)[0]
        own = tuple(range(node.rank))
        forms: dict[Any, Form] = {}
        for order in orders(operand.labels):
            if order not in operand.forms:
                continue
            cost, tree = operand.at(order)
            axis = tuple(k for k, e in enumerate(order) if e >= node.rank)
            key = tuple(e for e in order if e < node.rank)
            if key not in forms or forms[key].cost > cost:
                forms[key] = Form(cost, Call(node.rank, node.attr.kind, (tree,), axis if key else None))
        return complete(own, forms)

    def _matrix(self, node: Node) -> Operand:
        (inner,) = self._args(node)
        inner.at((0, 1))  # raises where there is no such form
        if node.attr != "inv":  # the determinant of a transpose is that of the matrix
            cost, tree = inner.best
            return Operand((), {(): Form(cost, Call(0, node.attr, (tree,)))})
        forms = {order: Form(f.cost, Call(2, "inv", (f.tree,))) for order, f in inner.forms.items() if order in ((0, 1), (1, 0))}
        return complete((0, 1), forms, outside=True)

    def _partial(self, node: Node) -> Operand:
        own = tuple(range(node.rank))
        of, by = (self.operand(a) for a in node.args)
        return complete(own, {own: Form(0, Derivative(node.rank, of.at(of.labels).tree, by.at(by.labels).tree))})


_MAKERS: dict[str, Any] = {
    kinds.INPUT: Arrays._input,
    kinds.CONST: Arrays._const,
    kinds.LET: Arrays._let,
    kinds.ADD: Arrays._add,
    kinds.MUL: Arrays._mul,
    kinds.POW: Arrays._pow,
    kinds.FN: Arrays._fn,
    kinds.REDUCE: Arrays._reduce,
    kinds.MATRIX: Arrays._matrix,
    kinds.RECUR: Arrays._recurrence,
    kinds.PARTIAL: Arrays._partial,
}


def _triangle(node: Node) -> Operand | None:
    """positive(i - j + c): ones on and below a diagonal, tril(ones(m, n), c - 1)."""
    inner = node.args[0]
    if node.attr != "positive" or node.rank != 2 or inner.op != kinds.ADD or node.maps[0] not in ((0, 1), (1, 0)):
        return None
    places = {c: m[0] for c, (a, m) in zip(inner.attr, inner.terms(), strict=True) if a.op == kinds.POSITION and m[0] >= 0}
    offset = sum(a.attr for a in inner.args if a.op == kinds.CONST)
    if set(places) != {1, -1} or len(inner.args) > 3 or type(offset) is not int or (len(inner.args) == 3 and not offset):
        return None
    row, column = (node.maps[0][places[c]] for c in (1, -1))
    forms = {}
    for name, order, k in (("tril", (row, column), offset - 1), ("triu", (column, row), 1 - offset)):
        ones = Call(2, "ones", sizes=tuple(node.shape[e] for e in order))
        forms[order] = Form(0, Call(2, name, (ones, Num(0, k)) if k else (ones,)))
    return Operand((0, 1), forms)


def power_operand(arrays: Arrays, node: Node, exponent: Number) -> Operand:
    """node's base to the exponent; square roots, norms and reciprocals by their names."""
    base, entries = node.args[0], node.maps[0]
    squares = _squares(base)
    if squares is not None and exponent not in (1, -1):
        doubled = times(2, exponent)
        if type(doubled) is int and doubled % 2:
            inner = arrays.operand(squares).best
            return Operand((), {(): Form(inner.cost, raised(Call(0, "norm", (inner.tree,)), doubled))})
    operand = place(arrays.operand(base), entries)
    return Operand(operand.labels, {k: Form(f.cost, raised(f.tree, exponent)) for k, f in operand.forms.items() if k != "row"})


def raised(base: Tree, exponent: Number) -> Tree:
    """base**exponent as it is written."""
    if is_negative(exponent):
        return product(base.rank, 1, (), (raised(base, times(-1, exponent)),))
    if exponent == 1:
        return base
    if exponent == number(0.5):
        return Call(base.rank, "sqrt", (base,))
    return Power(base.rank, base, Num(0, exponent))


def _squares(node: Node) -> Node | None:
    """x, when the node is the sum of the squares of all elements of x."""
    if node.op != kinds.MUL or node.rank or node.attr.coef != 1 or node.attr.deltas or len(node.args) != 1:
        return None
    square = node.args[0]
    whole = not any(is_fixed(e) for e in node.maps[0]) and len(set(node.maps[0])) == square.rank
    if square.op != kinds.POW or square.attr != 2 or not whole or square.rank not in (1, 2):
        return None
    return square.args[0] if sorted(square.maps[0]) == list(range(square.rank)) else None


# --- axes that nothing depends on ------------------------------------------------------------------------------
