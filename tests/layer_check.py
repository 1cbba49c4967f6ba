"""One layer against PyTorch in float64: the value, and the gradient by every input and parameter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import symdl as sd

TOLERANCE = 1e-10


def close(ours: Any, theirs: Any, tolerance: float = TOLERANCE) -> bool:
    """Equal up to the tolerance, relative to the largest entry."""
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    if ours.shape != theirs.shape:
        return False
    scale = max(np.max(np.abs(theirs), initial=0.0), 1e-3)
    return bool(np.all(np.isfinite(ours)) and np.max(np.abs(ours - theirs), initial=0.0) <= tolerance * scale)


def arrays(rng: np.random.Generator, **shapes: Sequence[int]) -> dict[str, np.ndarray]:
    """Normal numbers of the shapes."""
    return {name: rng.normal(size=tuple(shape)) for name, shape in shapes.items()}


def tensors(values: Mapping[str, np.ndarray], symbolic: Mapping[str, Sequence[Any]] | None = None) -> dict[str, sd.Expr]:
    """Tensors of the same shapes, or of the symbolic shapes given."""
    chosen = symbolic or {}
    return {name: sd.tensor(name, *chosen.get(name, v.shape)) for name, v in values.items()}


def agree(
    ours: Callable[..., Any],
    theirs: Callable[..., Any],
    values: Mapping[str, np.ndarray],
    fixed: Sequence[str] = (),
    symbolic: Mapping[str, Sequence[Any]] | None = None,
    tolerance: float = TOLERANCE,
) -> sd.Expr:
    """Asserts that a layer and PyTorch's agree: the result and, with a random cotangent, the gradients by all but ``fixed``.

    Parameters
    ----------
    ours, theirs : callable
        Called with the tensors by name.
    values : mapping
        Name -> array.
    fixed : sequence of str
        What nothing flows back to (row numbers, masks).
    symbolic : mapping, optional
        Name -> shape with symbols.
    """
    import torch

    given = {k: torch.tensor(v, requires_grad=k not in fixed and v.dtype.kind == "f") for k, v in values.items()}
    expected = theirs(**given)
    cotangent = np.random.default_rng(7).normal(size=tuple(expected.shape))
    (expected * torch.tensor(cotangent)).sum().backward()

    made = tensors(values, symbolic)
    y = ours(**made)
    weight = sd.tensor("cotangent", *y.shape)
    wrt = [v for k, v in made.items() if k not in fixed]
    gradients = sd.grad(sd.sum(y * weight) if y.shape else y * weight, wrt)
    f = sd.lambdify([*made.values(), weight], [y, *gradients.values()])
    found = f(*values.values(), cotangent)
    assert close(found[0], expected.detach().numpy(), tolerance), f"value: {y}"
    for name, value in zip(gradients, found[1:], strict=True):
        want = given[name].grad
        assert close(value, np.zeros_like(values[name]) if want is None else want.numpy(), tolerance), f"gradient by {name}"
    return y
