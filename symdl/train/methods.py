"""Update rules: how a step follows from a gradient. All in place, on one flat vector of all parameters."""

from __future__ import annotations

import math
import reprlib
from typing import Any

import numpy as np

from symdl.errors import DataError, NameError_


class Method:
    """An update rule with its memory.

    Attributes
    ----------
    memory : dict
        Name -> array of the state between steps, for checkpoints.
    name : str
        The key in METHODS; native code has the rule under the same one, with
    constants : dict
        its numbers by name.
    settings : tuple of str
        The settings of its own that it takes.
    turns : bool
        Whether the path in turned coordinates is the path, turned: what treats every coordinate by itself does not.
    """

    name = ""
    settings: tuple[str, ...] = ()
    turns = False

    def __init__(self, size: int, lr: float, dtype: str = "float64") -> None:
        self.lr = np.array(lr, dtype)
        self.constants = {"lr": float(lr)}
        self.memory: dict[str, np.ndarray] = {}

    def step(self, x: np.ndarray, g: np.ndarray) -> None:
        """Move x against g; g may be overwritten."""
        raise NotImplementedError


class GradientDescent(Method):
    """x <- x - lr*g (Cauchy 1847)."""

    name = "gd"
    turns = True

    def step(self, x: np.ndarray, g: np.ndarray) -> None:
        np.multiply(g, self.lr, g)
        np.subtract(x, g, x)


class Momentum(Method):
    """v <- mu*v + g, x <- x - lr*v (Polyak 1964, in PyTorch's form)."""

    name = "momentum"
    settings = ("mu",)
    turns = True

    def __init__(self, size: int, lr: float, mu: float = 0.9, dtype: str = "float64") -> None:
        super().__init__(size, lr, dtype)
        self.constants["mu"] = mu = _between("mu", mu)
        self._mu = np.array(mu, dtype)
        self._v = self.memory["v"] = np.zeros(size, dtype)

    def step(self, x: np.ndarray, g: np.ndarray) -> None:
        v = self._v
        np.multiply(v, self._mu, v)
        np.add(v, g, v)
        np.multiply(v, self.lr, g)
        np.subtract(x, g, x)


class Adam(Method):
    """Kingma and Ba 2015, algorithm 1."""

    name = "adam"
    settings = ("beta1", "beta2", "eps")

    def __init__(self, size: int, lr: float, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, dtype: str = "float64") -> None:
        super().__init__(size, lr, dtype)
        beta1, beta2, eps = _between("beta1", beta1), _between("beta2", beta2), _number("eps", eps)
        if not (math.isfinite(eps) and eps > 0):
            raise DataError(f"train: eps is {eps}; it must be above 0")
        self.constants |= {"beta1": beta1, "beta2": beta2, "eps": eps}
        self._beta1, self._beta2, self._eps = beta1, beta2, eps
        self._m = self.memory["m"] = np.zeros(size, dtype)
        self._s = self.memory["s"] = np.zeros(size, dtype)
        self._t = self.memory["t"] = np.zeros(1)
        self._work = np.empty(size, dtype)

    def step(self, x: np.ndarray, g: np.ndarray) -> None:
        m, s, work = self._m, self._s, self._work
        self._t += 1
        t = float(self._t[0])
        np.multiply(m, self._beta1, m)
        np.multiply(g, 1 - self._beta1, work)
        np.add(m, work, m)
        np.multiply(g, g, g)
        np.multiply(g, 1 - self._beta2, g)
        np.multiply(s, self._beta2, s)
        np.add(s, g, s)
        np.divide(s, 1 - self._beta2**t, g)
        np.sqrt(g, g)
        np.add(g, self._eps, g)
        np.divide(m, g, work)
        np.multiply(work, float(self.lr) / (1 - self._beta1**t), work)
        np.subtract(x, work, x)


METHODS: dict[str, type[Method]] = {"gd": GradientDescent, "momentum": Momentum, "adam": Adam}


def method_class(name: str) -> type[Method]:
    """The update rule of this name; NameError_ when there is none."""
    if not isinstance(name, str) or name not in METHODS:
        raise NameError_(f"train: {name!r:.40} is not a method; there are {', '.join(METHODS)}")
    return METHODS[name]


def method_named(name: str, size: int, lr: float, dtype: str = "float64", **settings: float) -> Method:
    """The update rule of this name, made; NameError_ when there is none, or it does not know a setting."""
    known = method_class(name)
    strange = [setting for setting in settings if setting not in known.settings]
    if strange:
        takes = f"; it takes {', '.join(known.settings)}" if known.settings else ""
        raise NameError_(f"train: the method {name} does not take {', '.join(strange)}{takes}")
    return known(size, lr, dtype=dtype, **settings)  # type: ignore[arg-type]


def _between(name: str, value: Any) -> float:
    number = _number(name, value)
    if not 0 <= number < 1:
        raise DataError(f"train: {name} is {value}; it must be at least 0 and below 1")
    return number


def _number(name: str, value: Any) -> float:
    if not isinstance(value, (int, float, np.number)) or isinstance(value, bool):
        raise DataError(f"train: {name} is {reprlib.repr(value)[:60]}; it must be a number")
    return float(value)
