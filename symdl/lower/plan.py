"""From nodes to a program: one rule for each kind of node."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from symdl.errors import NameError_, UnsupportedError
from symdl.expr.dims import show_shape
from symdl.graph import node as kinds
from symdl.graph.build import Delta, Term, sum_out_deltas
from symdl.graph.labels import is_fixed
from symdl.graph.node import Node
from symdl.graph.static import scaled, static_nodes, static_values
from symdl.graph.walk import consumers, inputs, topological
from symdl.graph.windows import equation_of, is_equation, split_equation
from symdl.lower.both_ways import apart
from symdl.lower.chains import chained
from symdl.lower.common import together
from symdl.lower.contract import Factor, contract
from symdl.lower.emit import Emitter, long_last
from symdl.lower.gathers import Equation, Known, solve
from symdl.lower.gram import halved
from symdl.lower.index_parts import Parts, liking, put_together
from symdl.lower.lookups import Row, added, lookup_of, taken
from symdl.lower.machine import REST
from symdl.lower.placed_late import placed_late
from symdl.lower.products_kept import products_kept
from symdl.lower.program import Output, Program, Ref, Table, without_dead_code
from symdl.lower.scan import emit_scan
from symdl.lower.sizes import Values
from symdl.lower.special import FUNCTIONS, emit_rest
from symdl.lower.stabilise import stabilised


class Wanted(NamedTuple):
    """A result: a node, the entry on each of its axes (axis of the result, or ``~c``), and the result's shape."""

    node: Node
    map: tuple[int, ...]
    shape: tuple[Any, ...]


def lower(wanted: Sequence[Wanted], sizes: Mapping[Any, int], names: Sequence[Node], dtype: str = "float64") -> Program:
    """The program that computes the wanted results.

    Parameters
    ----------
    wanted : sequence of Wanted
        Already stabilised.
    sizes : mapping
        Size symbol -> value.
    names : sequence of Node
        The inputs, in the order in which the program takes them.
    dtype : str
        Of the program's tensors.
    """
    order = topological(w.node for w in wanted)
    planner = _Planner(Values(sizes, (n.attr.length for n in order if n.op == kinds.RECUR)), dtype)
    cheap = [Term(w.node, w.map) for w in wanted]
    for cheaper in (products_kept, together, placed_late, chained, apart, halved):
        cheap = cheaper(cheap, planner.size)
    wanted = [Wanted(t.node, t.map, w.shape) for t, w in zip(cheap, wanted, strict=True)]
    order = topological(w.node for w in wanted)
    for node in names:
        planner.input(node)
    planner.walk(order, wanted)
    results = [planner.result(w) for w in wanted]
    code, new = without_dead_code(planner.out.code, [r.value for r in results], len(names))
    outputs = tuple(Output(new[r.value] if isinstance(r.value, Ref) else r.value, r.shape) for r in results)
    return Program(tuple((str(n.name), planner.sizes(n)) for n in names), tuple(code), outputs, dtype)


def input_nodes(roots: Sequence[Node]) -> list[Node]:
    """The inputs under the roots; NameError_ when one name stands for tensors of different shapes."""
    found: dict[str, Node] = {}
    for node in inputs(roots):
        name = str(node.name)
        if name in found and found[name].shape != node.shape:
            raise NameError_(f"{name} stands for two tensors, of shapes {show_shape(found[name].shape)} and {show_shape(node.shape)}: rename one")
        found.setdefault(name, node)
    return list(found.values())


#: Numbers in a table made at planning time.
MAX_TABLE = 20_000_000


