"""The same graph in PyTorch, differentiated by its autograd in float64. PyTorch is imported when this is used."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symdl.errors import UnsupportedError
from symdl.expr.tensor import Expr
from symdl.graph import node as kinds
from symdl.graph.node import Node
from symdl.graph.walk import topological
from symdl.prove.definitions import by_definition
from symdl.prove.lanes import stacked
from symdl.prove.numeric import Walker, bind_sizes
from symdl.prove.recurrences import Known, in_torch, torch_part
from symdl.prove.tape import Tape, _indexer


def torch_gradient(loss: Expr, wrt: Sequence[Expr], values: Mapping[str, Any]) -> dict[str, Any]:
    """Gradients (Jacobians of tensors) by autograd, by name.

    Raises
    ------
    UnsupportedError
        For a function that PyTorch does not have.
    """
    return torch_gradients(loss, wrt, [values])[0]


def torch_gradients(loss: Expr, wrt: Sequence[Expr], points: Sequence[Mapping[Any, Any]]) -> list[dict[str, Any]]:
    """The same at several points of one size: a lane each, which autograd walks through together."""
    import torch

    nodes = topological([loss.node, *(e.node for e in wrt)])
    walk = _Torch(stacked(points), Walker(Tape(), {}, bind_sizes(nodes, points[0])))
    try:
        for node in nodes:
            walk.done[node] = walk.make(node, [walk.done[a] for a in node.args])
    except RuntimeError as error:  # a matrix that PyTorch finds singular
        raise UnsupportedError(f"PyTorch: {str(error).splitlines()[0]}") from error
    out = walk.view(loss)
    leaves = [walk.done[e.node] for e in wrt]

    def row(entry: Any) -> Sequence[Any]:
        """Derivatives of one entry in all lanes, which do not touch each other."""
        return torch.autograd.grad(entry.sum(), leaves, retain_graph=True, allow_unused=True) if entry.requires_grad else [None] * len(leaves)

    lanes = len(points)
    rows = [row(entry) for entry in out.reshape(out.shape[0], -1).unbind(1)]
    gradients = {}
    for k, (e, leaf) in enumerate(zip(wrt, leaves, strict=True)):
        parts = [np.zeros((lanes, *leaf.shape[1:])) if found is None else found.numpy() for found in (row[k] for row in rows)]
        stack = np.stack([np.broadcast_to(part, (lanes, *leaf.shape[1:])) for part in parts], axis=1) if parts else np.zeros((lanes, 0))
        gradients[str(e.node.name)] = stack.reshape((lanes, *out.shape[1:], *leaf.shape[1:]))
    return [{name: g[k] for name, g in gradients.items()} for k in range(lanes)]


class _Torch:
    """One operation of PyTorch for every kind of node; the first axis of every tensor counts lanes, of size 1 where all are the same."""

    def __init__(self, values: Mapping[str, Any], sizes: Walker) -> None:
        import torch

        self.torch, self.values, self.sizes = torch, values, sizes
        self.done: dict[Node, Any] = {}
        self.leaves: dict[str, Any] = {}
        self.functions = _functions(torch)
        self._recurrences = Known()

    def beside(self, leaves: Mapping[str, Any]) -> _Torch:
        """A walker of the same kind with these tensors as inputs."""
        other = _Torch({}, self.sizes)
        other.leaves = dict(leaves)
        return other

    def value(self, expr: Expr) -> Any:
        """The value of an expression."""
        for node in topological([expr.node]):
            self.done[node] = self.make(node, [self.done[a] for a in node.args])
        return self.view(expr)

    def view(self, expr: Expr) -> Any:
        letters = sorted(expr.open, key=str)
        place = {s: k for k, s in enumerate(letters)}
        entries = [e if type(e) is int and e < 0 else place[e] if e in place else len(letters) + e for e in expr.map]
        shape = [self.sizes.size(expr.open[s]) for s in letters] + [self.sizes.size(s) for s in expr.shape]
        return self.look(self.done[expr.node], entries, len(shape)).expand([-1, *shape])

    def look(self, a: Any, entries: Sequence[int], rank: int) -> Any:
        if len(set(entries)) == len(entries) and all(e >= 0 for e in entries):
            order = sorted(range(len(entries)), key=entries.__getitem__)
            labels, taken = sorted(entries), a.permute(0, *(1 + k for k in order))
        else:
            index, labels = _indexer(tuple(a.shape[1:]), entries)
            taken = a[(slice(None), *(self.torch.as_tensor(i) for i in index))]
        shape = [1] * rank
        for label, size in zip(labels, taken.shape[1:], strict=True):
            shape[label] = size
        return taken.reshape([taken.shape[0], *shape])

    def constant(self, value: Any) -> Any:
        """The same in all lanes."""
        return self.torch.tensor(value, dtype=self.torch.float64)[None]

    def make(self, node: Node, args: list[Any]) -> Any:
        if node.op == kinds.INPUT:
            name = node.attr.name
            if name not in self.leaves:
                self.leaves[name] = self.torch.tensor(self.values[name], dtype=self.torch.float64).requires_grad_()
            return self.leaves[name]
        if node.op == kinds.CONST:
            return self.constant(self.sizes.number(node.attr))
        if node.op == kinds.POSITION:
            return self.constant(np.arange(self.sizes.size(node.shape[0]), dtype=float))
        if node.op == kinds.MATRIX:
            return {"inv": self.torch.linalg.inv, "det": self.torch.linalg.det, "logdet": self.torch.logdet}[node.attr](args[0])
        if node.op == kinds.RECUR:
            return torch_part(self, node, self._recurrences.positions(node, lambda: in_torch(self, node, args)))
        alls = [self.sizes.size(s) for s in node.sizes()]
        looked = [self.look(a, m, len(alls)) for a, m in zip(args, node.maps, strict=True)]
        over = tuple(range(1 + node.rank, 1 + len(alls)))
        if node.op == kinds.MUL:
            return self._product(node, looked, alls)
        if node.op == kinds.REDUCE:
            inner = looked[0].expand([-1, *alls])
            return self.torch.logsumexp(inner, over) if node.attr.kind == "logsumexp" else self.torch.amax(inner, over)
        return self._elementwise(node, looked).expand([-1, *alls])

    def _product(self, node: Node, looked: list[Any], alls: list[int]) -> Any:
        """By einsum, over those axes that a factor has; an index that stands on no factor counts its size."""
        flat: list[Any] = []
        for part in looked:
            axes = [k for k, size in enumerate(part.shape[1:]) if size != 1]
            flat += [part.reshape([part.shape[0], *(alls[k] for k in axes)]), [..., *axes]]
        for a, b in node.attr.deltas:
            grids = [np.arange(alls[e]) if e >= 0 else np.array([~e]) for e in (a, b)]
            mask = self.constant(np.equal.outer(*grids).astype(float))
            axes = [k for k, e in enumerate((a, b)) if e >= 0 and alls[e] != 1]
            flat += [mask.reshape([1, *(mask.shape[1 + k] for k in axes)]), [..., *((a, b)[k] for k in axes)]]
        used = {k for axes in flat[1::2] for k in axes if k is not ...}
        kept = [k for k in range(node.rank) if k in used]
        alone = math.prod(alls[k] for k in range(node.rank, len(alls)) if k not in used)
        coef = self.sizes.number(node.attr.coef) * alone
        out = coef * self.torch.einsum(*flat, [..., *kept]) if flat else self.constant(coef)
        return out.reshape([out.shape[0], *(alls[k] if k in kept else 1 for k in range(node.rank))]).expand([-1, *alls[: node.rank]])

    def _elementwise(self, node: Node, looked: list[Any]) -> Any:
        if node.op == kinds.ADD:
            return sum(self.sizes.number(c) * a for c, a in zip(node.attr, looked, strict=True))
        if node.op == kinds.POW:
            return looked[0] ** self.sizes.number(node.attr)
        if node.op == kinds.LET:
            return looked[0]
        function = self.functions.get(node.attr) if node.op == kinds.FN else None
        if function is None and node.op == kinds.FN:
            return self._by_definition(node.attr, looked)
        if function is None:
            raise UnsupportedError(f"PyTorch has no operation for a node of kind {node.op!r}")
        return function(*looked)

    def _by_definition(self, name: str, looked: list[Any]) -> Any:
        out = by_definition(name, looked, OnTorch(self.torch, self.functions))
        finite = all(bool(self.torch.isfinite(a).all()) for a in looked)
        if finite and not bool(self.torch.isfinite(out).all()):
            raise UnsupportedError(f"PyTorch: the definition of {name} overflows at this point")
        return out


class OnTorch:
    """The operations of PyTorch, for definitions."""

    def __init__(self, torch: Any, functions: Mapping[str, Callable[..., Any]]) -> None:
        self._torch, self._functions = torch, functions

    def number(self, value: Any) -> Any:
        return self._torch.tensor(float(value), dtype=self._torch.float64)

    def plain(self, value: Any) -> Any:
        return value.detach().numpy()

    def add(self, values: Sequence[Any]) -> Any:
        return sum(values)

    def multiply(self, a: Any, b: Any) -> Any:
        return a * b

    def power(self, a: Any, exponent: Any) -> Any:
        return a ** float(exponent)

    def known(self, name: str) -> bool:
        return name in self._functions

    def call(self, name: str, args: Sequence[Any]) -> Any:
        return self._functions[name](*args)

    def chosen(self, mask: Any, a: Any, b: Any) -> Any:
        return self._torch.where(self._torch.as_tensor(mask), a, b)


def _functions(torch: Any) -> dict[str, Callable[..., Any]]:
    names = (
        "minimum",
        "maximum",
        "log1p",
        "exp",
        "log",
        "sin",
        "cos",
        "tan",
        "arctan",
        "sinh",
        "cosh",
        "tanh",
        "erf",
        "abs",
        "sign",
        "sigmoid",
        "relu",
        "pow",
    )
    found: dict[str, Callable[..., Any]] = {name: getattr(torch, name) for name in names}
    functional = torch.nn.functional
    found |= {
        "positive": lambda z: (z > 0).to(z.dtype),
        "step": lambda z: (z > 0).to(z.dtype),
        "iszero": lambda z: (z == 0).to(z.dtype),
        "where": lambda c, a, b: torch.where(c > 0, a, b),
        "softplus": lambda z: torch.logaddexp(z, torch.zeros_like(z)),
        "silu": functional.silu,
        # torch's own gelu takes 1 + erf, which cancels in the left tail.
        "gelu": lambda z: 0.5 * z * torch.erfc(-z / math.sqrt(2.0)),
    }
    return found
