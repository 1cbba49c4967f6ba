"""The same graph in JAX, differentiated by it in float64. JAX is imported when this is used."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symdl.errors import UnsupportedError
from symdl.expr.tensor import Expr, of_node
from symdl.graph import node as kinds
from symdl.graph.walk import topological
from symdl.prove.arrays import Carrier
from symdl.prove.numeric import Walker, bind_sizes
from symdl.prove.tape import Tape


class InJax:
    """Arrays of JAX."""

    def __init__(self) -> None:
        import jax
        import jax.numpy

        self._jax, self.xp = jax, jax.numpy
        jnp, nn = jax.numpy, jax.nn
        names = ("exp", "log", "sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh", "sign", "log1p", "expm1", "minimum", "maximum")
        self.functions: Mapping[str, Callable[..., Any]] = {
            **{name: getattr(jnp, name) for name in names},
            "pow": jnp.power,
            # JAX's own slope at 0 is 1.
            "abs": lambda z: jnp.where(z > 0, z, jnp.where(z < 0, -z, 0.0)),
            "erf": jax.scipy.special.erf,
            "positive": lambda z: jnp.where(z > 0, 1.0, 0.0),
            "step": lambda z: jnp.where(z > 0, 1.0, jnp.where(z < 0, 0.0, jnp.nan)),
            "iszero": lambda z: jnp.where(z == 0, 1.0, 0.0),
            "where": lambda c, a, b: jnp.where(c > 0, a, b),
            "sigmoid": nn.sigmoid,
            "softplus": nn.softplus,
            "relu": nn.relu,
            "silu": nn.silu,
            # 1 + erf would cancel in the left tail.
            "gelu": lambda z: 0.5 * z * jax.scipy.special.erfc(-z / math.sqrt(2.0)),
        }

    def number(self, value: Any) -> Any:
        return self.xp.asarray(float(value), dtype="float64")

    def array(self, value: Any) -> Any:
        return self.xp.asarray(np.asarray(value, dtype=float))

    def plain(self, value: Any) -> Any:
        return self._jax.lax.stop_gradient(value)

    def power(self, a: Any, exponent: Any) -> Any:
        e = float(exponent)
        return self._jax.lax.integer_pow(a, int(e)) if e == int(e) else a**e

    def chosen(self, mask: Any, a: Any, b: Any) -> Any:
        return self.xp.where(mask, a, b)

    def maximum(self, a: Any, axes: tuple[int, ...]) -> Any:
        return self.xp.max(a, axis=axes)

    def logsumexp(self, a: Any, axes: tuple[int, ...]) -> Any:
        return self._jax.scipy.special.logsumexp(a, axis=axes)

    def matrix(self, kind: str, a: Any) -> Any:
        linalg = self.xp.linalg
        if kind != "logdet":
            return linalg.inv(a) if kind == "inv" else linalg.det(a)
        sign, size = linalg.slogdet(a)
        return self.xp.where(sign > 0, size, self.xp.nan)


def jax_function(loss: Expr, wrt: Sequence[Expr], values: Mapping[str, Any]) -> tuple[Callable[..., Any], list[Any]]:
    """The loss as a function of arrays of JAX, one for each of ``wrt``, and these at the point."""
    field = InJax()
    sizes = Walker(Tape(), values, bind_sizes(topological([loss.node, *(e.node for e in wrt)]), values))
    at = [Carrier(field, values, sizes).value(of_node(e.node)) for e in wrt]

    def value(*given: Any) -> Any:
        known = {e.node: a for e, a in zip(wrt, given, strict=True) if e.node.op != kinds.INPUT}
        leaves = {str(e.node.name): a for e, a in zip(wrt, given, strict=True) if e.node.op == kinds.INPUT}
        return Carrier(field, values, sizes, known, leaves).value(loss)

    return value, at


def jax_gradient(loss: Expr, wrt: Sequence[Expr], values: Mapping[str, Any]) -> dict[str, Any]:
    """Gradients (Jacobians of tensors) by name, by JAX's reverse mode, a row at a time.

    Raises
    ------
    UnsupportedError
        For what JAX cannot trace.
    """
    import jax

    found = {}
    with double_precision():
        try:
            for one in wrt:  # each by itself: by a named result and what it is made of at once, the second would be hidden by the first
                value, at = jax_function(loss, [one], values)
                out, back = jax.vjp(value, *at)
                rows = [np.asarray(back(_unit(out.shape, place))[0]) for place in np.ndindex(*out.shape)]
                found[str(one.node.name)] = np.array(rows).reshape((*out.shape, *at[0].shape))
        except (TypeError, ValueError, NotImplementedError, jax.errors.JAXTypeError) as error:
            raise UnsupportedError(f"JAX: {str(error).splitlines()[0]:.200}") from error
    return found


def double_precision() -> Any:
    """A context in which JAX counts in float64; older versions have it in ``experimental``."""
    import jax

    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    from jax.experimental import enable_x64

    return enable_x64(True)


def _unit(shape: tuple[int, ...], place: tuple[int, ...]) -> Any:
    """1 at a place, 0 elsewhere."""
    import jax.numpy

    unit = np.zeros(shape)
    unit[place] = 1.0
    return jax.numpy.asarray(unit)
