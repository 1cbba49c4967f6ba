"""How numeric gradient checks judge: the rules by which other people compare a gradient with differences of the loss, carried out on their terms.

Every rule gets what it would get at home: the claim in floats, and differences of the loss in floats with its own step, at an ordinary point (all numbers
normal, of size 1). What it lets pass, its users would have kept.

Sources: torch.autograd.gradcheck (eps 1e-6, atol 1e-5, rtol 1e-3); jax.test_util.check_grads (eps 1e-4, in float64 atol = rtol = 1e-5, along a random
direction); Stan's ``diagnose test=gradient`` (epsilon 1e-6, error 1e-6, absolute); ADBench, docs/JacobianCheck.md (|x - y|/max(1, |x| + |y|) < 1e-6, against
the right Jacobian).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from symdl.expr.tensor import Expr, of_node
from symdl.graph import node as kinds
from symdl.graph.walk import topological
from symdl.prove.numeric import Walker, bind_sizes, evaluate, tape_gradient
from symdl.prove.tape import Tape


class Rule(NamedTuple):
    """A numeric check: ``passes(claim, differences or the right values)``; ``step`` 0: compared with the right gradient."""

    name: str
    step: float
    along: bool
    passes: Callable[[Any, Any], bool]


def _close(absolute: float, relative: float) -> Callable[[Any, Any], bool]:
    return lambda claim, right: bool(np.all(np.abs(claim - right) <= absolute + relative * np.abs(right)))


RULES = (
    Rule("PyTorch", 1e-6, False, _close(1e-5, 1e-3)),
    Rule("JAX", 1e-4, True, _close(1e-5, 1e-5)),
    Rule("ADBench", 0.0, False, lambda claim, right: bool(np.all(np.abs(claim - right) < 1e-6 * np.maximum(1.0, np.abs(claim) + np.abs(right))))),
    Rule("Stan", 1e-6, False, _close(1e-6, 0.0)),
)


class Point:
    """One input, with everything the rules ask about the right gradient there."""

    def __init__(self, loss: Expr, wrt: Expr, values: Mapping[Any, Any]) -> None:
        self.loss, self.wrt, self.values = loss, wrt, values
        self._sizes = bind_sizes(topological([loss.node, wrt.node]), values)
        at = self._base()
        rng = np.random.default_rng(3)
        self.direction = rng.normal(size=at.shape) if at.size else np.zeros(at.shape)
        self._right = {rule.name: self._wanted(rule, at) for rule in RULES}

    def passed(self, claim: Expr) -> list[str]:
        """The rules that would let a claim pass."""
        said = np.asarray(evaluate(claim, self.values, beside=[self.loss, self.wrt]))
        if not np.all(np.isfinite(said)):
            return []
        axes = self.direction.ndim
        along = np.tensordot(said, self.direction, axes=axes) if axes else said * self.direction
        return [rule.name for rule in RULES if rule.passes(along if rule.along else said, self._right[rule.name])]

    def _base(self) -> Any:
        return np.asarray(evaluate(of_node(self.wrt.node), self.values, beside=[self.loss]))

    def _wanted(self, rule: Rule, at: Any) -> Any:
        if rule.step == 0:
            return tape_gradient(self.loss, [self.wrt], self.values)[1][str(self.wrt.node.name)]
        if rule.along:
            return self._difference(at, self.direction, rule.step)
        columns = []
        for place in np.ndindex(*at.shape):
            unit = np.zeros(at.shape)
            unit[place] = 1.0
            columns.append(self._difference(at, unit, rule.step))
        out = np.moveaxis(np.array(columns), 0, -1)
        return out.reshape((*out.shape[:-1], *at.shape))

    def _difference(self, at: Any, direction: Any, step: float) -> Any:
        with np.errstate(all="ignore"):
            return (self._value(at + step * direction) - self._value(at - step * direction)) / (2 * step)

    def _value(self, at: Any) -> Any:
        walk = Walker(Tape(), self.values, self._sizes)
        if self.wrt.node.op == kinds.INPUT:
            walk.leaves[str(self.wrt.node.name)] = walk.tape.var(at)
        else:
            walk.done[self.wrt.node] = walk.tape.var(at)
        return walk.expr(self.loss).value
