"""Proofs by induction over the steps of a recurrence, for every number of steps.

**Two recurrences are equal** when they start equal (base) and one step takes equal states to equal states (step): the step is proved for a
state of which nothing is known.

**Backpropagation through a recurrence.** Let s[l+1] = f(s[l], x[l]), let G be any adjoints of the states, and let a recurrence D run the other way.
If (base) D starts as G at the final state, and (step) D[l] = G[l] + d<D[l+1], f(s[l], x[l])>/ds[l] for states and adjoints of which nothing is known, then,
with a dot for the derivative in any direction,

    Sum over l of G[l] s'[l] = D[0] s'[0] + Sum over l of <D[l+1], df/dx x'[l]>,

since D[l] s'[l] = G[l] s'[l] + D[l+1] s'[l+1] - <D[l+1], df/dx x'[l]> telescopes. What is left to prove has no recurrence in it: the right side is the
derivative of <D[0], s[0]> + Sum over l of <D[l+1], f(s[l], x[l])> by v, the states and adjoints held fast (conclusion).

Nothing here differentiates: the step and the conclusion are claims of derivatives, decided by ``symdl.prove.claims``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from symdl.errors import UnsupportedError
from symdl.expr.tensor import Expr, of_node
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.graft import graft
from symdl.graph.labels import inner_terms
from symdl.graph.node import Node, Size
from symdl.graph.recurrence import System, argument_holes, own_axes, placeholder, system_of
from symdl.graph.steps import at_steps
from symdl.graph.walk import topological
from symdl.prove.stop import Clock
from symdl.steps.verdict import PROVED, Verdict

Prove = Callable[[Expr, Expr], Verdict]


def by_induction(lhs: Expr, rhs: Expr, clock: Clock, prove: Prove) -> Verdict | None:
    """PROVED by induction; None when that does not decide it.

    Parameters
    ----------
    lhs, rhs : Expr
    clock : Clock
    prove : callable
        Decides what is left, which has fewer recurrences in it.
    """
    nodes = topological([lhs.node, rhs.node])
    if not any(n.op == kinds.RECUR for n in nodes):
        return None
    lhs, rhs = _closed(lhs, {**lhs.open, **rhs.open}), _closed(rhs, {**lhs.open, **rhs.open})
    try:
        if any(n.op == kinds.PARTIAL and n.args[0].op == kinds.RECUR for n in nodes):
            return _through(lhs, rhs, clock, prove)
        return _equal(lhs, rhs, clock, prove)
    except UnsupportedError:
        return None  # a graph that cannot be rewritten is unrolled instead


def _closed(expr: Expr, letters: dict[Any, Size]) -> Expr:
    """The expression with axes for index letters, in front of its own."""
    if not letters:
        return expr
    order = sorted(letters, key=str)
    labels = {letter: k for k, letter in enumerate(order)} | {k: k + len(order) for k in range(expr.ndim)}
    return Expr(build.rename(expr.term, labels), (*(letters[s] for s in order), *expr.shape))


def systems_of(roots: Iterable[Node]) -> list[System]:
    """The recurrences under some nodes, what others need first."""
    return list(dict.fromkeys(system_of(n) for n in topological(roots) if n.op == kinds.RECUR))


def proved_together(parts: Sequence[tuple[str, Verdict]]) -> Verdict | None:
    if not all(v.proved for _, v in parts):
        return None
    told = "; ".join(f"{what}: {v.method}" for what, v in parts)
    return Verdict(PROVED, f"induction over the steps, for every number of them ({told})")


# --- states of which nothing is known ---------------------------------------------------------------------------------


class Held:
    """Parts of recurrences (of those in ``only``), each held fast as a tensor of which nothing is known; the state after a step of a recurrence that is
    ``followed`` is what the step makes of the state before it."""

    def __init__(self, followed: Iterable[System] = (), same: dict[System, System] | None = None, only: Iterable[System] | None = None) -> None:
        self._followed = set(followed)
        self._only = None if only is None else set(only)
        self._same = same or {}
        self._known: dict[tuple[System, int, str], Node] = {}
        self._shifts: dict[tuple[System, int], Term] = {}

    def shift(self, system: System, state: int, by: Term) -> None:
        """From now on the state before a step is the tensor held for it minus ``by``, a term in "step" and the numbers of the state's axes."""
        (self._shifts[system, state],) = self.terms([by])

    def before(self, system: System, state: int, label: Any) -> Term:
        """The state before a step, in the label and the numbers of its axes."""
        tensor = self.tensor(system, state, "before")
        held = Term(tensor, (label, *range(tensor.rank - 1)))
        shift = self._shifts.get((system, state))
        return build.add([1, -1], [held, build.rename(shift, {"step": label})]) if shift else held

    def tensor(self, system: System, state: int, part: str) -> Node:
        """The tensor that stands for a part."""
        system = self._same.get(system, system)
        key = (system, state, part)
        if key not in self._known:
            self._known[key] = placeholder(system.node(state, part).shape)
        return self._known[key]

    def terms(self, terms: Sequence[Term]) -> list[Term]:
        """The terms with tensors in the places of recurrences."""
        place: dict[Node, Term] = {}
        for node in topological([t.node for t in terms], stop=self._held):
            if node.op == kinds.PARTIAL:
                place[node] = _partial(node, place)
            if not self._held(node):
                continue
            system, state, part = system_of(node), node.attr.state, node.attr.part
            if part == "after" and self._same.get(system, system) in self._followed:
                after = self.step(self._same.get(system, system), "step")[state]
                place[node] = build.rename(after, {"step": 0} | {("axis", k): k + 1 for k in range(node.rank - 1)})
            elif (system, state) in self._shifts and part == "before":
                shifted = self.before(system, state, "step")
                place[node] = build.rename(shifted, {"step": 0} | {k: k + 1 for k in range(node.rank - 1)})
            else:
                place[node] = Term(self.tensor(system, state, part), tuple(range(node.rank)))
        return graft(terms, place)

    def _held(self, node: Node) -> bool:
        return node.op == kinds.RECUR and (self._only is None or system_of(node) in self._only)

    def expr(self, expr: Expr) -> Expr:
        (term,) = self.terms([expr.term])
        return Expr(term, expr.shape, expr.open)

    def step(self, system: System, label: Any, seeds: Sequence[Term] | None = None) -> list[Term]:
        """What a step makes of the states held before it: for every state a term in the label and ("axis", k)."""
        node = system.node()
        own = own_axes(node)
        count = len(node.attr.shapes)
        place: dict[Node, Term] = {}
        further = []
        for k, (inputs, (arg, entries)) in enumerate(zip(argument_holes(node), node.terms(), strict=True)):
            if k < count:
                place[inputs] = seeds[k] if seeds else self.before(system, k, label)
            else:
                further.append((inputs, build.rename(Term(arg, entries), {node.rank: label} | {e: axis for axis, e in enumerate(own[k])})))
        place |= dict(zip([i for i, _ in further], self.terms([t for _, t in further]), strict=True))
        raw = [Term(body, tuple(e if build.is_fixed(e) else ("axis", e) for e in entries)) for body, entries in node.attr.bodies]
        return graft(raw, place)


