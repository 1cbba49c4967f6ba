"""The outline of a derivation: what is shown, row by row, before anybody asks in which language or notation.

Only reads: every row is a step (or the end of several steps) that the differentiator took.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from symdl.errors import UnsupportedError
from symdl.expr.structured import RULE_NAMES, over_independent
from symdl.expr.tensor import Expr, tensor
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node, intern
from symdl.graph.walk import topological
from symdl.render.formula import Printer
from symdl.render.groups import REPEAT_LIMIT, Group, groups_of, is_long, is_sum, passes
from symdl.render.long_products import LongProducts
from symdl.render.reading import Reading, Symbol
from symdl.render.recurrences import Recurrences, rows
from symdl.steps.step import Derivation, Line, Rule, Step

_STRUCTURE_OF = {name: structure for structure, name in RULE_NAMES.items()}


@dataclass(frozen=True)
class Row:
    """``= rhs`` by ``rules``. Elements: all axes have their letters."""

    rhs: Expr
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Block:
    """A chain of equalities that starts with ``lhs``.

    Attributes
    ----------
    lhs : tuple of Expr
        One quantity, by one or two names: the error term and the derivative that it is.
    rows : tuple of Row
    matrix : tuple or None
        The left side and the last right side as whole tensors, for matrix notation.
    """

    lhs: tuple[Expr, ...]
    rows: tuple[Row, ...]
    matrix: tuple[Expr, Expr] | None = None


@dataclass
class Outline:
    """What is given, the backward pass, and the gradients."""

    loss: Expr
    wrt: tuple[Expr, ...]
    printer: Printer
    given: list[Block] = field(default_factory=list)
    backward: list[Block] = field(default_factory=list)
    gradients: list[Block] = field(default_factory=list)


def outline(d: Derivation, detail: str = "named") -> Outline:
    """The rows of a derivation.

    Parameters
    ----------
    d : Derivation
    detail : {"named", "all"}
        "named": what passes a nameless result unchanged is told by its rule only. "all": every step.
    """
    if detail not in ("named", "all"):
        raise UnsupportedError(f"detail={detail!r:.30}: choose 'named' or 'all'")
    return _Writer(d, detail == "all").write()


class _Writer:
    def __init__(self, d: Derivation, every: bool) -> None:
        self._d, self._every = d, every
        self._groups = [(line, groups_of(line)) for line in d.lines]
        extra = self._extra_names()
        self._line_of = {line.node: line for line in d.lines}
        adjoints = self._named_adjoints()
        steps = [e.node for step in d.steps for e in (step.before, step.after)]
        self._recurrences = Recurrences([d.loss.node, *steps])
        names = {n: s for n, s in d.names.items() if n.op != kinds.INPUT} | adjoints | extra | self._recurrences.names
        taken = {*names.values(), *(str(n.name) for n in topological([d.loss.node]) if n.name)}
        roots = [d.loss.node, *(g.node for g in d.gradients.values()), *(e.node for e in d.wrt.values())]
        derivatives = self._derivatives(adjoints)
        self._products = LongProducts([*steps, *roots], {*names, *derivatives}, taken)
        names |= self._products.names
        self._error_terms = {v for v, line in self._line_of.items() if line.adjoint.node in adjoints and line.adjoint.node not in derivatives}
        self._reading = Reading(names, roots, d.wrt, derivatives)
        self._extra = list(extra)
        self._names = names

    def write(self) -> Outline:
        d, reading = self._d, self._reading
        made = Outline(reading.reference(d.loss.node), tuple(reading.reference(e.node) for e in d.wrt.values()), Printer(reading.letters))
        told = {*d.forward, *self._extra}
        named = [n for n in topological([d.loss.node]) if n in told]
        made.given = [*self._recurrences_in([d.loss.node]), *(self._definition(n) for n in named)]
        for line, groups in self._groups:
            made.backward += self._line(line, groups)
        made.gradients = [self._gradient(name, g) for name, g in d.gradients.items()]
        return made

    def _extra_names(self) -> dict[Node, str]:
        """Names u1, u2, ... for nameless results whose derivatives are written and that are too much to be repeated."""
        taken = set(self._d.names.values()) | {str(n.name) for n in topological([self._d.loss.node]) if n.name}
        found: dict[Node, str] = {}
        for line, groups in self._groups:
            for group in groups:
                v = group.node
                if v is line.node or v in self._d.names or v.op == kinds.INPUT:
                    continue
                if self._every or (not passes(group) and (is_sum(v) or is_long(v, self._d.names))):
                    found[v] = ""
        order = [n for n in topological([self._d.loss.node]) if n in found]
        free = (f"u{k}" for k in range(1, len(order) + len(taken) + 1) if f"u{k}" not in taken)
        return dict(zip(order, free, strict=False))

    def _named_adjoints(self) -> dict[Node, str]:
        """Every derivative with a name that a step mentions."""
        roots = [e.node for step in self._d.steps for e in (step.before, step.after)] + [line.adjoint.node for line in self._d.lines]
        return {n: str(n.name) for n in topological(roots) if n.op == kinds.LET and n.attr.role == "adjoint"}

    def _derivatives(self, adjoints: dict[Node, str]) -> dict[Node, Symbol]:
        """Derivatives that print as such: named ones that are no error terms, and long ones that were worked out before."""
        loss, named = self._d.loss.node, {name: n for n, name in adjoints.items()}
        forward = set(topological([loss]))
        found: dict[Node, Symbol] = {}
        for _, groups in self._groups:
            for group in groups:
                v, line = group.node, self._line_of.get(group.node)
                adjoint = line.adjoint.node if line else named.get(f"d{self._d.loss_name}_d{self._d.labels.get(v)}")
                if adjoint in adjoints and adjoint.rank == v.rank and not adjoints[adjoint].startswith("delta"):
                    # Of several nodes with one adjoint, the first on the way back gives the name.
                    found.setdefault(adjoint, Symbol(loss, v, tuple(range(v.rank))))
                if group.own and not passes(group):
                    total = group.own[-1].after
                    if (
                        total.node not in forward
                        and sorted(map(str, total.map)) == sorted(map(str, range(v.rank)))
                        and is_long(total.node, adjoints, REPEAT_LIMIT)
                    ):
                        found.setdefault(total.node, Symbol(loss, v, total.map))
        return found

    def _definition(self, node: Node) -> Block:
        whole, name = self._reading.definition(node), self._reading.reference(node)
        return Block((self._at(name),), (Row(self._at(whole)),), (name, whole))

    def _recurrences_in(self, roots: list[Node]) -> list[Block]:
        """Definitions of the recurrences that have not been told yet."""
        shown = self._reading.shown
        return [
            Block((self._at(shown(left)),), (Row(self._at(shown(right)), (rule,)),))
            for made in self._recurrences.new(roots)
            for left, right, rule in rows(made, self._names)
        ]

    def _line(self, line: Line, groups: list[Group]) -> list[Block]:
        blocks: list[Block] = []
        folded: list[Rule] = []
        for group in groups:
            last = group is groups[-1]
            if not self._every and not last and passes(group):
                folded += group.rules
                continue
            blocks += [self._local(step) for step in group.local] if self._every else []
            blocks += self._recurrences_in([s.after.node for s in group.own])
            blocks += [self._definition(piece) for piece in self._products.new(e.node for s in group.own for e in (s.before, s.after))]
            if group.own and group.own[-1].rule.name in _STRUCTURE_OF:
                blocks += self._restricted(group, folded, line)
                continue
            block = self._block(group, folded, line if group.node is line.node else None)
            blocks += [block] if block else []
            folded = []
        return blocks

    def _restricted(self, group: Group, folded: list[Rule], line: Line) -> list[Block]:
        """By a symmetric or diagonal matrix: G, the derivative as if all entries were independent, and what it makes over those that are."""
        *full, last = group.own
        v, symbol = group.node, self._reading.derivative(self._d.loss.node, group.node)
        first = self._block(Group(v, group.local, tuple(full)), folded, line)
        rows = [] if first else [Row(self._right(last.before, v), (last.rule,))]
        blocks = []
        if first is not None:
            taken = set(self._d.loss.inputs) | set(self._names.values())
            g = tensor(next(s for s in (f"G{k}" if k else "G" for k in itertools.count()) if s not in taken), *v.shape)
            blocks.append(Block((self._at(g),), first.rows, (g, first.matrix[1]) if first.matrix else None))
            said = over_independent(g.term, _STRUCTURE_OF[last.rule.name], 0, 1, v.shape[0])
            rows.append(Row(self._at(Expr(said, v.shape)), (last.rule,)))
        whole = self._reading.in_order(self._reading.shown(last.after, v), v)
        rows.append(Row(self._at(whole)))
        return [*blocks, Block((self._at(symbol),), _distinct(rows), (symbol, whole))]

    def _local(self, step: Step) -> Block:
        shown = self._reading.shown
        letters = self._letters(step.before)
        return Block((shown(step.before)[letters] if letters else shown(step.before),), (Row(self._with(shown(step.after), letters), (step.rule,)),))

    def _block(self, group: Group, folded: list[Rule], line: Line | None) -> Block | None:
        reading, v = self._reading, group.node
        steps = [s for s in group.own if s.before != s.after]
        if not steps:
            return None
        rows: list[Row] = []
        if not self._every and passes(group):
            rules = tuple(dict.fromkeys([*folded, *group.rules]))
            rows.append(Row(self._right(steps[-1].after, v), rules))
        else:
            before = self._right(self._with_derivatives(steps[0].before), v)
            if reading.derivative(self._d.loss.node, v).node not in topological([before.node]):
                # (A loss that uses v directly and otherwise: its local partial would read as the whole derivative.)
                rows.append(Row(before, (steps[0].rule,)))
            for k, step in enumerate(steps):
                rules = tuple(dict.fromkeys([*folded, *group.rules])) if k == 0 else (step.rule,)
                rows.append(Row(self._right(step.after, v), rules))
        symbol = reading.derivative(self._d.loss.node, v)
        left = [symbol]
        if v in self._error_terms:
            left.insert(0, self._error_term(v))
        whole = reading.in_order(reading.shown(steps[-1].after, v), v)
        return Block(tuple(self._at(e) for e in left), _distinct(rows), (left[0], whole) if line and whole.shape and left[0] != whole else None)

    def _error_term(self, v: Node) -> Expr:
        """delta of a node, in the node's reading order."""
        return self._reading.in_order(self._reading.shown(self._line_of[v].adjoint), v)

    def _with_derivatives(self, before: Expr) -> Expr:
        """Sum of dC/du * du/dv: where dC/du was worked out in a line of its own, it stands by that name."""
        node = before.node
        if node.op == kinds.ADD:
            args = tuple(self._by_name(a) for a in node.args)
            return Expr(Term(intern(node.op, args, node.maps, node.shape, node.attr), before.map), before.shape, before.open)
        return Expr(Term(self._by_name(node), before.map), before.shape, before.open)

    def _by_name(self, product: Node) -> Node:
        """A term adjoint of u * du/dv with dC/du in the adjoint's place."""
        found = [(a, m) for a, m in product.terms() if a.op == kinds.PARTIAL] if product.op == kinds.MUL else []
        if len(found) != 1 or found[0][0].args[0] not in self._line_of:
            return product
        entries, u = found[0][1], found[0][0].args[0]
        adjoint = self._line_of[u].adjoint.node
        if adjoint.op == kinds.LET or adjoint not in product.args:
            return product
        at = product.args.index(adjoint)
        symbol = build.partial(self._d.loss.node, u)
        args = (*product.args[:at], symbol, *product.args[at + 1 :])
        maps = (*product.maps[:at], entries[: u.rank], *product.maps[at + 1 :])
        return intern(product.op, args, maps, product.shape, product.attr)

    def _right(self, expr: Expr, v: Node) -> Expr:
        return self._at(self._reading.in_order(self._reading.shown(expr, v), v))

    def _gradient(self, name: str, gradient: Expr) -> Block:
        node = self._d.wrt[name].node
        symbol = self._reading.derivative(self._d.loss.node, node)
        whole = self._reading.in_order(self._reading.shown(gradient, node), node)
        return Block((self._at(symbol),), (Row(self._at(whole)),), (symbol, whole))

    def _at(self, expr: Expr) -> Expr:
        return self._reading.element(expr)

    def _letters(self, expr: Expr) -> tuple:
        return self._reading.letters(expr.shape)

    def _with(self, expr: Expr, letters: tuple) -> Expr:
        return expr[letters] if letters else expr


def _distinct(rows: list[Row]) -> tuple[Row, ...]:
    """Rows that say the same as the one before are joined with it."""
    kept: list[Row] = []
    for row in rows:
        if kept and kept[-1].rhs == row.rhs:
            kept[-1] = Row(row.rhs, tuple(dict.fromkeys([*kept[-1].rules, *row.rules])))
        else:
            kept.append(row)
    return tuple(kept)
