"""The steps of a derivation, node by node, and how much of them has to be told."""

from __future__ import annotations

from dataclasses import dataclass

from symdl.graph import node as kinds
from symdl.graph.node import Node
from symdl.steps.step import Line, Rule, Step

CHAIN = "chain rule"
THROUGH = "backpropagation through the recurrence"

#: A nameless result of more operations than this gets a name of its own when its derivative is shown.
INLINE_LIMIT = 6


#: A derivative of more operations than this is not repeated where it is used.
REPEAT_LIMIT = 24


@dataclass(frozen=True)
class Group:
    """The steps at one node: local partials, then the chain rule and what follows from it."""

    node: Node
    local: tuple[Step, ...]
    own: tuple[Step, ...]

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(dict.fromkeys(s.rule for s in self.local))


def groups_of(line: Line) -> list[Group]:
    """The steps of a line, node by node."""
    found: list[Group] = []
    local: list[Step] = []
    own: list[Step] = []
    for step in line.steps:
        through = step.rule.name == THROUGH
        is_local = step.before.node.op == kinds.PARTIAL and step.rule.name != CHAIN and not through
        if own and (is_local or through):
            found.append(_group(local, own))
            local, own = [], []
        (local if is_local else own).append(step)
    if local or own:
        found.append(_group(local, own))
    return found


def _group(local: list[Step], own: list[Step]) -> Group:
    """Local partials come first; backpropagation through a recurrence has none."""
    partials = [local[0].before.node] if local else [n for n in (own[0].before.node, *_inside(own[0].before.node)) if n.op == kinds.PARTIAL]
    return Group(partials[0].args[1], tuple(local), tuple(own))


def _inside(node: Node) -> list[Node]:
    """The terms of a sum, and the factors of these."""
    return [*node.args, *(a for term in node.args for a in term.args)]


def passes(group: Group) -> bool:
    """The adjoint of the node is a number, or what the adjoint of its one user was: nothing to tell but the rule."""
    if not group.own:
        return True
    after = group.own[-1].after
    if after.node.op == kinds.CONST:
        return True
    before = group.own[0].before.node
    return before.op == kinds.MUL and before.attr.coef == 1 and after.node in before.args


def is_sum(node: Node) -> bool:
    """A sum over indices, X @ W: it is easier to speak of by a name."""
    return node.op == kinds.REDUCE or (node.op == kinds.MUL and bool(node.attr.summed))


def is_long(node: Node, names: dict[Node, str], limit: int = INLINE_LIMIT) -> bool:
    """More operations under a node, down to names, than can be repeated."""
    seen: set[Node] = set()
    waiting = [node]
    while waiting and len(seen) <= limit:
        here = waiting.pop()
        if here in seen or here in names or here.op in (kinds.INPUT, kinds.CONST):
            continue
        seen.add(here)
        waiting.extend(here.args)
    return len(seen) > limit