class _Planner:
    def __init__(self, values: Values, dtype: str) -> None:
        self.out = Emitter()
        self._dtype = dtype
        self._values = values
        self._of: dict[Node, Factor] = {}
        self._by_name: dict[str, Factor] = {}
        self._uses: dict[Node, list[tuple[Node, int]]] = {}
        self._wishes: dict[Node, tuple[int, ...]] = {}

    def size(self, size: Any) -> int:
        return self._values.size(size)

    def sizes(self, node: Node) -> tuple[int, ...]:
        return tuple(self._values.size(s) for s in node.shape)

    def input(self, node: Node) -> None:
        shape = self.sizes(node)
        self._by_name[str(node.name)] = Factor(self.out.emit("input", (), (str(node.name),), shape), tuple(range(len(shape))))

    def walk(self, order: list[Node], wanted: Sequence[Wanted]) -> None:
        """Give every node its value."""
        self._uses = consumers(order)
        for w in wanted:
            if len(set(w.map)) == len(w.map) == len(w.shape):
                self._wishes.setdefault(w.node, tuple(sorted(range(len(w.map)), key=w.map.__getitem__)))
        static = static_nodes(order)
        for node in order:
            if node in static:
                continue  # made only where it is asked for: most are equations, and those are solved
            rule = _RULES.get(node.op)
            if rule is None:
                raise UnsupportedError(f"a node of kind {node.op!r} cannot be computed: it stands in derivations only")
            self._of[node] = rule(self, node)

    def result(self, wanted: Wanted) -> Output:
        """The value on the axes of the result."""
        factor = self._placed(wanted.node, wanted.map)
        shape = tuple(self._values.size(s) for s in wanted.shape)
        return Output(self.out.spread(factor, tuple(range(len(shape))), shape), shape)

    # --- arguments ----------------------------------------------------------------------------------------------

    def _placed(self, node: Node, entries: Sequence[int]) -> Factor:
        """The value of a node with these indices on the node's axes."""
        if node not in self._of:
            self._of[node] = self._table(node)
        known = self._of[node]
        if not known.axes:
            return known
        return self.out.selected(Factor(known.value, tuple(entries[a] for a in known.axes)))

    def _table(self, node: Node) -> Factor:
        """What depends on positions only: numbers known now."""
        shape = self.sizes(node)
        if math.prod(shape) > MAX_TABLE:
            raise UnsupportedError(f"a table of {show_shape(shape)} positions would not fit: use slices and windows, whose equations are solved")
        order = topological([node])
        found = static_values(order, self._values.size, self._values.real)
        if node in found:
            return self.out.numbers(found[node].astype(float), range(node.rank))
        for inner in order:  # numbers that are not whole: computed as anything else
            if inner not in self._of:
                self._of[inner] = self._position(inner) if inner.op == kinds.POSITION else _RULES[inner.op](self, inner)
        return self._of[node]

    def _position(self, node: Node) -> Factor:
        return Factor(self.out.emit("table", (), Table(np.arange(float(self.sizes(node)[0]))), self.sizes(node)), (0,))

    def _equation(self, term: Term, place: Mapping[int, int]) -> Equation | None:
        """An index equation in the node's indices; None when the index depends on data."""
        placed = Term(term.node, tuple(place.get(e, e) for e in term.map))
        found = equation_of(placed)
        known: list[Known] = []
        if found is None:
            found, others = split_equation(placed)
            for coef, other in others:
                values = static_values(topological([other.node]), self._values.size, self._values.real).get(other.node)
                values = None if values is None else scaled(values, self._values.real(coef))
                if values is None or any(is_fixed(e) for e in other.map) or len(set(other.map)) < len(other.map):
                    return None
                known.append(Known(values, other.map))
        coefs: dict[Any, int] = {k: round(self._values.real(c)) for k, c in found.coefs.items()}
        return Equation(coefs, round(self._values.real(found.offset)), tuple(known))

    def _args(self, node: Node) -> list[Factor]:
        return [self._placed(a, m) for a, m in node.terms()]

    def _index_sizes(self, node: Node) -> dict[int, int]:
        return {k: self._values.size(s) for k, s in enumerate(node.sizes())}

    def _wish(self, node: Node) -> tuple[int, ...]:
        """The order of axes that suits who uses the node: a result's, or that of what it is combined with elementwise."""
        if node in self._wishes or node.rank < 2:
            return self._wishes.get(node, ())
        for user, position in self._uses.get(node, ()):
            if user.op not in (kinds.ADD, kinds.MUL) or (user.op == kinds.MUL and user.attr.summed):
                continue
            own = user.maps[position]
            for p, (other, entries) in enumerate(user.terms()):
                known = self._of.get(other)
                if p != position and known is not None and set(own) == {entries[a] for a in known.axes} and min(own) >= 0:
                    return tuple(own.index(entries[a]) for a in known.axes)
        return ()

    # --- rules --------------------------------------------------------------------------------------------------

    def _input(self, node: Node) -> Factor:
        return self._by_name[str(node.name)]

    def _const(self, node: Node) -> Factor:
        return Factor(self._values.real(node.attr), ())

    def _let(self, node: Node) -> Factor:
        return self._placed(node.args[0], node.maps[0])

    def _add(self, node: Node) -> Factor:
        offset = 0.0
        terms: list[tuple[float, Factor]] = []
        for coef, factor in zip(node.attr, self._args(node), strict=True):
            weight = self._values.real(coef)
            if isinstance(factor.value, Ref):
                terms.append((weight, factor))
            else:
                offset += weight * factor.value
        if not terms:
            return Factor(offset, ())
        if all(not f.axes for _, f in terms):
            refs = tuple(f.value for _, f in terms)
            return Factor(self.out.emit("linear", refs, (tuple(w for w, _ in terms), offset)), ())
        terms = [t for t in terms if t[0] != 0.0]
        known = self.out.table(terms[0][1].value) if len(terms) == 1 else None
        if known is not None:
            return self.out.numbers(terms[0][0] * known + offset, terms[0][1].axes)
        return self.out.total(terms, offset, self._index_sizes(node))

    def _pow(self, node: Node) -> Factor:
        (base,) = self._args(node)
        exponent = self._values.real(node.attr)
        if not base.axes:
            return Factor(self.out.emit("pow", (base.value,), exponent), ())
        return self._power(base, exponent, self._index_sizes(node))

    def _power(self, base: Factor, exponent: float, sizes: Mapping[int, int]) -> Factor:
        """Small powers by multiplication, which is faster than ``numpy.power`` and as accurate."""
        out = self.out
        if exponent < 0:
            return out.binary("divide", Factor(1.0, ()), self._power(base, -exponent, sizes), sizes)
        if exponent == 0.5:
            return out.unary("sqrt", base)
        if exponent == 1.0:
            return base
        if exponent == 2.0:
            return out.unary("square", base)
        if exponent in (3.0, 4.0):
            square = out.unary("square", base)
            return out.unary("square", square) if exponent == 4.0 else out.binary("multiply", square, base, sizes)
        return out.binary("power", base, Factor(exponent, ()), sizes)

    def _fn(self, node: Node) -> Factor:
        args = self._args(node)
        if all(not f.axes for f in args):
            return Factor(self.out.emit("call", tuple(f.value for f in args), node.attr), ())
        sizes = self._index_sizes(node)
        special = FUNCTIONS.get(node.attr)
        if special is not None:
            return special(self.out, *args, sizes)
        if node.attr == "pow":
            return self.out.binary("power", args[0], args[1], sizes)
        axes = max((f.axes for f in args), key=len)
        axes = (*axes, *dict.fromkeys(i for f in args for i in f.axes if i not in axes))
        values = tuple(self.out.aligned(f, axes) for f in args)
        return Factor(self.out.emit("call", values, node.attr, tuple(sizes[i] for i in axes)), axes)

    def _mul(self, node: Node) -> Factor:
        coef = self._values.real(node.attr.coef)
        if not node.attr.summed and not node.attr.deltas:
            above, below = self._quotient(node)
            return self.out.times(above, self._index_sizes(node), coef, below)
        sizes = self._index_sizes(node)
        terms = [Term(a, m) for a, m in node.terms()]
        summed: dict[Any, Any] = dict(enumerate(node.attr.summed, start=node.rank))
        deltas = [Delta(a, b, sizes[a]) for a, b in node.attr.deltas]
        if any(e >= node.rank for d in node.attr.deltas for e in d):
            reduced = sum_out_deltas(terms, deltas, summed)
            if reduced is None:
                return Factor(0.0, ())
            terms, deltas = reduced
        place = _representatives(node.rank, [(d.a, d.b) for d in deltas])
        if place is None:
            return Factor(0.0, ())
        equations = {k: e for k, t in enumerate(terms) if is_equation(t) and (e := self._equation(t, place)) is not None}
        rows = {k: r for k, t in enumerate(terms) if is_equation(t) and k not in equations and (r := self._row(t, place)) is not None}
        factors = [f for k, t in enumerate(terms) if k not in equations and k not in rows for f in self._unsquared(t, place)]
        factors, last = self._looked_up(factors, [(r, terms[k]) for k, r in rows.items()], list(equations.values()), place, summed, sizes)
        factors, wholes = solve(self.out, list(equations.values()), factors, summed, range(node.rank), sizes)
        core = self._contraction(node, factors, {k: n for k, n in summed.items() if last is None or k not in last.at.axes}, coef, sizes, wholes)
        core = put_together(self.out, core, wholes, sizes)
        if last is not None:
            core = added(self.out, core, last, sizes)
        return self._on_diagonal(node, core, place, sizes) if deltas else core

    def _row(self, term: Term, place: Mapping[int, int]) -> Row | None:
        """The row that an equation in data looks up."""
        found = lookup_of(Term(term.node, tuple(place.get(e, e) for e in term.map)))
        if found is None or any(is_fixed(e) for _, t in found.parts for e in t.map):
            return None
        parts = [(self._values.real(c), self._placed(t.node, t.map)) for c, t in found.parts]
        offset = sum(w * f.value for w, f in parts if not isinstance(f.value, Ref))
        terms = [(w, f) for w, f in parts if isinstance(f.value, Ref)]
        if not terms or any(not f.axes for _, f in terms):
            return None
        sizes = {k: n for (_, t), (_, f) in zip(found.parts, parts, strict=True) for k, n in zip(t.map, self.sizes(t.node), strict=True) if f.axes}
        return Row(found.q, self.out.total(terms, float(offset), sizes))

    def _looked_up(
        self,
        factors: list[Factor],
        rows: Sequence[tuple[Row, Term]],
        equations: Sequence[Equation],
        place: Mapping[int, int],
        summed: dict[int, Any],
        sizes: Mapping[int, int],
    ) -> tuple[list[Factor], Row | None]:
        """The factors with rows looked up, and the equation whose position is free, if there is one; what is neither is multiplied in."""
        last: Row | None = None
        waiting = sorted(rows, key=lambda pair: pair[0].q not in summed)
        solved = {k for e in equations for k in e.axes}
        while waiting:
            (row, term), *waiting = waiting
            # An index that another equation speaks of cannot go.
            busy = solved | {k for r, _ in waiting for k in (r.q, *r.at.axes)}
            found = taken(self.out, factors, row, sizes) if row.q in summed and row.q not in busy else None
            alone = row.q not in summed and row.q not in busy and not any(row.q in f.axes for f in factors)
            if found is not None:
                factors = found
                summed.pop(row.q)
            elif alone and last is None and all(k in summed and k not in solved for k in row.at.axes):
                last = row
            else:
                factors = [*factors, *self._unsquared(term, place)]
        return factors, last

    def _quotient(self, node: Node) -> tuple[list[Factor], list[Factor]]:
        """Factors above and below the line: a reciprocal that only this product uses is divided by."""
        above: list[Factor] = []
        below: list[Factor] = []
        for arg, entries in node.terms():
            if arg.op == kinds.POW and arg.attr == -1 and len(self._uses[arg]) == 1:
                below.append(self._placed(*_below(arg, entries)))
            else:
                above.append(self._placed(arg, entries))
        return above, below

    def _contraction(
        self, node: Node, factors: list[Factor], summed: dict[int, Any], coef: float, sizes: dict[int, int], wholes: Mapping[int, Parts]
    ) -> Factor:
        used = {i for f in factors for i in f.axes}
        for index in summed:
            if index not in used:
                coef *= sizes[index]
        tensors = [f for f in factors if f.axes]
        scalars = [f for f in factors if not f.axes]
        if tensors:
            over = frozenset(i for i in summed if i in used)
            order = [p for i in self._wish(node) for p in (wholes[i].indices if i in wholes else (i,))]
            scalars.append(contract(self.out, tensors, over, sizes, liking(order, wholes, sizes)))
        return self.out.times(scalars, sizes, coef)

    def _on_diagonal(self, node: Node, core: Factor, place: Mapping[int, int], sizes: Mapping[int, int]) -> Factor:
        """Deltas of the node's own indices: the product stands on the diagonal of zeros."""
        wish = self._wish(node)
        order = wish if len(wish) == node.rank else long_last(tuple(range(node.rank)), sizes)
        axes = tuple(dict.fromkeys(place[i] for i in order if place[i] >= 0))
        entries = tuple(axes.index(place[i]) if place[i] >= 0 else place[i] for i in order)
        full = tuple(sizes[i] for i in order)
        if not isinstance(core.value, Ref) and math.prod(full) <= MAX_TABLE:
            return Factor(self.out.emit("table", (), Table.diagonal(core.value, entries, full), full), order)
        diagonal = self.out.spread(core, axes, tuple(sizes[i] for i in axes))
        return Factor(self.out.emit("scatter", (diagonal,), entries, full), order)

    def _unsquared(self, term: Term, place: Mapping[int, int]) -> list[Factor]:
        """A square counts as two factors, so that a sum of squares is an inner product."""
        entries = tuple(place.get(e, e) for e in term.map)
        if term.node.op == kinds.POW and term.node.attr == 2:
            return [self._placed(*_below(term.node, entries))] * 2
        return [self._placed(term.node, entries)]

    def _reduce(self, node: Node) -> Factor:
        """max, and what is made of a sum of exponentials with the maximum taken out."""
        out = self.out
        (z,) = self._args(node)
        sizes = self._index_sizes(node)
        gone = tuple(axis for axis, i in enumerate(z.axes) if i >= node.rank)
        kept = tuple(i for i in z.axes if i < node.rank)
        shape = tuple(sizes[i] for i in kept)
        top = Factor(out.emit("amax", (z.value,), gone, shape), kept)
        if node.attr.kind == "max":
            return top
        rest = emit_rest(out, z, top, node.rank, sizes)
        if node.attr.kind == REST:
            return rest
        if not kept:
            log = Factor(out.emit("call", (rest.value,), "log1p"), ())
            return Factor(out.emit("linear", (log.value, top.value), ((1.0, 1.0), 0.0)), ())
        return out.binary("add", out.unary("log1p", rest), top, sizes)

    def _matrix(self, node: Node) -> Factor:
        inner = self._placed(node.args[0], (0, 1))
        shape = tuple(self._values.size(s) for s in node.args[0].shape)
        value = self.out.spread(inner, (0, 1), shape)
        result = shape if node.attr == "inv" else ()
        return Factor(self.out.emit(node.attr, (value,), None, result), (0, 1) if node.attr == "inv" else ())

    def _recurrence(self, node: Node) -> Factor:
        return emit_scan(self.out, node, self._args(node), self._values.size, partial(_step_program, self._values, self._dtype))


