"""Functions of named arrays: programs made when a combination of shapes is seen for the first time."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from symdl.errors import DataError, DomainError, NameError_, ShapeError
from symdl.expr.dims import is_dim
from symdl.expr.tensor import Expr, describe
from symdl.graph.node import INPUT, Node
from symdl.graph.number import to_sympy
from symdl.graph.unroll import body_nodes
from symdl.graph.walk import topological
from symdl.lower import tabled
from symdl.lower.backends import Backend, backend_named
from symdl.lower.flat import Layout
from symdl.lower.listing import seconds_by_numpy
from symdl.lower.plan import Wanted, input_nodes, lower
from symdl.lower.precision import DOUBLE, bits, precision_named, rounded
from symdl.lower.program import Program
from symdl.lower.sizes import bind_sizes
from symdl.lower.stabilise import stabilised
from symdl.lower.timing import MOST, TOO_LONG, Timed, seconds_a_call
from symdl.lower.values import FLOAT, as_array

#: See ``symdl.lower.native.entry``.
ShortWay = Callable[[Sequence[Any]], "list[Any] | None"]


class Compiled:
    """Several expressions, ready to be evaluated together.

    Parameters
    ----------
    exprs : sequence of Expr
        Without open index letters.
    backend : str
    declared : mapping, optional
        Name -> shape, of further tensors whose shapes tell sizes.
    labels : sequence of str, optional
        How errors call the results.
    dtype : optional
        "float64" (unless it is given) or "float32".
    """

    def __init__(
        self,
        exprs: Sequence[Expr],
        backend: str = "auto",
        declared: Mapping[str, tuple[Any, ...]] | None = None,
        labels: Sequence[str] | None = None,
        dtype: Any = None,
    ) -> None:
        self.dtype = precision_named(dtype)
        self._backend = backend_named(backend)
        self._labels = list(labels) if labels else ["the result"] if len(exprs) == 1 else [f"result {k}" for k in range(len(exprs))]
        for expr in exprs:
            _require_closed(expr)
        self._table = tabled.results(exprs)
        if self._table is None:
            stable = stabilised([e.term for e in exprs])
            self._wanted = [Wanted(t.node, t.map, e.shape) for t, e in zip(stable, exprs, strict=True)]
            self._inputs = _all_inputs(exprs, self._wanted)
        else:
            self._wanted, self._inputs = [], self._table.inputs
        self._expected = {str(n.name): n.shape for n in self._inputs} | dict(declared or {})
        for node in self._inputs:
            shape = self._expected[str(node.name)]
            if shape != node.shape:
                raise ShapeError(f"{node.name} was declared with shape {shape}, and the expression has it with shape {node.shape}")
        self._dims = _symbols(self._wanted) | {s for shape in self._expected.values() for n in shape for s in sp.sympify(n).free_symbols}
        self._lock = threading.Lock()
        self._programs: dict[Any, Any] = {}
        self._short: ShortWay | None = None  # of the shapes that came last
        #: Names of the inputs, in the order in which a program takes them.
        self.names: list[str] = [str(n.name) for n in self._inputs]

    @property
    def made(self) -> list[Any]:
        """What was compiled so far, one for every combination of shapes; ``print`` shows it."""
        return [Timed(run, self._lock) if isinstance(run, _Run) else run for run in self._programs.values()]

    @property
    def shapes(self) -> dict[str, tuple[Any, ...]]:
        """Name -> symbolic shape of every input."""
        return self._expected

    def check(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """DataError unless these shapes go together."""
        bind_sizes(list(self._expected.items()), shapes)

    @property
    def dims(self) -> dict[str, sp.Symbol]:
        """Symbolic sizes by name: they may be given by keyword too."""
        return {str(s): s for s in self._dims}

    def program(self, shapes: Mapping[str, tuple[int, ...]], sizes: Mapping[sp.Symbol, int] | None = None) -> Program:
        """The program for these shapes."""
        bound = bind_sizes([(n, s) for n, s in self._expected.items() if n in shapes], shapes, sizes)
        return lower(self._wanted, bound, self._inputs, self.dtype) if self._table is None else tabled.program(self._table, self.dtype)

    def compile(self, shapes: Mapping[str, tuple[int, ...]], outs: Sequence[Any] | None = None) -> Callable[..., list[Any]]:
        """A bare function of arrays in the order of ``names``, for loops: nothing is checked or converted at a run."""
        return self._backend(self.program(shapes), outs)

    def __call__(self, values: Mapping[str, Any]) -> list[Any]:
        """The results for values by name, checked. Buffers belong to one call at a time."""
        if self._short is not None and len(values) == len(self.names):
            try:
                return self.of([values[name] for name in self.names])
            except KeyError:
                pass
        with self._lock, np.errstate(all="ignore"):
            return self._call(values)

    def of(self, args: Sequence[Any]) -> list[Any]:
        """The results for values of the inputs in the order of ``names``, checked."""
        with self._lock:
            results = None if self._short is None else self._short(args)
            if results is not None:
                return results
            with np.errstate(all="ignore"):
                return self._ran(args, {})

    def _call(self, values: Mapping[str, Any]) -> list[Any]:
        names = self.names
        if len(values) != len(names) or not all(map(values.__contains__, names)):
            values, sizes = self._sorted_out(values)
        else:
            sizes = {}
        return self._ran([values[name] for name in names], sizes)

    def _ran(self, values: Sequence[Any], sizes: Mapping[sp.Symbol, int]) -> list[Any]:
        kind = FLOAT if self.dtype == DOUBLE else None
        args = [a if _ready(a, kind) else as_array(name, a, self.dtype) for name, a in zip(self.names, values, strict=True)]
        key: Any = tuple([a.shape if type(a) is np.ndarray else () for a in args])
        if sizes:
            key = (key, *sizes.items())
        run = self._programs.get(key)
        if run is None:  # whoever calls once needs no short way
            run = self._programs[key] = self._made(dict(zip(self.names, map(np.shape, args), strict=True)), sizes)
            self._short = None
        else:
            self._short = None if sizes else getattr(run, "short", None)
        return run(args, self._labels)

    def _made(self, shapes: Mapping[str, tuple[int, ...]], sizes: Mapping[sp.Symbol, int]) -> Any:
        """A program for these shapes, compiled; of a table of scalars no program is made for NumPy."""
        if self._table is not None and self._backend is backend_named("numpy"):
            bind_sizes([(n, s) for n, s in self._expected.items() if n in shapes], shapes, sizes)
            return _RunOfTable(self._table, self.dtype)
        return _Run(self._backend, self.program(shapes, sizes))

    def _sorted_out(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[sp.Symbol, int]]:
        """Values of inputs; and sizes: those given, and those that only tensors which are not computed with can tell."""
        sizes: dict[sp.Symbol, int] = {}
        shapes: dict[str, tuple[int, ...]] = {}
        for name, value in values.items():
            if name in self._expected:
                shapes[name] = np.shape(as_array(name, value, self.dtype))
            else:
                size = self._dim(name)
                sizes[size] = _whole(name, value)
        missing = [name for name in self.names if name not in shapes]
        if missing:
            raise DataError(f"no value given for {', '.join(missing)}")
        return dict(values), bind_sizes([(n, s) for n, s in self._expected.items() if n in shapes], shapes, sizes)

    def _dim(self, name: str) -> sp.Symbol:
        found = self.dims.get(name)
        if found is None:
            raise NameError_(f"{name} does not occur in the expression; it mentions {', '.join(self.names) or 'no tensor'}")
        return found


#: Longer programs are not kept to be shown.
_SHOWN = 20_000


def _ready(value: Any, kind: np.dtype | None) -> bool:
    """Whether a value is what ``as_array`` would make of it; False when that is not seen at a glance."""
    if type(value) is not np.ndarray or value.dtype is not kind or not value.flags.c_contiguous or not value.ndim or not value.size:
        return False
    flat = value.ravel()
    return math.isfinite(flat.dot(flat))


class _Run:
    """A program for certain shapes. Its tensors come out in one vector, which is copied and looked through at once."""

    def __init__(self, backend: Backend, program: Program) -> None:
        self._tensors = [k for k, out in enumerate(program.outputs) if out.shape]
        self._scalars = [k for k, out in enumerate(program.outputs) if not out.shape]
        self._layout = Layout([program.outputs[k].shape for k in self._tensors])
        self._dtype = program.dtype
        self._vector = self._layout.zeros(program.dtype)
        outs: list[Any] = [None] * len(program.outputs)
        for k, view in zip(self._tensors, self._layout.views(self._vector), strict=True):
            outs[k] = view
        self._run = backend(program, outs)
        self._known = [shape for _, shape in program.inputs]
        self._program = program if len(program.code) <= _SHOWN else None

    def __str__(self) -> str:
        """The program, or what its backend shows of it."""
        if type(self._run).__str__ is not object.__str__:
            return str(self._run)
        return "a program too long to be shown" if self._program is None else str(self._program)

    def seconds(self) -> float | None:
        """What a call takes, measured; None where that would take long."""
        if self._program is None or seconds_by_numpy(self._program) > TOO_LONG:
            return None
        shapes = [shape for _, shape in self._program.inputs]
        return seconds_a_call(self._run, shapes, self._dtype) if sum(map(math.prod, shapes)) <= MOST else None

    @cached_property
    def short(self) -> ShortWay | None:
        """From arguments as they come to checked results; gives up (None) where it does not know them."""
        glance = getattr(self._run, "glance", None)
        return getattr(self._run, "entry", None) if glance is None else glance(self._vector)

    def _cut(self, fresh: np.ndarray, results: list[Any]) -> None:
        """The tensors of a vector."""
        for k, (place, shape) in zip(self._tensors, self._layout.places, strict=True):
            results[k] = fresh[place] if len(shape) == 1 else fresh[place].reshape(shape)

    def __call__(self, args: Sequence[Any], labels: Sequence[str]) -> list[Any]:
        results = self._run(*args)
        for k in self._scalars:
            results[k] = rounded(results[k], self._dtype)
            require_finite(labels[k], results[k], self._dtype)
        if self._tensors:
            fresh = self._vector.copy()
            self._cut(fresh, results)
            if not math.isfinite(fresh.dot(fresh)):
                for k in self._tensors:
                    require_finite(labels[k], results[k], self._dtype)
        return results


class _RunOfTable:
    """A table of scalars, computed without a program; one is made to be shown."""

    def __init__(self, table: tabled.Results, dtype: str) -> None:
        self._run, self._table, self._dtype = table.function(), table, dtype

    def __str__(self) -> str:
        return "a program too long to be shown" if len(self._table.needed) > _SHOWN else str(tabled.program(self._table, self._dtype))

    def __call__(self, args: Sequence[Any], labels: Sequence[str]) -> list[Any]:
        results = [rounded(result, self._dtype) for result in self._run(*args)]
        for label, result in zip(labels, results, strict=True):
            require_finite(label, result, self._dtype)
        return results


def require_finite(label: str, result: Any, dtype: str = DOUBLE) -> None:
    """DomainError when a result is NaN or infinite: the inputs were finite."""
    if type(result) is np.ndarray:
        # The sum of squares is finite when all elements are, unless they are huge: then look at each.
        flat = result.ravel()
        if math.isfinite(flat.dot(flat)) or np.isfinite(flat).all():
            return
        shown = float(flat[~np.isfinite(flat)][0])
    else:
        if math.isfinite(result):
            return
        shown = float(result)
    what = "is not a number" if shown != shown else "is infinite"
    raise DomainError(f"{label} {what} at these values: they lie outside the domain of a function, or a result is too large for a {bits(dtype)} number")


def _require_closed(expr: Expr) -> None:
    if expr.open:
        letters = ", ".join(sorted(map(str, expr.open)))
        raise ShapeError(f"{describe(expr)} has the open index {letters}: sum over it, or make it an axis with sd.let")


def _all_inputs(exprs: Sequence[Expr], wanted: Sequence[Wanted]) -> list[Node]:
    """Inputs of the expressions as written, and as stabilised: the user gives all that the expression mentions."""
    return input_nodes([e.node for e in exprs] + [w.node for w in wanted])


def _symbols(wanted: Sequence[Wanted]) -> set[sp.Symbol]:
    """Size symbols in shapes and coefficients."""
    found: set[Any] = set()
    order = topological(w.node for w in wanted)
    for node in (*order, *topological(body_nodes(order))):
        attr = node.attr
        parts = [*node.sizes()]
        if node.op != INPUT:
            parts += list(attr) if isinstance(attr, tuple) else [attr]
        if hasattr(attr, "coef"):
            parts.append(attr.coef)
        for part in parts:
            if isinstance(part, sp.Expr):
                found |= part.free_symbols
    found |= {s for w in wanted for n in w.shape if isinstance(n, sp.Expr) for s in n.free_symbols}
    return {s for s in found if is_dim(s) or isinstance(s, sp.Symbol)}


def _whole(name: str, value: Any) -> int:
    number = to_sympy(value) if isinstance(value, int) else value
    try:
        if int(number) == number and int(number) >= 1:
            return int(number)
    except (TypeError, ValueError, OverflowError):
        pass
    raise DataError(f"the size {name} must be a whole number from 1, not {value!r:.40}")
