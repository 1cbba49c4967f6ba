"""A sum of products as a chain of matrix products.

The factors are the arrays; each summed index is taken out by the matrix product, row sum, dot product or trace that it stands for.
What no such step fits is written as a sum over an elementwise product, which always fits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from symdl.expr.notation.arrays import Arrays, power_operand
from symdl.expr.notation.columns import joined
from symdl.expr.notation.kronecker import kronecker
from symdl.expr.notation.layout import Call, Index, Transpose, Tree, by_name, chain, product, trailing
from symdl.expr.notation.operands import Form, NotExpressible, Operand, aligned, complete, orders, place
from symdl.expr.notation.softmaxes import complement
from symdl.graph import node as kinds
from symdl.graph.digits import kronecker_of
from symdl.graph.labels import Term, is_fixed
from symdl.graph.node import Node
from symdl.graph.number import Number, is_negative, times


class Factor(NamedTuple):
    """An array in the product; ``over``: it divides. ``key`` and ``complement`` serve to put a next to 1 - a."""

    operand: Operand
    over: bool = False
    key: Any = None
    complement: Any = None

    @property
    def labels(self) -> frozenset[Any]:
        return frozenset(self.operand.labels)


def arrange(arrays: Arrays, node: Node) -> Operand:
    """The operand of a product node."""
    blocks = kronecker_of(node)
    if blocks is not None and node.rank < 3:
        return kronecker(arrays, node, blocks)
    terms, summed, single = joined(node, arrays.names, node in arrays.single)
    factors = [_factor(arrays, t) for t in terms]
    sizes = node.sizes()
    for a, b in node.attr.deltas:
        factors.append(Factor(_identity(a, b, sizes[a])))
    free = tuple(range(node.rank))
    return _Arranger(node.attr.coef, factors, free, summed, single).arrange()


def _identity(a: int, b: int, size: Any) -> Operand:
    eye = Call(2, "eye", sizes=(size,))
    if is_fixed(b):
        return Operand((a,), {(a,): Form(0, Index(1, eye, (int(~b),)))})
    return Operand((a, b), {(a, b): Form(0, eye), (b, a): Form(0, eye)})


def _factor(arrays: Arrays, term: Term) -> Factor:
    node = term.node
    if node.op == kinds.POW and node not in arrays.names and is_negative(node.attr):
        return Factor(place(power_operand(arrays, node, times(-1, node.attr)), term.map), over=True)
    return Factor(place(arrays.operand(node), term.map), False, term, complement(term))


def _ordered(factors: list[Factor]) -> list[Factor]:
    """Names by the alphabet, all else as given, and a*(1 - a) together, behind the others."""
    factors = sorted(factors, key=lambda f: (trailing(f.operand.best.tree), by_name(f.operand.best.tree)))
    keys = {f.key for f in factors if f.key is not None}
    last = {f.complement for f in factors if f.complement is not None and f.complement in keys}
    paired = [g for key in (f.key for f in factors if f.key in last) for g in factors if g.key == key or g.complement == key]
    chosen = list({id(f): f for f in paired}.values())
    return [f for f in factors if not any(f is g for g in chosen)] + chosen


def merged(factors: list[Factor], coef: Number = 1) -> Operand:
    """The elementwise product of factors on the same axes."""
    if len(factors) == 1 and not factors[0].over and coef == 1:
        return factors[0].operand
    labels = factors[0].operand.labels
    ordered = _ordered(factors)
    forms = {}
    for order in orders(labels):
        try:
            made = [(f.operand.at(order), f.over) for f in ordered]
        except NotExpressible:
            continue
        tree = product(len(labels), coef, tuple(m.tree for m, over in made if not over), tuple(m.tree for m, over in made if over))
        forms[order] = Form(sum(m.cost for m, _ in made), tree)
    return complete(labels, forms)


class _Arranger:
    """Groups of factors on the same axes, from which one summed index after the other is taken out."""

    def __init__(self, coef: Number, factors: list[Factor], free: tuple[int, ...], summed: list[int], single: frozenset[int] = frozenset()) -> None:
        self.coef = coef
        self.free = free
        self.summed = list(summed)
        self.single = single  # those summed over one position
        self.groups: dict[frozenset[Any], list[Factor]] = {}
        for factor in factors:
            self._put(factor)

    def _put(self, factor: Factor) -> None:
        self.groups.setdefault(factor.labels, []).append(factor)

    def _take(self, labels: frozenset[Any]) -> Operand:
        return merged(self.groups.pop(labels))

    def arrange(self) -> Operand:
        if any(len(labels) > 2 for labels in self.groups) and self.summed:
            return self._by_elements()
        steps: list[Callable[[Any], bool]] = [self._times_vector, self._times_matrix, self._through_diagonal, self._scaled, self._all, self._row_sums]
        while self.summed:
            if not any(step(s) for step in steps for s in list(self.summed)):
                return self._by_elements()
        return self._finish()

    def _users(self, label: Any) -> list[frozenset[Any]]:
        return [labels for labels in self.groups if label in labels]

    # --- one summed index ---------------------------------------------------------------------------------

    def _times_vector(self, s: Any) -> bool:
        """Sum_s M[i,s]*v[s] = M @ v."""
        users = sorted(self._users(s), key=len)
        if s not in self.summed or [len(u) for u in users] != [1, 2]:
            return False
        (i,) = users[1] - {s}
        vector, matrix = self._take(users[0]), self._take(users[1])
        column, row = matrix.at((i, s)), matrix.at((s, i))
        right, left = vector.at((s,)), vector.row
        forms = {
            (i,): Form(column.cost + right.cost, chain(1, (column.tree, right.tree))),
            "row": Form(row.cost + left.cost, chain(1, (left.tree, row.tree))),
        }
        self.summed.remove(s)
        self._put(Factor(Operand((i,), forms)))
        return True

    def _only(self, label: Any, user: frozenset[Any]) -> bool:
        return self._users(label) == [user]

    def _times_matrix(self, s: Any) -> bool:
        """Sum_s M[i,s]*N[s,j] = M @ N."""
        users = self._users(s)
        if s not in self.summed or [len(u) for u in users] != [2, 2]:
            return False
        return self._contract(s, users, None)

    def _through_diagonal(self, s: Any) -> bool:
        """Sum_s M[i,s]*v[s]*N[s,j] = M @ diag(v) @ N."""
        users = sorted(self._users(s), key=len)
        if s not in self.summed or [len(u) for u in users] != [1, 2, 2]:
            return False
        return self._contract(s, users[1:], self._take(users[0]))

    def _contract(self, s: Any, users: list[frozenset[Any]], between: Operand | None) -> bool:
        (i,), (j,) = users[0] - {s}, users[1] - {s}
        left, right = self._take(users[0]), self._take(users[1])
        forms = {}
        for (a, m), (b, n) in (((i, left), (j, right)), ((j, right), (i, left))):
            first, last = m.at((a, s)), n.at((s, b))
            middle = (Call(2, "diag", (between.at((s,)).tree,)),) if between else ()
            cost = first.cost + last.cost + (between.at((s,)).cost if between else 0)
            forms[a, b] = Form(cost, chain(2, (first.tree, *middle, last.tree)))
        self.summed.remove(s)
        self._put(Factor(complete((i, j), forms)))
        return True

    def _scaled(self, s: Any) -> bool:
        """A vector on an index that several matrices share multiplies one of them."""
        users = sorted(self._users(s), key=len)
        if s not in self.summed or len(users) < 3 or len(users[0]) != 1:
            return False
        vector, matrix = self._take(users[0]), self._take(users[1])
        (i,) = users[1] - {s}
        forms = {}
        for order in ((i, s), (s, i)):
            m, v = matrix.at(order), aligned(vector, order)
            forms[order] = Form(m.cost + v.cost, product(2, 1, (m.tree, v.tree)))
        self._put(Factor(complete((i, s), forms)))
        return True

    def _all(self, s: Any) -> bool:
        """A sum over all axes of a group: a dot product, a trace, or the sum of all elements."""
        users = self._users(s)
        if s not in self.summed or len(users) != 1 or any(e not in self.summed or not self._only(e, users[0]) for e in users[0]):
            return False
        factors = self.groups.pop(users[0])
        for e in users[0]:
            self.summed.remove(e)
        form = _dot(factors) or _trace(factors) or _sum(factors)
        self._put(Factor(Operand((), {(): form})))
        return True

    def _row_sums(self, s: Any) -> bool:
        """Sum_s M[i,s] = sum(M, axis=1)."""
        users = self._users(s)
        if s not in self.summed or len(users) != 1 or len(users[0]) != 2:
            return False
        operand = self._take(users[0])
        (i,) = users[0] - {s}
        order = min(((i, s), (s, i)), key=lambda o: operand.at(o).cost)
        cost, tree = operand.at(order)
        self.summed.remove(s)
        at = order.index(s)
        made = Index(1, tree, (0,) if at == 0 else (":", 0)) if s in self.single else Call(1, "sum", (tree,), (at,))
        self._put(Factor(Operand((i,), {(i,): Form(cost, made)})))
        return True

    # --- what remains -------------------------------------------------------------------------------------

    def _finish(self) -> Operand:
        """The elementwise product of what is left, on the free axes."""
        self._diagonals()
        groups = list(self.groups)
        forms = {}
        for order in orders(self.free):
            try:
                forms[order] = self._outer(order) if len(order) == 2 and all(len(g) < 2 for g in groups) else self._elementwise(order)
            except NotExpressible:
                continue
        if len(self.free) == 1:
            forms |= self._row_form()
        return complete(self.free, forms) if len(self.free) > 1 else Operand(self.free, forms)

    def _row_form(self) -> dict[Any, Form]:
        """A vector that is one matrix product, times numbers, has a form for the left side."""
        vectors = [f for labels, fs in self.groups.items() if labels for f in fs]
        scalars = self.groups.get(frozenset(), [])
        if len(vectors) != 1 or vectors[0].over or scalars or "row" not in vectors[0].operand.forms:
            return {}
        cost, tree = vectors[0].operand.row
        return {"row": Form(cost, product(1, self.coef, (tree,)))}

    def _diagonals(self) -> None:
        """v[i]*delta[i,j] = diag(v)."""
        for labels in [g for g in self.groups if len(g) == 2]:
            eyes = [f for f in self.groups[labels] if isinstance(f.operand.best.tree, Call) and f.operand.best.tree.name == "eye"]
            inside = next((frozenset([e]) for e in labels if frozenset([e]) in self.groups), None)
            if len(eyes) == 1 and len(self.groups[labels]) == 1 and inside is not None:
                del self.groups[labels]
                (label,) = inside
                cost, tree = self._take(inside).at((label,))
                a, b = labels
                on_diagonal = isinstance(tree, Call) and tree.name == "diag"  # the diagonal of a matrix, back on the diagonal
                made = Form(cost, product(2, 1, (tree.parts[0], eyes[0].operand.best.tree)) if on_diagonal else Call(2, "diag", (tree,)))
                self._put(Factor(Operand((a, b), {(a, b): made, (b, a): made})))

    def _scalars(self) -> list[Factor]:
        return _ordered(self.groups.get(frozenset(), []))

    def _elementwise(self, order: tuple[Any, ...]) -> Form:
        arrays = [f for group in sorted(self.groups, key=len, reverse=True) if group for f in _ordered(self.groups[group])]
        made = [(aligned(f.operand, order), f.over) for f in [*self._scalars(), *arrays]]
        over = tuple(m.tree for m, o in made if o)
        return Form(sum(m.cost for m, _ in made), product(len(order), self.coef, tuple(m.tree for m, o in made if not o), over))

    def _outer(self, order: tuple[Any, ...]) -> Form:
        left, right = (merged(self.groups[frozenset([e])]).at((e,)) for e in order)
        made = [(f.operand.at(()), f.over) for f in self._scalars()]
        tree = Call(2, "outer", (left.tree, right.tree))
        cost = left.cost + right.cost + sum(m.cost for m, _ in made)
        return Form(cost, product(2, self.coef, (*(m.tree for m, o in made if not o), tree), tuple(m.tree for m, o in made if o)))

    def _by_elements(self) -> Operand:
        """Sum over the elementwise product on all axes."""
        forms: dict[Any, Form] = {}
        for order in orders(self.free + tuple(self.summed)):
            try:
                coef, self.coef = self.coef, 1
                form = self._elementwise(order)
            except NotExpressible:
                continue
            finally:
                self.coef = coef
            key = tuple(e for e in order if e in self.free)
            axis = tuple(k for k, e in enumerate(order) if e in self.summed)
            if key not in forms or forms[key].cost > form.cost:
                made: Tree = Call(len(key), "sum", (form.tree,), axis if key else None)
                forms[key] = Form(form.cost, product(len(key), self.coef, (made,)))
        return complete(self.free, forms)


def _dot(factors: list[Factor]) -> Form | None:
    """Sum_s u[s]*v[s] = u @ v."""
    if len(factors) != 2 or len(factors[0].labels) != 1 or any(f.over for f in factors):
        return None
    (s,) = factors[0].labels
    a, b = (f.operand for f in factors)
    choices = [(a.row, b.at((s,))), (b.row, a.at((s,)))]
    left, right = min(choices, key=lambda pair: (pair[0].cost + pair[1].cost, by_name(pair[0].tree)[::-1] > by_name(pair[1].tree)[::-1]))
    return Form(left.cost + right.cost, chain(0, (left.tree, right.tree)))


def _trace(factors: list[Factor]) -> Form | None:
    """Sum_st A[s,t]*B[t,s] = trace(A @ B), and the sum of a diagonal."""
    only = factors[0].operand.best
    if len(factors) == 1 and not factors[0].over and isinstance(only.tree, Call) and only.tree.name == "diag" and only.tree.rank == 1:
        return Form(only.cost, Call(0, "trace", only.tree.args))
    if len(factors) != 2 or len(factors[0].labels) != 2 or any(f.over for f in factors):
        return None
    a, b = (f.operand for f in sorted(factors, key=lambda f: (_is_increment(f, factors), by_name(f.operand.best.tree))))
    s, t = a.order
    crossed = min((a.at((s, t)).cost + b.at((t, s)).cost, (s, t)), (a.at((t, s)).cost + b.at((s, t)).cost, (t, s)))
    level = min(a.at(o).cost + b.at(o).cost for o in ((s, t), (t, s)))
    if crossed[0] > level:
        return None
    order = crossed[1]
    return Form(crossed[0], Call(0, "trace", (chain(2, (a.at(order).tree, b.at(order[::-1]).tree)),)))


def _is_increment(factor: Factor, factors: list[Factor]) -> bool:
    """Whether it is the dX of an X that stands in another factor: it stands last, as in d log det X = tr(inv(X) dX)."""
    kind, name = by_name(factor.operand.best.tree)
    return not kind and name.startswith("d") and any(_stands_in(name[1:], f.operand.best.tree) for f in factors if f is not factor)


def _stands_in(name: str, tree: Tree) -> bool:
    """Whether a name is among the first hundred parts of a formula."""
    waiting = [tree]
    for part in waiting:
        if by_name(part) == (0, name):
            return True
        waiting += part.parts[: 100 - len(waiting)] if len(waiting) < 100 else ()
    return False


def _sum(factors: list[Factor]) -> Form:
    cost, tree = merged(factors).best
    return Form(cost, Call(0, "sum", (tree.arg if isinstance(tree, Transpose) else tree,)))