def _partial(node: Node, place: dict[Node, Term]) -> Term:
    """A formal partial of what stands for its arguments."""
    outer, inner = node.args
    args = graft([of_node(a).term for a in node.args], place)
    if args[1].node not in topological([args[0].node]):
        # The product (o tanh(c))**2 that stands for h**2 is opened in what it is a factor of: with a name it stays one tensor.
        named = build.let("held", args[1], range(inner.rank), inner.shape)
        args = [*graft([of_node(outer).term], place | {inner: named}), named]
    if any(t.map != tuple(range(a.rank)) for t, a in zip(args, node.args, strict=True)):
        raise UnsupportedError("a partial of what has lost an axis")
    return Term(build.partial(args[0].node, args[1].node), tuple(range(node.rank)))


# --- equality -----------------------------------------------------------------------------------------------------------


def _equal(lhs: Expr, rhs: Expr, clock: Clock, prove: Prove) -> Verdict | None:
    """Recurrences of one side are found again on the other; then the sides are compared with these held fast."""
    left = systems_of([lhs.node])
    right = [s for s in systems_of([rhs.node]) if s not in left]
    same: dict[System, System] = {}
    told: list[tuple[str, Verdict]] = []
    for system in right:
        clock.look()
        for other in (s for s in left if _alike(s, system)):
            found = _same_steps(other, system, same, prove)
            if found is not None:
                same[system] = other
                told += found
                break
    held = Held(left, same)
    rest = prove(held.expr(lhs), held.expr(rhs))
    if not same:
        return rest if rest.proved else None  # true whatever the states are
    return proved_together([*told, ("conclusion", rest)])


def _alike(a: System, b: System) -> bool:
    return a.attr.length == b.attr.length and a.attr.down == b.attr.down and a.attr.shapes == b.attr.shapes


def _same_steps(a: System, b: System, same: dict[System, System], prove: Prove) -> list[tuple[str, Verdict]] | None:
    """Base and step for two recurrences, those in ``same`` being equal already."""
    told = []
    names = ", ".join(a.attr.names)
    for x, y in zip(inits_of(a), inits_of(b), strict=True):
        held = Held((), same)
        told.append((f"base {names}", prove(held.expr(x), held.expr(y))))
        if not told[-1][1].proved:
            return None
    held = Held((), same | {b: a})
    for state, (one, other) in enumerate(zip(held.step(a, "step"), _other_step(held, a, b), strict=True)):
        told.append((f"step {names}", prove(by_step(one, a, state), by_step(other, a, state))))
        if not told[-1][1].proved:
            return None
    return told


