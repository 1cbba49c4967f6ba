"""Libraries that differentiate, each in the same few words: build a scalar graph, take its gradient, give the gradient's value.

A library that is not installed says so; nothing else depends on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scalar_graphs import Graph, Numbers

import symdl as sd


class Peer:
    """One library.

    Attributes
    ----------
    name : str
    largest : int
        Graphs of more nodes than this take it too long, or are more than it can do.
    checked : int
        Gradients of graphs of more nodes than this are timed and not evaluated.
    """

    name = ""
    largest = 10**6
    checked = 1000

    def build(self, graph: Graph, n: int) -> Any:
        """The graph and its variables."""
        self.all: list[Any] = []
        return graph(n, self)

    def gradient(self, built: Any) -> Any:
        """What is timed."""
        raise NotImplementedError

    def value(self, built: Any, gradient: Any, values: list[float]) -> list[float] | None:
        """The gradient at a point; ``values`` in the order in which variables were made."""
        raise NotImplementedError

    def function(self, built: Any, gradient: Any) -> Callable[[list[float]], list[float] | None]:
        """A function of the values."""
        return lambda values: self.value(built, gradient, values)


class Symdl(Peer):
    name = "symdl"
    checked = 10_000

    def __init__(self) -> None:
        self.sin, self.exp, self.sigmoid = sd.sin, sd.exp, sd.sigmoid

    def variables(self, count: int) -> list[Any]:
        made = [sd.tensor(f"v{len(self.all) + k}") for k in range(count)]
        self.all += made
        return made

    def gradient(self, built: Any) -> Any:
        return sd.derive(*built)

    def value(self, built: Any, gradient: Any, values: list[float]) -> list[float] | None:
        return self.function(built, gradient)(values)

    def function(self, built: Any, gradient: Any) -> Callable[[list[float]], list[float] | None]:
        function = sd.lambdify(self.all, list(gradient.gradients.values()))
        return lambda values: function(*values)


class Casadi(Peer):
    name = "CasADi SX"

    def __init__(self) -> None:
        import casadi

        self._ca = casadi
        self.sin, self.exp = casadi.sin, casadi.exp

    def build(self, graph: Graph, n: int) -> Any:
        out, by = super().build(graph, n)
        return out, self._ca.vertcat(*by)

    def variables(self, count: int) -> list[Any]:
        symbols = self._ca.SX.sym("v", count)
        made = [symbols[k] for k in range(count)]
        self.all += made
        return made

    def sigmoid(self, z: Any) -> Any:
        return 1 / (1 + self.exp(-z))

    def gradient(self, built: Any) -> Any:
        return self._ca.gradient(*built)

    def value(self, built: Any, gradient: Any, values: list[float]) -> list[float] | None:
        return self.function(built, gradient)(values)

    def function(self, built: Any, gradient: Any) -> Callable[[list[float]], list[float] | None]:
        function = self._ca.Function("g", [self._ca.vertcat(*self.all)], [gradient])
        return lambda values: [float(v) for v in function(values).full().ravel()]


class Sympy(Peer):
    name = "SymPy"
    largest = 100

    def __init__(self) -> None:
        import sympy

        self._sp = sympy
        self.sin, self.exp = sympy.sin, sympy.exp

    def variables(self, count: int) -> list[Any]:
        made = [self._sp.Symbol(f"v{len(self.all) + k}") for k in range(count)]
        self.all += made
        return made

    def sigmoid(self, z: Any) -> Any:
        return 1 / (1 + self.exp(-z))

    def gradient(self, built: Any) -> Any:
        out, by = built
        return [out.diff(v) for v in by]

    def value(self, built: Any, gradient: Any, values: list[float]) -> list[float] | None:
        function = self._sp.lambdify(self.all, gradient, modules="math", cse=True)
        return [float(v) for v in function(*values)]


class Symengine(Sympy):
    name = "symengine"
    largest = 10**3

    def __init__(self) -> None:
        import symengine

        self._sp = symengine
        self.sin, self.exp = symengine.sin, symengine.exp

    def value(self, built: Any, gradient: Any, values: list[float]) -> list[float] | None:
        return [float(v) for v in self._sp.Lambdify(self.all, gradient, cse=True)(values)]


class Jax(Peer):
    """Tracing: the function is run on tracers, which makes its graph and the gradient's at once."""

    name = "JAX tracing"
    largest = 10**4

    def __init__(self) -> None:
        import jax

        jax.config.update("jax_enable_x64", True)
        self._jax = jax
        self.sin, self.exp, self.sigmoid = jax.numpy.sin, jax.numpy.exp, jax.nn.sigmoid
        self._left: list[Any] = []

    def variables(self, count: int) -> list[Any]:
        made, self._left = self._left[:count], self._left[count:]
        return made

    def build(self, graph: Graph, n: int) -> Any:
        numbers = Numbers()
        _, by = graph(n, numbers)
        self._by = [numbers.places.index(v.place) for v in by]
        self._point = list(numbers.values)

        def function(values: list[Any]) -> Any:
            self._left = list(values)
            return graph(n, self)[0]

        return function

    def gradient(self, built: Any) -> Any:
        return self._jax.make_jaxpr(self._jax.grad(built))(self._point)

    def value(self, built: Any, gradient: Any, values: list[float]) -> list[float] | None:
        found = self._jax.core.eval_jaxpr(gradient.jaxpr, gradient.consts, *values)
        return [float(found[k]) for k in self._by]


class Torch(Peer):
    """Numbers, not formulas: the backward pass of a forward pass that was recorded."""

    name = "PyTorch backward"
    largest = 10**5

    def __init__(self) -> None:
        import torch

        self._torch = torch
        self.sin, self.exp, self.sigmoid = torch.sin, torch.exp, torch.sigmoid

    def variables(self, count: int) -> list[Any]:
        made, self._left = self._left[:count], self._left[count:]
        return made

    def build(self, graph: Graph, n: int) -> Any:
        numbers = Numbers()
        graph(n, numbers)
        self._left = [self._torch.tensor(v, dtype=self._torch.float64, requires_grad=True) for v in numbers.values]
        return graph(n, self)

    def gradient(self, built: Any) -> Any:
        out, by = built
        return self._torch.autograd.grad(out, by, allow_unused=True)

    def value(self, built: Any, gradient: Any, values: list[float]) -> list[float] | None:
        return [0.0 if g is None else float(g) for g in gradient]


PEERS: tuple[type[Peer], ...] = (Symdl, Casadi, Symengine, Sympy, Jax, Torch)


def installed() -> tuple[list[Peer], list[str]]:
    """The libraries that are there, and the names of those that are not."""
    found: list[Peer] = []
    absent: list[str] = []
    for peer in PEERS:
        try:
            found.append(peer())
        except ImportError:
            absent.append(peer.name)
    return found, absent
