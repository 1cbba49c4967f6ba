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
from symdl.prove.arrays import ByEntry, Carrier
from symdl.prove.lanes import stacked
from symdl.prove.numeric import Walker, bind_sizes
from symdl.prove.tape import Tape


class InJax(ByEntry):
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
    at = [Carrier(field, values, sizes).value(of_node(e.node))[0] for e in wrt]

    def value(*given: Any) -> Any:
        return _carried(field, loss, wrt, [a[None] for a in given], values, {}, sizes)[0]

    return value, at


def _carried(field: InJax, loss: Expr, wrt: Sequence[Expr], given: Sequence[Any], values: Mapping[str, Any], leaves: Mapping[str, Any], sizes: Walker) -> Any:
    """The loss, lanes first, with inputs and named results given."""
    known = {e.node: a for e, a in zip(wrt, given, strict=True) if e.node.op != kinds.INPUT}
    own = {str(e.node.name): a for e, a in zip(wrt, given, strict=True) if e.node.op == kinds.INPUT}
    return Carrier(field, values, sizes, known, {**leaves, **own}).value(loss)


def jax_gradients(loss: Expr, wrt: Sequence[Expr], points: Sequence[Mapping[Any, Any]]) -> list[dict[str, Any]]:
    """Gradients (Jacobians of tensors) by name, by JAX's reverse mode, a row at a time: at several points of one size, a lane each.

    Raises
    ------
    UnsupportedError
        For what JAX cannot trace.
    """
    import jax
    import jax.numpy as jnp

    sizes = Walker(Tape(), {}, bind_sizes(topological([loss.node, *(e.node for e in wrt)]), points[0]))
    found: list[dict[str, Any]] = [{} for _ in points]
    with double_precision():
        field = InJax()
        leaves = {name: jnp.asarray(v) for name, v in stacked(points).items() if isinstance(name, str)}
        try:
            for one in wrt:  # each by itself: by a named result and what it is made of at once, the second would be hidden by the first
                at = Carrier(field, {}, sizes, leaves=leaves).value(of_node(one.node))
                at = jnp.broadcast_to(at, (len(points), *at.shape[1:]))

                def value(a: Any, given: Mapping[str, Any], one: Expr = one) -> Any:
                    return _carried(field, loss, [one], [a], {}, given, sizes)

                jacobian = np.moveaxis(_rows(value, at, leaves), 0, 1)
                letters = [loss.open[s] for s in sorted(loss.open, key=str)]
                for k, told in enumerate(found):
                    told[str(one.node.name)] = jacobian[k].reshape((*map(sizes.size, (*letters, *loss.shape)), *at.shape[1:]))
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


def _rows(function: Callable[[Any, Any], Any], at: Any, leaves: Mapping[str, Any]) -> Any:
    """All rows of the Jacobian in every lane: (row, lane, axes of ``at``)."""
    import jax
    import jax.numpy as jnp

    def pulled(at: Any, leaves: Mapping[str, Any]) -> Any:
        out, back = jax.vjp(lambda a: function(a, leaves), at)
        return jnp.stack([back(jnp.asarray(_unit(out.shape, place)))[0] for place in np.ndindex(*out.shape[1:])])

    try:  # compiled as a whole, without the optimizer: operation by operation every shape would be compiled by itself
        compiled = jax.jit(pulled).lower(at, leaves).compile(compiler_options={"xla_backend_optimization_level": 0})
        return np.asarray(compiled(at, leaves))
    except (TypeError, ValueError, NotImplementedError, RuntimeError, jax.errors.JAXTypeError):  # what depends on values (cases) cannot be traced
        return np.asarray(pulled(at, leaves))


def _unit(shape: tuple[int, ...], place: Any) -> Any:
    """1 at a place in every lane, 0 elsewhere."""
    unit: Any = np.zeros(shape)
    unit[(slice(None), *place)] = 1.0
    return unit
