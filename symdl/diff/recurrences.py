"""Backpropagation through a recurrence: the adjoints of the states are a recurrence that runs the other way.

For s[l+1] = f(s[l], x[l], w) and any adjoints G of the states from outside, with D[l] the whole derivative by s[l]:

    D[L] = G[L],    D[l] = G[l] + D[l+1] df/ds,    dC/ds[0] = D[0],    dC/dx[l] = D[l+1] df/dx,    dC/dw = Sum over l of D[l+1] df/dw,

the partials taken at s[l], x[l], w (Werbos 1990, backpropagation through time; Nielsen, Neural networks and deep learning, chapter 2: BP1-BP4). The
partials of f come from the same sweep and the same rule table as all others; nothing here differentiates a function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from symdl.diff.local import axis_deltas
from symdl.expr.tensor import Expr
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Label, Term
from symdl.graph.graft import graft
from symdl.graph.node import Node, Size
from symdl.graph.recurrence import Opened, System, argument_holes, close, own_axes, placeholder, system_of
from symdl.graph.steps import at_steps
from symdl.steps.step import Rule

THROUGH_TIME = Rule("backpropagation through the recurrence", r"\delta_l = G_l + \delta_{l+1}\,\frac{\partial f}{\partial s}", "沿递推反向传播")

Name = Callable[..., "str | None"]


@dataclass
class Joint:
    """A use of v by parts of one recurrence: what they give to the adjoint of v, all of them together."""

    users: list[Node]
    term: Term
    rule: Rule = THROUGH_TIME


class Recurrences:
    """The backward recurrences of one sweep.

    Parameters
    ----------
    adjoints : mapping
        Node -> adjoint, as far as the sweep has come.
    relevant : set of Node
        Nodes on the way to the targets.
    name : callable
        ``name(node, wished)``: what to call an adjoint.
    """

    def __init__(self, adjoints: dict[Node, Term], relevant: set[Node], name: Name) -> None:
        self._adjoints = adjoints
        self._relevant = relevant
        self._name = name
        self._known: dict[System, Backward] = {}

    def contributions(self, uses: Iterable[tuple[Node, int]]) -> list[Joint]:
        """What the recurrences among the users of a node give to its adjoint."""
        groups: dict[tuple[System, int], list[Node]] = {}
        for user, place in uses:
            if user.op == kinds.RECUR and user in self._adjoints:
                groups.setdefault((system_of(user), place), []).append(user)
        return [Joint(users, self._backward(system).contribution(place)) for (system, place), users in groups.items()]

    def _backward(self, system: System) -> Backward:
        if system not in self._known:
            # Every argument of one part is an argument of all parts: by now all their adjoints are known.
            parts = {n: t for n, t in self._adjoints.items() if n.op == kinds.RECUR and system_of(n) == system}
            self._known[system] = Backward(system, parts, self._relevant, self._name)
        return self._known[system]


class Backward:
    """The recurrence of the adjoints of one recurrence."""

    def __init__(self, system: System, parts: dict[Node, Term], relevant: set[Node], name: Name) -> None:
        self._whole = [system.node(s, "all") for s in range(len(system.attr.shapes))]
        self._node = self._whole[0]
        self._attr = system.attr
        self._outer = sorted({e for t in parts.values() for e in t.map if type(e) is not int}, key=str)
        sizes = build.axis_sizes(*parts.values())
        self._extra: list[Size] = [sizes[e] for e in self._outer]
        self._step: Label = build.fresh()
        self._holes = argument_holes(self._node)
        shapes = tuple((*self._extra, *shape) for shape in self._attr.shapes)
        self._seeds = [placeholder(shape) for shape in shapes]
        self._sources = self._collect(parts)
        self._found = self._local_partials(relevant, name)
        self._place = self._at_step(system)
        self._system = self._run(shapes, name)

    # --- adjoints from outside --------------------------------------------------------------------------------------

    def _collect(self, parts: dict[Node, Term]) -> dict[str, list[Term]]:
        """Adjoints of the parts by state: of the final state, and of the states before and after a step. Labels: ("E", k), ("axis", k), the step."""
        found: dict[str, list[list[Term]]] = {which: [[] for _ in self._whole] for which in ("before", "after", "final")}
        for node, adjoint in parts.items():
            which, state = node.attr.part, node.attr.state
            labels: dict[Any, Any] = {e: ("E", k) for k, e in enumerate(self._outer)}
            lead = 0 if which == "final" else 1
            labels.update({axis: ("axis", axis - lead) for axis in range(lead, node.rank)})
            if which == "all":
                there = build.rename(adjoint, labels | {0: "time"})
                found["before"][state].append(at_steps(there, "time", self._step, self._node, "before"))
                found["final"][state].append(at_steps(there, "time", self._step, self._node, "final"))
            else:
                found[which][state].append(build.rename(adjoint, labels | ({0: self._step} if lead else {})))
        return {which: [build.add([1] * len(ts), ts) for ts in lists] for which, lists in found.items()}

    # --- the partials of one step -----------------------------------------------------------------------------------

    def _local_partials(self, relevant: set[Node], name: Name) -> dict[Node, Term]:
        """For every input of the bodies: Sum over states of seed x d body / d input, in labels ("o", k) and the input's axis numbers."""
        from symdl.diff.reverse import sweep

        terms = []
        for seed, (body, entries), shape in zip(self._seeds, self._attr.bodies, self._attr.shapes, strict=True):
            axes = [("axis", k) for k in range(len(shape))]
            row = Term(seed, (*range(len(self._extra)), *axes))
            there = build.rename(Term(body, entries), dict(enumerate(axes)))
            terms.append(build.mul(1, [row, there], (), dict(zip(axes, shape, strict=True))))
        out = Expr(build.add([1] * len(terms), terms), tuple(self._extra))
        states = len(self._whole)
        wanted = [h for k, h in enumerate(self._holes) if k < states or self._node.args[k] in relevant]
        activations = {body.args[0]: self._attr.names[s] for s, (body, _) in enumerate(self._attr.bodies) if body.op == kinds.FN and len(body.args) == 1}
        swept = sweep(out, wanted, lambda node, wished=None: name(node, f"delta_{activations[node]}" if node in activations else wished))
        return {h: swept.adjoints.get(h, build.constant(0)) for h in self._holes}

    def _at_step(self, system: System) -> dict[Node, Term]:
        """What stands for the inputs of the bodies, and for the bodies themselves, at a step: the forward states and arguments."""
        place: dict[Node, Term] = {}
        own = own_axes(self._node)
        for k, (inputs, (arg, entries)) in enumerate(zip(self._holes, self._node.terms(), strict=True)):
            if k < len(self._whole):
                place[inputs] = Term(system.node(k, "before"), (self._step, *range(inputs.rank)))
            else:
                place[inputs] = build.rename(Term(arg, entries), {self._node.rank: self._step} | {e: axis for axis, e in enumerate(own[k])})
        for s, (body, entries) in enumerate(self._attr.bodies):
            # What a step computed is known: the state after it.
            if body.args and sorted(entries) == list(range(len(self._attr.shapes[s]))):
                place.setdefault(body, Term(system.node(s, "after"), (self._step, *(entries.index(k) for k in range(len(entries))))))
        return place

    # --- the recurrence ---------------------------------------------------------------------------------------------

    def _incoming(self, state: int, seed: Term) -> Term:
        """The adjoint of the state after a step: the seed, and what comes from outside; in the numbers of the seed's axes."""
        count = len(self._extra)
        labels = {("E", k): k for k in range(count)} | {("axis", k): count + k for k in range(len(self._attr.shapes[state]))}
        return build.add([1, 1], [seed, build.rename(self._sources["after"][state], labels)])

    def _instance(self, found: Term, seeds: list[Term]) -> Term:
        """A partial product at a step, its labels ("o", k) as ("E", k)."""
        place = dict(self._place)
        for s, seed in enumerate(self._seeds):
            place[seed] = self._incoming(s, seeds[s])
        (term,) = graft([found], place)
        return Term(term.node, tuple(("E", e[1]) if isinstance(e, tuple) and e[0] == "o" else e for e in term.map))

    def _run(self, shapes: tuple[tuple[Size, ...], ...], name: Name) -> System:
        seeds = [Term(seed, tuple(range(seed.rank))) for seed in self._seeds]
        names, axes, bodies = [], [], []
        for s, whole in enumerate(self._whole):
            names.append(name(whole) or f"delta_{self._attr.names[s]}")
            own = [("axis", k) for k in range(len(self._attr.shapes[s]))]
            axes.append((*(("E", k) for k in range(len(self._extra))), *own))
            back = build.rename(self._instance(self._found[self._holes[s]], seeds), dict(enumerate(own)))
            bodies.append(build.add([1, 1], [back, self._sources["before"][s]]))
        batch = len(self._extra) + self._attr.batch
        inits = tuple(self._sources["final"])
        attr = self._attr
        return close(Opened(tuple(names), attr.length, not attr.down, batch, self._step, tuple(axes), shapes, tuple(self._seeds), inits, tuple(bodies)))

    def contribution(self, place: int) -> Term:
        """What the recurrence gives to the adjoint of its argument at ``place``, in adjoint labels."""
        own = own_axes(self._node)[place]
        sizes = self._node.sizes()
        summed: dict[Any, Size] = {k: sizes[k] for k in own}
        outer = {("E", k): e for k, e in enumerate(self._outer)}
        if place < len(self._whole):
            term = Term(self._system.node(place, "final"), (*self._outer, *own))
        else:
            seeds = [Term(self._system.node(s, "before"), (self._step, *range(seed.rank))) for s, seed in enumerate(self._seeds)]
            raw = self._instance(self._found[self._holes[place]], seeds)
            term = build.rename(raw, {axis: k for axis, k in enumerate(own)} | outer | {self._step: self._node.rank})
            summed[self._node.rank] = self._attr.length
        total = build.mul(1, [term], axis_deltas(self._node, place), summed)
        return Term(total.node, tuple(e[1] if isinstance(e, tuple) and e[0] == "d" else e for e in total.map))
