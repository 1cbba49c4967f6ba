"""A loss and its gradients as the source of one NumPy function that stands alone and works for every size.

The backends plan a program for given sizes; this one keeps the sizes open, so it is written from the graph itself, a line a node. The names in it are
ours (x0, s0, v0): what the user called things stands in comments and in the keys only.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import sympy as sp

from symdl.errors import UnsupportedError
from symdl.expr.dims import show_shape
from symdl.expr.tensor import Expr
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node, Size
from symdl.graph.walk import topological
from symdl.lower.plan import input_nodes
from symdl.lower.precision import SINGLE, precision_named
from symdl.lower.source_loop import write_loop
from symdl.lower.stabilise import stabilised
from symdl.lower.standalone import Library, numpy_code

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def python_source(loss: Expr, gradients: Mapping[str, Expr], name: str = "loss_and_gradients", dtype: Any = None) -> str:
    """The source of ``loss_and_gradients(**inputs) -> (loss, {name: gradient})``, which computes in float64, or in the dtype "float32".

    Raises
    ------
    UnsupportedError
        When a size cannot be read off the shapes of the inputs, or a function has no source.
    """
    results = [loss, *gradients.values()]
    terms = stabilised([e.term for e in results])
    writer = _Writer(input_nodes([e.node for e in results]), precision_named(dtype))
    for node in topological(t.node for t in terms):
        writer.node(node)
    values = [writer.result(t, e) for t, e in zip(terms, results, strict=True)]
    pairs = ", ".join(f"{key!r}: {value}" for key, value in zip(gradients, values[1:], strict=True))
    shapes = ", ".join(f"{n.name} {show_shape(n.shape) if n.shape else '(scalar)'}" for n in writer.inputs)
    body = [*writer.head(), *writer.lines, f"return {values[0]}, {{{pairs}}}"]
    helpers = writer.library.source()
    parts = ["import numpy as np\n"]
    parts += [helpers] if helpers else []
    text = f'    """The loss, and its gradients by {", ".join(gradients)}. Inputs: {shapes or "none"}."""\n'
    parts.append(f"def {name}(**inputs):\n{text}" + "".join(f"    {line}\n" for line in body))
    return "\n\n".join(parts)


class _Writer:
    def __init__(self, inputs: Sequence[Node], dtype: str) -> None:
        self.inputs = list(inputs)
        self.single = dtype == SINGLE
        self.library = Library(dtype)
        self.dtype = "np.float32" if self.single else "float"
        #: As a last argument where an array is made.
        self.typed = f", dtype={self.dtype}" if self.single else ""
        self.lines: list[str] = []
        self._names = itertools.count()
        self._loops: dict[Any, list[str]] = {}
        self._place = {str(n.name): k for k, n in enumerate(self.inputs)}
        self._code: dict[Node, str] = {}
        self._sizes: dict[sp.Symbol, sp.Symbol] = {}
        self._checks: list[str] = []
        self._bind_sizes()

    # --- sizes ------------------------------------------------------------------------------------------------

    def _bind_sizes(self) -> None:
        """Symbols that are the size of an axis first, then those that stand in an expression of one."""
        axes = [(size, f"x{k}.shape[{axis}]", n) for k, n in enumerate(self.inputs) for axis, size in enumerate(n.shape)]
        for size, code, _ in axes:
            if isinstance(size, sp.Symbol) and size not in self._sizes:
                self._new_size(size, code)
        for size, code, _ in axes:
            free = [s for s in getattr(size, "free_symbols", ()) if s not in self._sizes]
            if len(free) == 1 and isinstance(size, sp.Expr):
                axis = sp.Dummy("axis", positive=True, integer=True)
                found = sp.solve(size - axis, free[0])
                if len(found) == 1:
                    self._new_size(free[0], f"round({numpy_code(found[0].xreplace({axis: sp.Symbol('axis'), **self._sizes}))})".replace("axis", code))
        for k, n in enumerate(self.inputs):
            self._checks += [f"if x{k}.shape != {self.shape(n.shape)}:"]
            self._checks += [f"    raise ValueError({str(n.name) + ' has shape '!r} + str(x{k}.shape) + {', expected ' + show_shape(n.shape)!r})"]

    def _new_size(self, size: sp.Symbol, code: str) -> None:
        own = self._sizes[size] = sp.Symbol(f"s{len(self._sizes)}", positive=True, integer=True)
        self._checks.append(f"{own} = {code}  # {size}")

    def size(self, size: Size) -> str:
        if isinstance(size, int):
            return str(size)
        missing = sorted(map(str, size.free_symbols - set(self._sizes)))
        if missing:
            raise UnsupportedError(f"the size {missing[0]} has no value: no input has it in its shape")
        return numpy_code(size.xreplace(self._sizes))

    def shape(self, shape: Sequence[Size]) -> str:
        inside = ", ".join(map(self.size, shape))
        return f"({inside},)" if len(shape) == 1 else f"({inside})"

    def head(self) -> list[str]:
        found = [f"x{k} = np.asarray(inputs[{n.name!r}], dtype={self.dtype})" for k, n in enumerate(self.inputs)]
        return found + self._checks

    # --- values -----------------------------------------------------------------------------------------------

    def number(self, value: Any) -> str:
        if type(value) is int:
            return repr(float(value))
        if isinstance(value, Fraction):
            small = max(abs(value.numerator), value.denominator) < 10**6
            return f"({value.numerator} / {value.denominator})" if small else repr(float(value))
        missing = sorted(map(str, value.free_symbols - set(self._sizes)))
        if missing:
            raise UnsupportedError(f"the size {missing[0]} has no value: no input has it in its shape")
        code = numpy_code(value.xreplace(self._sizes))
        # A scalar of NumPy would make 64 bits of what it is multiplied with.
        return f"float({code})" if self.single and "np." in code else f"({code})"

    def node(self, node: Node) -> None:
        """One line for a node; inputs and numbers need none."""
        if node.op == kinds.INPUT:
            self._code[node] = f"x{self._place[str(node.name)]}"
        elif node.op == kinds.CONST:
            self._code[node] = self.number(node.attr)
        elif node.op == kinds.POSITION:
            self._code[node] = f"np.arange({self.size(node.shape[0])}, dtype={self.dtype})"
        else:
            if node.op != kinds.POW or node.attr != -1:  # a reciprocal waits until something asks for it: products divide
                self._write(node)

    def _write(self, node: Node) -> None:
        code = _RULES[node.op](self, node)
        self._code[node] = self.fresh()
        self.lines.append(f"{self._code[node]} = {code}" + (f"  # {node.name}" if node.name else ""))

    def fresh(self) -> str:
        """A name that is not in use."""
        return f"v{next(self._names)}"

    def code_of(self, node: Node) -> str:
        if node not in self._code:
            self._write(node)
        return self._code[node]

    @contextmanager
    def block(self, codes: Mapping[Node, str]) -> Iterator[None]:
        """What is written inside is indented, and what is named inside is forgotten; ``codes``: values known inside only."""
        outer_lines, outer_code, outer_loops = self.lines, self._code, self._loops
        self.lines, self._code, self._loops = [], {**outer_code, **codes}, dict(outer_loops)
        yield
        outer_lines += [f"    {line}" for line in self.lines]
        self.lines, self._code, self._loops = outer_lines, outer_code, outer_loops

    def result(self, term: Term, like: Expr) -> str:
        code = self.aligned(term.node, term.map, range(like.ndim))
        if not like.shape:
            return f"{self.dtype}({code})"
        copied = "astype(np.float32)" if self.single else "copy()"
        return f"np.broadcast_to({code}, {self.shape(like.shape)}).{copied}"

    def aligned(self, node: Node, entries: Sequence[int], axes: Sequence[int]) -> str:
        """A node's value so that its axes are those asked for; axes that it lacks have size 1, leading ones none."""
        code, left = self.selected(node, entries)
        order = sorted(range(len(left)), key=lambda k: list(axes).index(left[k]))
        if order != list(range(len(left))):
            code = f"{code}.transpose({', '.join(map(str, order))})"
        have = set(left)
        shown = list(axes)
        while shown and shown[0] not in have:
            shown.pop(0)
        if len(have) < len(shown):
            code = f"{code}[{', '.join(':' if a in have else 'None' for a in shown)}]"
        return code

    def selected(self, node: Node, entries: Sequence[int]) -> tuple[str, list[int]]:
        """Fixed positions taken, diagonals read; the value, and the index on each axis that is left."""
        code = self.code_of(node)
        if any(e < 0 for e in entries):
            code = f"{code}[{', '.join(str(~e) if e < 0 else ':' for e in entries)}]"
        left = [e for e in entries if e >= 0]
        kept = list(dict.fromkeys(left))
        if len(kept) < len(left):
            code = f"np.einsum('{_letters(left)}->{_letters(kept)}', {code})"
        return code, kept

    # --- kinds of node ----------------------------------------------------------------------------------------

    def _args(self, node: Node) -> list[str]:
        return [self.aligned(a, m, range(node.rank)) for a, m in node.terms()]

    def _add(self, node: Node) -> str:
        text = ""
        for coef, arg in zip(node.attr, self._args(node), strict=True):
            negative = not isinstance(coef, sp.Expr) and coef < 0
            size = -coef if negative else coef
            part = arg if size == 1 else f"{self.number(size)} * {arg}"
            text += (" - " if negative else " + ") + part if text else ("-" if negative else "") + part
        return text

    def _mul(self, node: Node) -> str:
        product = node.attr
        sizes = node.sizes()
        plain = not product.summed and not product.deltas
        seen = {e for m in node.maps for e in m}
        if plain and set(range(node.rank)) <= seen:
            code = self._quotient(node)
            return code if product.coef == 1 else f"{self.number(product.coef)} * {code}"
        operands: list[tuple[str, list[int]]] = [self.selected(a, m) for a, m in node.terms()]
        for a, b in product.deltas:
            size = self.size(sizes[a])
            eye = f"np.eye({size}{self.typed})"
            operands.append((eye, [a, b]) if b >= 0 else (f"{eye}[{~b}]", [a]))
        used = {e for _, m in operands for e in m}
        operands += [(f"np.ones({self.size(size)}{self.typed})", [e]) for e, size in enumerate(sizes) if e not in used]
        subscripts = ",".join(_letters(m) for _, m in operands)
        code = f"np.einsum('{subscripts}->{_letters(range(node.rank))}', {', '.join(c for c, _ in operands)}, optimize=True)"
        return code if product.coef == 1 else f"{self.number(product.coef)} * {code}"

    def _quotient(self, node: Node) -> str:
        """A product; reciprocals are divided by, as they may be infinite where the quotient is not."""
        below = [a not in self._code and a.op == kinds.POW for a in node.args]
        above = [self.aligned(a, m, range(node.rank)) for (a, m), under in zip(node.terms(), below, strict=True) if not under]
        code = " * ".join(above) or "1.0"
        for (a, m), under in zip(node.terms(), below, strict=True):
            if under:
                code += f" / {self.aligned(a.args[0], [m[e] if e >= 0 else e for e in a.maps[0]], range(node.rank))}"
        return code

    def _pow(self, node: Node) -> str:
        (base,) = self._args(node)
        exponent = node.attr
        if exponent == -1:
            return f"1.0 / {base}"
        if exponent == Fraction(1, 2):
            return f"np.sqrt({base})"
        if self.single and type(exponent) is not int:  # an exponent of 32 bits would be off by the logarithm of the base
            return f"np.float32(np.float64({base}) ** {self.number(exponent)})"
        return f"{base} ** {exponent if type(exponent) is int and exponent > 0 else self.number(exponent)}"

    def _fn(self, node: Node) -> str:
        return f"{self.library.use(node.attr)}({', '.join(self._args(node))})"

    def _reduce(self, node: Node) -> str:
        axes = range(len(node.sizes()))
        over = tuple(axes[node.rank :])
        value = self.aligned(node.args[0], node.maps[0], axes)
        if node.attr.kind == "max":
            return f"np.max({value}, axis={over})"
        return f"{self.library.use(node.attr.kind)}({value}, {over})"

    def _matrix(self, node: Node) -> str:
        value = self.aligned(node.args[0], node.maps[0], (0, 1))
        value = value if node.args[0].op == kinds.INPUT else f"np.broadcast_to({value}, {self.shape(node.args[0].shape)})"
        return f"{self.library.use('logdet')}({value})" if node.attr == "logdet" else f"np.linalg.{node.attr}({value})"

    def _recurrence(self, node: Node) -> str:
        return write_loop(self, node, self._loops)

    def _let(self, node: Node) -> str:
        value = self.aligned(node.args[0], node.maps[0], range(node.rank))
        whole = {e for e in node.maps[0] if e >= 0} == set(range(node.rank))
        return value if whole else f"np.broadcast_to({value}, {self.shape(node.shape)})"


def _letters(indices: Sequence[int]) -> str:
    if any(i >= len(LETTERS) for i in indices):
        raise UnsupportedError(f"a product over more than {len(LETTERS)} indices cannot be printed as Python")
    return "".join(LETTERS[i] for i in indices)


_RULES: dict[str, Any] = {
    kinds.ADD: _Writer._add,
    kinds.MUL: _Writer._mul,
    kinds.POW: _Writer._pow,
    kinds.FN: _Writer._fn,
    kinds.REDUCE: _Writer._reduce,
    kinds.MATRIX: _Writer._matrix,
    kinds.LET: _Writer._let,
    kinds.RECUR: _Writer._recurrence,
}
