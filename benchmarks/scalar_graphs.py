"""Scalar graphs for measuring: each is a program in the operators + * / ** and a few functions, so that every library builds the same one."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any, Protocol


class Words(Protocol):
    """What a library must say: variables, and functions of them. Operators are its own."""

    def variables(self, count: int) -> list[Any]: ...
    def sin(self, z: Any) -> Any: ...
    def exp(self, z: Any) -> Any: ...
    def sigmoid(self, z: Any) -> Any: ...


Graph = Callable[[int, Words], tuple[Any, list[Any]]]


def chain(n: int, words: Words) -> tuple[Any, list[Any]]:
    """n sigmoids, one after the other."""
    (x,) = words.variables(1)
    y = x
    for _ in range(n):
        y = words.sigmoid(y)
    return y, [x]


def random_graph(n: int, words: Words) -> tuple[Any, list[Any]]:
    """n operations, each of results among the last fifty; ten variables."""
    draw = random.Random(7)
    nodes = variables = words.variables(10)
    nodes = list(nodes)
    for _ in range(n):
        operation = draw.choice(["+", "*", "/", "sin", "exp", "sigmoid"])
        a, b = (nodes[draw.randrange(max(0, len(nodes) - 50), len(nodes))] for _ in range(2))
        # Arguments are kept near one, so that values stay finite however long the graph is.
        if operation == "+":
            made = (a + b) / 2
        elif operation == "*":
            made = a * b
        elif operation == "/":
            made = a / (1 + b * b)
        elif operation == "exp":
            made = words.exp(-a * a)
        else:
            made = words.sin(a) if operation == "sin" else words.sigmoid(a)
        nodes.append(made)
    total = nodes[-1]
    for node in nodes[-50:-1]:
        total = total + node
    return total, variables


def network(n: int, words: Words) -> tuple[Any, list[Any]]:
    """A fully connected network of three layers, about n weights, every weight a scalar of its own."""
    width = max(1, round(math.sqrt(n / 3)))
    layer = words.variables(width)
    weights = words.variables(3 * width * width)
    rows = iter(range(0, len(weights), width))
    for _ in range(3):
        units = []
        for start in (next(rows) for _ in range(width)):
            total = weights[start] * layer[0]
            for w, a in zip(weights[start + 1 : start + width], layer[1:], strict=True):
                total = total + w * a
            units.append(words.sigmoid(total))
        layer = units
    loss = layer[0] ** 2
    for unit in layer[1:]:
        loss = loss + unit**2
    return loss, weights


GRAPHS: dict[str, Graph] = {"chain": chain, "random": random_graph, "network": network}


class Numbers:
    """The same graphs in numbers, with a plain tape: what gradients are held to."""

    def __init__(self, seed: int = 3) -> None:
        self._draw = random.Random(seed)
        self.tape: list[tuple[tuple[int, float], ...]] = []
        self.values: list[float] = []
        self.places: list[int] = []

    def variables(self, count: int) -> list[Number]:
        found = [self.add(self._draw.uniform(-1, 1)) for _ in range(count)]
        self.values += [v.value for v in found]
        self.places += [v.place for v in found]
        return found

    def add(self, value: float, *slopes: tuple[int, float]) -> Number:
        self.tape.append(slopes)
        return Number(self, len(self.tape) - 1, value)

    def sin(self, z: Number) -> Number:
        return self.add(math.sin(z.value), (z.place, math.cos(z.value)))

    def exp(self, z: Number) -> Number:
        return self.add(math.exp(z.value), (z.place, math.exp(z.value)))

    def sigmoid(self, z: Number) -> Number:
        s = 1 / (1 + math.exp(-z.value))
        return self.add(s, (z.place, s * (1 - s)))

    def gradient(self, out: Number, by: list[Number]) -> list[float]:
        adjoints = [0.0] * len(self.tape)
        adjoints[out.place] = 1.0
        for place in reversed(range(out.place + 1)):
            for argument, slope in self.tape[place]:
                adjoints[argument] += slope * adjoints[place]
        return [adjoints[v.place] for v in by]


class Number:
    """A number on a tape."""

    def __init__(self, tape: Numbers, place: int, value: float) -> None:
        self.tape, self.place, self.value = tape, place, value

    def _of(self, other: Any) -> Number:
        return other if isinstance(other, Number) else self.tape.add(float(other))

    def __add__(self, other: Any) -> Number:
        b = self._of(other)
        return self.tape.add(self.value + b.value, (self.place, 1.0), (b.place, 1.0))

    __radd__ = __add__

    def __mul__(self, other: Any) -> Number:
        b = self._of(other)
        return self.tape.add(self.value * b.value, (self.place, b.value), (b.place, self.value))

    __rmul__ = __mul__

    def __neg__(self) -> Number:
        return self * -1.0

    def __truediv__(self, other: Any) -> Number:
        b = self._of(other)
        return self.tape.add(self.value / b.value, (self.place, 1 / b.value), (b.place, -self.value / b.value**2))

    def __pow__(self, k: int) -> Number:
        return self.tape.add(self.value**k, (self.place, k * self.value ** (k - 1)))
