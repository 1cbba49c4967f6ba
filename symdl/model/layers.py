"""Layers and networks: builders of expressions. Sizes may be symbols; numbers are filled in by ``symdl.train.init``."""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from symdl.errors import NameError_, ShapeError
from symdl.expr.ops import softmax
from symdl.expr.tensor import Expr, as_expr, elementwise, tensor
from symdl.functions import TABLE

Activation = str | Callable[[Expr], Expr] | None


def dense(x: Any, W: Any, b: Any = None, activation: Activation = None) -> Expr:
    """activation(x @ W + b): a layer in which every input reaches every unit.

    Parameters
    ----------
    x : Expr, shape (..., p)
    W : Expr, shape (p, h)
        The weights, a column a unit.
    b : Expr, shape (h,), optional
    activation : str, callable or None
        A name of the function table, "softmax", a function of an expression, or None for a linear layer.

    Returns
    -------
    Expr, shape (..., h)

    Raises
    ------
    ShapeError, NameError_
        When the shapes clash, or the activation is unknown.

    Notes
    -----
    torch.nn.functional.linear with W transposed, and an activation.

    Examples
    --------
    >>> x, W, b = sd.tensor("x", 3), sd.tensor("W", 3, 2), sd.tensor("b", 2)
    >>> sd.dense(x, W, b, "relu")
    relu(W.T @ x + b)
    """
    z = as_expr(x) @ as_expr(W)
    return activate(z if b is None else z + as_expr(b), activation)


def activate(z: Expr, activation: Activation) -> Expr:
    """The activation of a layer's pre-activation z."""
    if activation is None:
        return z
    if callable(activation):
        return activation(z)
    if not isinstance(activation, str):
        raise NameError_(f"{reprlib.repr(activation):.60} is not an activation: give its name, or a function")
    if activation == "softmax":
        return softmax(z)
    if activation not in TABLE or TABLE[activation].nargs != 1:
        known = ", ".join(sorted(name for name, entry in TABLE.items() if entry.nargs == 1))
        raise NameError_(f"{activation!r:.60} is not an activation; known are softmax, {known}")
    return elementwise(activation, z)


@dataclass(frozen=True)
class Network:
    """A network of dense layers.

    Attributes
    ----------
    output : Expr, shape (N, last size)
    input : Expr, shape (N, first size)
    params : dict
        Name -> tensor: W1, b1, W2, b2, ...
    activations : tuple of Expr
        The output of every layer, the last one ``output``.
    """

    output: Expr
    input: Expr
    params: dict[str, Expr]
    activations: tuple[Expr, ...]

    @property
    def shapes(self) -> dict[str, tuple[Any, ...]]:
        """Name -> shape of every parameter, for ``symdl.train.init.initial``."""
        return {name: param.shape for name, param in self.params.items()}


def network(sizes: Sequence[Any], activation: Activation | Sequence[Activation] = "sigmoid", samples: Any = "N", x: Any = "X") -> Network:
    """A network of dense layers: network([64, 30, 10]) has 64 inputs, 30 hidden units and 10 outputs.

    Parameters
    ----------
    sizes : sequence of int or Symbol
        From the inputs to the outputs.
    activation : str, callable, None, or one of these a layer
    samples : int, Symbol or str
        The number of samples; symbolic unless told.
    x : str or Expr
        The input, or its name.

    Returns
    -------
    Network
        ``output``, ``input``, ``params`` (W1, b1, W2, ...: name -> tensor) and ``activations``, the output of every layer.

    Raises
    ------
    ShapeError
        When there are fewer than two sizes, or not one activation a layer.
    NameError_
        When an activation is unknown.

    Examples
    --------
    >>> net = sd.network([4, 3, 2], activation=["tanh", "softmax"])
    >>> net.output.shape, list(net.params)
    ((N, 2), ['W1', 'b1', 'W2', 'b2'])
    """
    sizes = list(sizes)
    if len(sizes) < 2:
        raise ShapeError(f"network: {len(sizes)} sizes given; give at least two, the inputs and the outputs")
    chosen: list[Any] = list(activation) if isinstance(activation, (list, tuple)) else [activation] * (len(sizes) - 1)
    if len(chosen) != len(sizes) - 1:
        raise ShapeError(f"network: {len(chosen)} activations for {len(sizes) - 1} layers; give one a layer, or one for all")
    first = tensor(x, samples, sizes[0]) if isinstance(x, str) else as_expr(x)
    params: dict[str, Expr] = {}
    outputs = [first]
    for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes), start=1):
        W = params[f"W{layer}"] = tensor(f"W{layer}", fan_in, fan_out)
        b = params[f"b{layer}"] = tensor(f"b{layer}", fan_out)
        outputs.append(dense(outputs[-1], W, b, chosen[layer - 1]))
    return Network(outputs[-1], first, params, tuple(outputs[1:]))