def _other_step(held: Held, a: System, b: System) -> list[Term]:
    """A step of b on the states that are held for a."""
    seeds = [Term(held.tensor(a, k, "before"), ("step", *range(len(shape)))) for k, shape in enumerate(a.attr.shapes)]
    return held.step(b, "step", seeds)


def by_step(term: Term, system: System, state: int) -> Expr:
    shape = system.attr.shapes[state]
    labels = {"step": 0} | {("axis", k): k + 1 for k in range(len(shape))}
    return Expr(build.rename(term, labels), (system.attr.length, *shape))


def inits_of(system: System) -> list[Expr]:
    node = system.node()
    own = own_axes(node)
    return [Expr(build.rename(Term(node.args[s], node.maps[s]), {e: k for k, e in enumerate(own[s])}), shape) for s, shape in enumerate(node.attr.shapes)]


# --- backpropagation ------------------------------------------------------------------------------------------------------


@dataclass
class Through:
    """Sum over users of adjoint x d user / d v: what a step of backpropagation through a recurrence starts from.

    ``adjoints``: pairs of a part of the recurrence and its adjoint, in labels ("o", axis of the whole) and the part's axis numbers.
    """

    system: System
    v: Node
    outer: list[int]
    adjoints: list[tuple[Node, Term]]


def _through(lhs: Expr, rhs: Expr, clock: Clock, prove: Prove) -> Verdict | None:
    left, right = _addends(lhs), _addends(rhs)
    common = [t for t in left if t in right]
    for t in common:
        right.remove(t)
    read = _read([t for t in left if t not in common], lhs)
    if read is None or any(n.op == kinds.PARTIAL for n in topological([t.node for t in right])):
        return None
    after = Expr(build.add([1] * len(right), right), rhs.shape)
    outer_sizes = tuple(lhs.shape[k] for k in read.outer)
    for system in systems_of([after.node]):
        clock.look()
        if runs_back(system, read.system, outer_sizes):
            found = _telescoped(read, system, after, outer_sizes, prove)
            if found is not None:
                return found
    return None


def _addends(expr: Expr) -> list[Term]:
    if expr.node.op == kinds.ADD and all(c == 1 for c in expr.node.attr):
        return inner_terms(expr.term)
    return [expr.term]


def runs_back(back: System, forward: System, outer: tuple[Size, ...]) -> bool:
    a, b = back.attr, forward.attr
    return a.length == b.length and a.down != b.down and a.shapes == tuple((*outer, *shape) for shape in b.shapes)


def _read(terms: list[Term], whole: Expr) -> Through | None:
    """The terms as adjoint x PARTIAL(part of one recurrence, v)."""
    made: Through | None = None
    for term in terms:
        factors = inner_terms(term) if term.node.op == kinds.MUL else [term]
        partials = [f for f in factors if f.node.op == kinds.PARTIAL]
        if len(partials) != 1 or (term.node.op == kinds.MUL and term.node.attr.deltas):
            return None
        user, v = partials[0].node.args
        if user.op != kinds.RECUR:
            return None
        # The labels of summed indices are the product's own numbers, which must not be taken for axes of the whole.
        if term.node.op == kinds.MUL:
            named = dict(enumerate(term.map)) | {k: ("s", k) for k in range(term.node.rank, len(term.node.sizes()))}
            factors = [build.rename(Term(a, m), named) for a, m in term.node.terms()]
            partials = [f for f in factors if f.node.op == kinds.PARTIAL]
        entries = partials[0].map
        ends = entries[user.rank :]
        if any(type(e) is not int or e < 0 for e in ends) or list(ends) != list(range(whole.ndim - v.rank, whole.ndim)):
            return None
        coef = term.node.attr.coef if term.node.op == kinds.MUL else 1
        rest = build.mul(coef, [f for f in factors if f.node.op != kinds.PARTIAL])
        labels: dict[Any, Any] = {k: ("o", k) for k in range(whole.ndim - v.rank)} | {e: axis for axis, e in enumerate(entries[: user.rank])}
        if any(build.is_fixed(e) or e not in labels for e in rest.map):
            return None
        made = made or Through(system_of(user), v, list(range(whole.ndim - v.rank)), [])
        if made.system != system_of(user) or made.v is not v:
            return None
        made.adjoints.append((user, build.rename(rest, labels)))
    return made


