"""What was done: rules, steps, derivations. Pure data; nothing here derives, proves or prints mathematics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from symdl.errors import NameError_
from symdl.expr.tensor import Expr
from symdl.graph.node import Node


@dataclass(frozen=True)
class Rule:
    """A rule of the calculus, by the name the field gives it.

    Attributes
    ----------
    name : str
        "chain rule", "derivative of the sigmoid", ...
    statement : str
        LaTeX of what it says; "" when the name says it.
    zh : str
        The name in Chinese.
    """

    name: str
    statement: str = ""
    zh: str = ""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Step:
    """One step: by ``rule``, ``before`` equals ``after``. Each can be checked on its own.

    Attributes
    ----------
    rule : Rule
    before, after : Expr
        Of one shape. ``before`` may hold local partials that are not carried out.
    of : str
        The quantity that is being worked out: "dC/dz1".
    """

    rule: Rule
    before: Expr
    after: Expr
    of: str = ""

    def __str__(self) -> str:
        return f"{self.of} [{self.rule.name}]: {self.before} = {self.after}"


@dataclass(frozen=True)
class Line:
    """One quantity of a derivation: the adjoint of a node and the steps that led to it.

    Attributes
    ----------
    of : str
        "dC/dW1".
    node : Node
        The node whose adjoint this is.
    adjoint : Expr
        The adjoint; its axes are those of the derived quantity, then those of the node.
    steps : tuple of Step
    """

    of: str
    node: Node
    adjoint: Expr
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Told:
    """What a reader of a derivation is told besides the gradients.

    Attributes
    ----------
    loss_name : str
        What the loss is called: "C", or the name the user gave it.
    names : dict
        Node -> name, for named intermediate results (the user's, and those symdl chose) and named adjoints.
    forward : tuple of Node
        The named intermediate results in order of computation, the loss last.
    make_lines : callable
        Gives the lines of the backward pass. Called once, when somebody looks.
    make_labels : callable
        Gives node -> u1, u2, ..., how steps speak of nameless nodes.
    """

    loss_name: str
    names: dict[Node, str]
    forward: tuple[Node, ...]
    make_lines: Callable[[], tuple[Line, ...]]
    make_labels: Callable[[], dict[Node, str]]


@dataclass
class Derivation:
    """What the differentiator did.

    Attributes
    ----------
    loss : Expr
        What was differentiated.
    wrt : dict
        Name -> Expr, what it was differentiated by.
    gradients : mapping
        Name -> Expr, each of its parameter's shape.
    tell : callable
        Gives all else, see :class:`Told`, when somebody looks.
    """

    loss: Expr
    wrt: dict[str, Expr]
    gradients: Mapping[str, Expr]
    tell: Callable[[], Told] = field(repr=False)

    @property
    def loss_name(self) -> str:
        """What the loss is called."""
        return self.told.loss_name

    @property
    def names(self) -> dict[Node, str]:
        """Node -> name, of intermediate results and adjoints."""
        return self.told.names

    @property
    def forward(self) -> tuple[Node, ...]:
        """The named intermediate results in order of computation, the loss last."""
        return self.told.forward

    @cached_property
    def told(self) -> Told:
        """Names, and how to get the lines."""
        return self.tell()

    @cached_property
    def labels(self) -> dict[Node, str]:
        """Node -> u1, u2, ..., of nameless nodes."""
        return self.told.make_labels()

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The backward pass, quantity by quantity, from the loss to the parameters."""
        return self.told.make_lines()

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, in the order in which they were taken."""
        return tuple(step for line in self.lines for step in line.steps)

    def __getitem__(self, key: Any) -> Any:
        name = key if isinstance(key, str) else _name_of(key)
        if name not in self.gradients:
            raise NameError_(f"the derivation has no gradient by {name}; it has {', '.join(self.gradients)}")
        return self.gradients[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.gradients)

    def __len__(self) -> int:
        return len(self.gradients)

    def items(self) -> Any:
        """Names and gradients, as of a dict.

        Returns
        -------
        items
            Pairs (name, gradient).
        """
        return self.as_dict().items()

    def as_dict(self) -> Mapping[str, Any]:
        """The gradients by name.

        Returns
        -------
        dict
            Name -> gradient, each of its parameter's shape.
        """
        return {name: self[name] for name in self.gradients}


def _name_of(key: Any) -> str:
    return str(key.node.name or key) if isinstance(key, Expr) and key.name else str(key)
