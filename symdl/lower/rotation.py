"""Sums over samples that do not change when the samples are rotated: the graph with rotated data instead.

Least squares sees its data through inner products over the samples alone: Sum_n (X w - y)_n^2 is the same for Q X and Q y, Q orthogonal. So the
sample axis may be turned until all but the first few rows of the data are zero (their QR factorisation, Golub 1965, "Numerical methods for solving
linear least squares problems"), and those few rows are all that a descent needs. Unlike the normal equations this squares no condition number.

What must hold: everything that depends on parameters is *linear in columns of data* along the samples (``_Rotation.linear``), and is summed over
them in pairs. A weight among three factors goes into one of them: Sum_n s_n a_n b_n = Sum_n (s a)_n b_n. A term without samples stands beside a column of ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Union

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.labels import is_fixed
from symdl.graph.node import Node, Size
from symdl.graph.rebuild import placed, rebuild
from symdl.graph.walk import depends_on, topological

#: A column of data: a node without parameters, None for ones; and which of its axes counts samples.
Column = tuple[Union[Node, None], int]

#: What stands for a column after the rotation: a term with the sample axis where it was.
Turned = Callable[[Column], Node]


class NotLinearError(Exception):
    """The samples cannot be rotated: some expression is not linear in data along them."""


class _Asked(NamedTuple):
    """A form of a node that is wanted: its rows rotated, or (``total``) summed over the samples; each sample times a weight, if there is one."""

    node: Node
    weight: Column | None = None
    total: bool = False


def rotated(roots: Sequence[Term], size: Size, parameters: Iterable[Node], turned: Turned, rows: Size) -> list[Term]:
    """The roots with every column of data along the samples replaced.

    Parameters
    ----------
    roots : sequence of Term
        Without the sample size on their axes.
    size : Size
        What counts the samples. No parameter has an axis of this size.
    parameters : iterable of Node
        Inputs that are not data.
    turned : callable
        Column -> the node that stands for it, its sample axis of the size ``rows``.
    rows : Size

    Raises
    ------
    NotLinearError
        When the value could change.
    """
    return _Rotation(roots, size, parameters, turned, rows).made(roots)


class _Rotation:
    def __init__(self, roots: Sequence[Term], size: Size, parameters: Iterable[Node], turned: Turned, rows: Size) -> None:
        self._size, self._turned, self._rows = size, turned, rows
        self._order = topological(t.node for t in roots)
        self._moving = depends_on(self._order, parameters)
        self._linear: set[Node] = set()
        for node in self._order:
            if node in self._moving and self.linear(node):
                self._linear.add(node)
        self._built: dict[_Asked, Term] = {}

    def made(self, roots: Sequence[Term]) -> list[Term]:
        """The new roots."""
        if any(self._axes(t.node) for t in roots):
            raise NotLinearError
        stack = [_Asked(t.node) for t in roots if t.node in self._moving]
        while stack:
            asked = stack[-1]
            missing = None if asked in self._built else self._try(asked)
            if missing is None:
                stack.pop()
            else:
                stack.append(missing)
        return [placed(self._built[_Asked(t.node)], t.map) if t.node in self._moving else t for t in roots]

    def _try(self, asked: _Asked) -> _Asked | None:
        """Build it; or say what must be built first."""
        try:
            self._built[asked] = self._form(asked)
        except _MissingError as missing:
            return missing.asked
        return None

    # --- what can be rotated ----------------------------------------------------------------------------------

    def _axes(self, node: Node) -> list[int]:
        return [k for k, n in enumerate(node.shape) if n == self._size]

    def linear(self, node: Node) -> bool:
        """Whether every sample's row of the node is the same linear map of that sample's row of data."""
        axes = self._axes(node)
        if len(axes) != 1:
            return False
        if node.op in (kinds.ADD, kinds.LET):
            return all(not self._axes(a) or a not in self._moving or a in self._linear for a in node.args)
        if node.op != kinds.MUL:
            return False
        with_axis = [a for a, m in node.terms() if axes[0] in m and a in self._moving]
        touched = any(axes[0] in d for d in node.attr.deltas)
        return not touched and len(with_axis) <= 1 and all(a in self._linear for a in with_axis)

    # --- forms ------------------------------------------------------------------------------------------------

    def _form(self, asked: _Asked) -> Term:
        """The node in this form, in the labels of its own indices; a weight's further axes have the labels ("w", axis)."""
        node = asked.node
        if any(n == self._size and is_fixed(e) for a, m in node.terms() for e, n in zip(m, a.shape, strict=True)):
            raise NotLinearError
        if not self._axes(node):
            return self._without_samples(node)
        (axis,) = self._axes(node)[:1]
        if len(self._axes(node)) > 1 or (node not in self._linear and not asked.total):
            raise NotLinearError
        if node.op in (kinds.LET, kinds.ADD):
            return self._sum(node, asked, axis)
        if node.op == kinds.MUL or (node.op == kinds.POW and node.attr == 2):
            return self._product(node, asked, axis)
        raise NotLinearError

    def _without_samples(self, node: Node) -> Term:
        if node.op == kinds.INPUT:
            return Term(node, tuple(range(node.rank)))
        if node.op == kinds.MUL:
            return self._product(node, _Asked(node), None)
        if any(n == self._size for n in node.sizes()) or (node.op == kinds.RECUR and any(n == self._size for s in node.attr.shapes for n in s)):
            raise NotLinearError
        args = [self._plain(Term(a, m)) for a, m in node.terms()]
        if node.op == kinds.ADD:
            return build.add(node.attr, args)
        if node.op == kinds.MATRIX and args[0] != Term(node.args[0], node.maps[0]):
            inner = build.let("inside", args[0], (0, 1), node.args[0].shape)
            return build.matrix(node.attr, inner)
        return rebuild(node, args)

    def _sum(self, node: Node, asked: _Asked, axis: int) -> Term:
        """Of a sum (or a name) each addend: those without samples stand beside ones, or beside the weight."""
        coefs = list(node.attr) if node.op == kinds.ADD else [1]
        parts = []
        for arg, entries in node.terms():
            term = Term(arg, entries)
            if axis in entries:
                parts.append(self._wanted(term, asked, axis))
            elif asked.total:
                whole = build.constant(self._size) if asked.weight is None else self._fixed_sum([self._weighting(asked.weight, axis)], axis)
                parts.append(build.mul(1, [self._plain(term), whole]))
            else:
                parts.append(build.mul(1, [self._plain(term), self._column([self._weighting(asked.weight, axis)] if asked.weight else [], axis)]))
        made = build.add(coefs, parts)
        if node.op == kinds.LET and asked.weight is None and not asked.total:
            shape = tuple(self._rows if k == axis else n for k, n in enumerate(node.shape))
            made = build.let(node.attr.name, made, tuple(range(node.rank)), shape, node.attr.role)
        return made

    def _wanted(self, term: Term, asked: _Asked, axis: int) -> Term:
        """An argument in the form in which its user is asked for."""
        weights = [self._weighting(asked.weight, axis)] if asked.weight else []
        if term.node not in self._moving:
            return self._fixed_sum([term, *weights], axis) if asked.total else self._column([term, *weights], axis)
        if asked.total and term.node in self._linear:
            return build.mul(1, [self._ask(term, axis, []), self._column(weights, axis)], (), {axis: self._rows})
        return self._ask(term, axis, weights, asked.total)

    def _product(self, node: Node, asked: _Asked, own: int | None) -> Term:
        """Of a product: along every sample index at most one factor with parameters, or two where it is summed over."""
        summed: dict[Any, Size]
        if node.op == kinds.POW:
            terms, deltas, summed, coef = [Term(node.args[0], node.maps[0])] * 2, [], {}, 1
        else:
            terms = [t for a, m in node.terms() for t in self._unsquared(Term(a, m), range(node.rank, len(node.sizes())))]
            sizes = node.sizes()
            deltas = [build.Delta(a, b, sizes[a]) for a, b in node.attr.deltas]
            summed, coef = dict(enumerate(node.attr.summed, start=node.rank)), node.attr.coef
        if any(d.size == self._size for d in deltas):
            raise NotLinearError
        if asked.total and own is not None:
            summed[own] = self._size
        weights = [self._weighting(asked.weight, own)] if asked.weight else []
        along = [k for k, n in summed.items() if n == self._size] + ([own] if own is not None and own not in summed else [])
        factors = [self._plain(t) for t in terms if not any(k in t.map for k in along)]
        for k in along:
            here = [t for t in terms if k in t.map]
            if any(e in along and e != k for t in here for e in t.map) or any(t.map.count(k) > 1 for t in here):
                raise NotLinearError
            moving = [t for t in here if t.node in self._moving]
            data = [t for t in here if t.node not in self._moving] + (weights if k == own else [])
            factors += self._along(k, moving, data, k in summed)
            if k in summed:
                alone = not moving or (len(moving) == 1 and moving[0].node not in self._linear)
                if alone:
                    del summed[k]
                else:
                    summed[k] = self._rows
        return build.mul(coef, factors, deltas, summed)

    def _along(self, k: Any, moving: list[Term], data: list[Term], summed: bool) -> list[Term]:
        """The factors along one sample index."""
        if not moving:
            return [self._fixed_sum(data, k) if summed else self._column(data, k)]
        if not summed:
            if len(moving) > 1:
                raise NotLinearError
            return [self._ask(moving[0], k, data)]
        if len(moving) == 1:
            if moving[0].node not in self._linear:
                return [self._ask(moving[0], k, data, True)]
            return [self._ask(moving[0], k, []), self._column(data, k)]
        if len(moving) > 2:
            raise NotLinearError
        return [self._ask(moving[0], k, []), self._ask(moving[1], k, data)]

    def _unsquared(self, term: Term, over: Iterable[int]) -> list[Term]:
        """A square that is summed over the samples counts as two factors."""
        if term.node.op == kinds.POW and term.node.attr == 2 and self._axes(term.node) and any(k in term.map for k in over):
            return [Term(term.node.args[0], tuple(e if is_fixed(e) else term.map[e] for e in term.node.maps[0]))] * 2
        return [term]

    # --- parts ------------------------------------------------------------------------------------------------

    def _ask(self, term: Term, k: Any, data: Sequence[Term], total: bool = False) -> Term:
        """A factor with parameters, along label k, each sample times the data."""
        if not self._axes(term.node):
            raise NotLinearError
        labels: dict[Any, Any] = dict(enumerate(term.map))
        weight: Column | None = None
        if data:
            product = build.mul(1, data)
            weight = self._as_column(product, k)
            labels |= {("w", axis): e for axis, e in enumerate(product.map) if e != k}
        asked = _Asked(term.node, weight, total)
        if asked not in self._built:
            raise _MissingError(asked)
        return build.rename(self._built[asked], labels)

    def _plain(self, term: Term) -> Term:
        if term.node not in self._moving:
            if self._axes(term.node):
                raise NotLinearError
            return term
        asked = _Asked(term.node)
        if asked not in self._built:
            raise _MissingError(asked)
        return placed(self._built[asked], term.map)

    def _weighting(self, weight: Column | None, k: Any) -> Term:
        """A weight as a factor: the samples at label k, further axes at ("w", axis)."""
        assert weight is not None and weight[0] is not None
        return Term(weight[0], tuple(k if axis == weight[1] else ("w", axis) for axis in range(weight[0].rank)))

    def _column(self, data: Sequence[Term], k: Any) -> Term:
        """The product of data as one rotated column; ones when there is none."""
        if not data:
            return Term(self._turned((None, 0)), (k,))
        product = build.mul(1, data)
        return Term(self._turned(self._as_column(product, k)), product.map)

    def _as_column(self, product: Term, k: Any) -> Column:
        if list(product.map).count(k) != 1 or len(self._axes(product.node)) != 1:
            raise NotLinearError
        return product.node, product.map.index(k)

    def _fixed_sum(self, data: Sequence[Term], k: Any) -> Term:
        """Data alone, summed over the samples: once, and as it is."""
        return build.mul(1, data, (), {k: self._size})


class _MissingError(Exception):
    def __init__(self, asked: _Asked) -> None:
        super().__init__()
        self.asked = asked


__all__ = ["Column", "NotLinearError", "rotated"]
