"""Names for intermediate results, as a textbook would choose them: z and a for a layer, delta for its error term."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from symdl.errors import NameError_
from symdl.graph.node import ADD, FN, INPUT, LET, MUL, Node


class Names:
    """Names of the nodes of one derivation.

    Attributes
    ----------
    of : dict
        Node -> name: inputs are not listed, LETs have their own, and what symdl names is unlike all others.
    labels : dict
        Node -> u1, u2, ... for the nameless nodes on the way back.
    """

    def __init__(self, order: list[Node], loss: Node, relevant: set[Node]) -> None:
        self.of: dict[Node, str] = {}
        self._taken: dict[str, Node] = {}
        for node in order:
            if node.op in (INPUT, LET):
                self._take(node)
        self._name_layers([n for n in order if n in relevant and n is not loss])
        self.loss = self.of.get(loss) or self._free("C", loss)
        self._on_the_way = [n for n in order if n in relevant and n.op != INPUT]
        self._given = frozenset(self.of)

    @cached_property
    def labels(self) -> dict[Node, str]:
        nameless = [n for n in self._on_the_way if n not in self._given]
        return {n: f"u{k}" for k, n in enumerate(nameless, start=1)}

    def _take(self, node: Node) -> None:
        name = str(node.name)
        if node.op == LET and node.attr.role == "adjoint" and name in self._taken:
            self._free(name, node)  # of an earlier derivation: the name is ours to change
            return
        other = self._taken.setdefault(name, node)
        if other is not node and not _same_input(node, other):
            raise NameError_(f"the name {name} stands for two different things: rename one of them")
        if node.op == LET:
            self.of[node] = name

    def _free(self, wished: str, node: Node) -> str:
        name, k = wished, 1
        while name in self._taken:
            name, k = f"{wished}_{k}", k + 1
        self._taken[name] = node
        self.of[node] = name
        return name

    def _name_layers(self, nodes: Iterable[Node]) -> None:
        """z[l] = pre-activation, a[l] = activation, for every function of something composite."""
        named = set(self.of)
        let_bodies = {n.args[0] for n in named}
        layers = [n for n in nodes if n.op == FN and len(n.args) == 1 and n.attr not in _NO_LAYER and _composite(n.args[0])]
        functions: dict[Node, list[Node]] = {}
        for n in layers:
            if n.args[0] not in named and n.args[0] not in let_bodies:
                functions.setdefault(n.args[0], []).append(n)
        many = len(functions) > 1
        for k, (z, users) in enumerate(functions.items(), start=1):
            self._free(f"z{k}" if many else "z", z)
            activations = [n for n in users if n not in let_bodies]
            if len(activations) == 1:
                self._free(f"a{k}" if many else "a", activations[0])

    def label(self, node: Node) -> str:
        """The name of a node, or u1, u2, ... for nameless ones, numbered in the order of computation."""
        return self.of.get(node) or node.name or self.labels.get(node, "u")

    def adjoint(self, node: Node, wish: str | None = None) -> str:
        """What the adjoint of a node is called: as is wished, or delta1 for z1, dC_da1 for a1."""
        own = self.label(node)
        error_term = own[0] == "z" and own[1:].isdigit() | (own == "z")
        wished = wish or ("delta" + own[1:] if error_term else f"d{self.loss}_d{own}")
        name = wished
        while self._taken.get(name, node) is not node:
            name += "_"
        self._taken[name] = node
        return name


#: Functions that make no layer: log(1 - a) needs no name for 1 - a.
_NO_LAYER = frozenset({"log", "exp", "abs", "sign", "positive"})


def _same_input(a: Node, b: Node) -> bool:
    return a.op == b.op == INPUT and a.shape == b.shape


def _composite(node: Node) -> bool:
    """More than a few symbols: worth a name."""
    return node.op == ADD or (node.op == MUL and bool(node.attr.summed))