def _telescoped(read: Through, back: System, after: Expr, outer: tuple[Size, ...], prove: Prove) -> Verdict | None:
    """Base, step and conclusion."""
    from symdl.prove.claims import check

    held = Held([read.system])
    sources = _sources(read)
    count = len(outer)
    if _touches(read, sources):
        return None
    told = []
    axes = [{("o", k): k for k in range(count)} | {("axis", k): count + k for k in range(len(s))} for s in read.system.attr.shapes]
    for start, source, numbers in zip(inits_of(back), sources["final"], axes, strict=True):
        wanted = Expr(build.rename(source, numbers), start.shape)
        told.append(("base", prove(held.expr(start), held.expr(wanted))))
    for state, numbers in enumerate(axes):
        held.shift(back, state, build.rename(sources["after"][state], numbers))
    total = _held_total(read, back, held, outer)
    for state, (shape, made) in enumerate(zip(read.system.attr.shapes, held.step(back, "step"), strict=True)):
        (source,) = held.terms([sources["before"][state]])
        labels: dict[Any, Any] = {("axis", k): ("o", k) if k < count else ("axis", k - count) for k in range(count + len(shape))}
        claim = build.add([1, -1], [build.rename(made, labels), source])
        place: dict[Any, Any] = {("o", k): k for k in range(count)} | {"step": count} | {("axis", k): count + 1 + k for k in range(len(shape))}
        states = of_node(held.tensor(read.system, state, "before"))
        told.append(("step", check(total, states, Expr(build.rename(claim, place), (*outer, read.system.attr.length, *shape)))))
        if not told[-1][1].proved:
            return None
    wrt = of_node(read.v) if read.v.op == kinds.INPUT else None
    if read.v.op == kinds.RECUR:
        wrt = of_node(held.tensor(system_of(read.v), read.v.attr.state, read.v.attr.part))
    if wrt is None:
        return proved_together([*told, ("conclusion", _at_another(read, held, total, after, check))])
    return proved_together([*told, ("conclusion", check(total, wrt, held.expr(after)))])


def _at_another(read: Through, held: Held, total: Expr, after: Expr, check: Any) -> Verdict:
    """The conclusion for an argument without a name: a tensor of which nothing is known stands for it."""
    fresh = placeholder(read.v.shape)
    place = {read.v: Term(fresh, tuple(range(fresh.rank)))}
    raw = held.expr(after)
    new_total, new_after = graft([total.term, raw.term], place)
    return check(Expr(new_total, total.shape), of_node(fresh), Expr(new_after, after.shape))


def _sources(read: Through) -> dict[str, list[Term]]:
    """The adjoints from outside by state, at the final state, before and after a step; labels ("o", k), "step", ("axis", k)."""
    count = len(read.system.attr.shapes)
    found: dict[str, list[list[Term]]] = {which: [[] for _ in range(count)] for which in ("before", "after", "final")}
    for user, adjoint in read.adjoints:
        which, state = user.attr.part, user.attr.state
        lead = 0 if which == "final" else 1
        labels: dict[Any, Any] = {axis: ("axis", axis - lead) for axis in range(lead, user.rank)}
        if which == "all":
            there = build.rename(adjoint, labels | {0: "time"})
            for end in ("before", "final"):
                found[end][state].append(at_steps(there, "time", "step", user, end))
        else:
            found[which][state].append(build.rename(adjoint, labels | ({0: "step"} if lead else {})))
    return {which: [build.add([1] * len(ts), ts) for ts in lists] for which, lists in found.items()}


def _touches(read: Through, sources: dict[str, list[Term]]) -> bool:
    """Whether v is in anything that the theorem holds fast: adjoints from outside, or other arguments made of v."""
    others = [a for a in read.system.args if a is not read.v]
    roots = [t.node for ts in sources.values() for t in ts] + others
    return read.v in topological(roots, stop=lambda n: n.op == kinds.RECUR)


def _held_total(read: Through, back: System, held: Held, outer: tuple[Size, ...]) -> Expr:
    """<D[0], s[0]> + Sum over steps of <D[l+1] + G[l+1], f(s[l], x[l])>; D[0], the sums D[l+1] + G[l+1] and s are held fast."""
    count = len(outer)
    axes = [("o", k) for k in range(count)]
    parts: list[Term] = []
    inits = inits_of(read.system)
    for state, (shape, made) in enumerate(zip(read.system.attr.shapes, held.step(read.system, "step"), strict=True)):
        own = [("axis", k) for k in range(len(shape))]
        summed: dict[Any, Size] = dict(zip(own, shape, strict=True))
        final = Term(held.tensor(back, state, "final"), (*axes, *own))
        (start,) = held.terms([inits[state].term])
        parts.append(build.mul(1, [final, build.rename(start, dict(enumerate(own)))], (), summed))
        weight = Term(held.tensor(back, state, "before"), ("step", *axes, *own))
        parts.append(build.mul(1, [weight, made], (), summed | {"step": read.system.attr.length}))
    total = build.add([1] * len(parts), parts)
    return Expr(build.rename(total, {label: k for k, label in enumerate(axes)}), outer)