def _step_program(values: Values, dtype: str, bodies: Sequence[Term], shapes: Sequence[tuple[Any, ...]], names: Sequence[Node]) -> Program:
    """The program of one step of a recurrence."""
    wanted = [Wanted(t.node, t.map, shape) for t, shape in zip(stabilised(bodies), shapes, strict=True)]
    return lower(wanted, values.sizes, names, dtype)


def _below(power: Node, entries: Sequence[int]) -> tuple[Node, tuple[int, ...]]:
    """The base of a power, with the indices that stand on its axes."""
    return power.args[0], tuple(entries[k] if k >= 0 else k for k in power.maps[0])


def _representatives(rank: int, deltas: Sequence[tuple[int, int]]) -> dict[int, int] | None:
    """Index -> what the deltas make it equal to (an index or a fixed position); None when they contradict."""
    place = {i: i for i in range(rank)}
    for a, b in deltas:
        x, y = (place[e] if e >= 0 else e for e in (a, b))
        if x == y:
            continue
        if x < 0 and y < 0:
            return None
        old, new = (x, y) if y < 0 or y < x else (y, x)
        if old < 0:
            old, new = new, old
        place = {i: new if p == old else p for i, p in place.items()}
    return place


_RULES: dict[str, Callable[[_Planner, Node], Factor]] = {
    kinds.INPUT: _Planner._input,
    kinds.CONST: _Planner._const,
    kinds.LET: _Planner._let,
    kinds.ADD: _Planner._add,
    kinds.MUL: _Planner._mul,
    kinds.POW: _Planner._pow,
    kinds.FN: _Planner._fn,
    kinds.REDUCE: _Planner._reduce,
    kinds.MATRIX: _Planner._matrix,
    kinds.RECUR: _Planner._recurrence,
}
