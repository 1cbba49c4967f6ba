"""The source of a program for NumPy, and the arrays that it names."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symdl.errors import DomainError
from symdl.lower.buffers import Buffers, fixed_outputs
from symdl.lower.lookups import add_rows, look_up
from symdl.lower.numpy_reduce import by_slices, pays, pays_for
from symdl.lower.numpy_scan import RunScan
from symdl.lower.precision import DOUBLE, SINGLE
from symdl.lower.program import ELEMENTWISE, VIEWS, Instruction, Operand, Program, Ref
from symdl.lower.scalars import array_function, power, scalar_function
from symdl.lower.windows import Fold, inside_of, window

#: A function of more lines than this is cut into pieces: Python's compiler takes more than linear time.
CHUNK = 1000

#: So many numbers are summed as a product with ones, which NumPy begins in a third of the time.
_FEW = 128

#: 1 - sigmoid(z) = exp(-z) to the last digit above this, and exp(z) is finite below it.
_FAR = {DOUBLE: 700.0, SINGLE: 80.0}


def _fixes(far: float) -> dict[str, Callable[..., None]]:
    def fix_sigmoid(z: np.ndarray, s: np.ndarray) -> None:
        s[z > far] = 1.0

    def fix_cosigmoid(z: np.ndarray, s: np.ndarray) -> None:
        large = z > far
        s[large] = np.exp(-z[large])

    return {"fix_sigmoid": fix_sigmoid, "fix_cosigmoid": fix_cosigmoid}


_FIXES = {dtype: _fixes(far) for dtype, far in _FAR.items()}


def _logdet(a: np.ndarray) -> float:
    sign, value = np.linalg.slogdet(a)
    if sign <= 0:
        raise DomainError("logdet: the determinant is not positive")
    return float(value)


def select(array: np.ndarray, entries: tuple[int, ...]) -> np.ndarray:
    """A view: fixed positions taken, equal indices along the diagonal."""
    array = array[(*(~e if e < 0 else slice(None) for e in entries), ...)]  # the ellipsis: a view even of a single element
    kept = [e for e in entries if e >= 0]
    return np.einsum(array, kept, list(dict.fromkeys(kept))) if len(set(kept)) < len(kept) else array


def view(array: np.ndarray, place: tuple[int, ...]) -> np.ndarray:
    """A view: axes in this order, -1 for a new one."""
    array = np.asarray(array).transpose([p for p in place if p >= 0])  # a constant comes as a float
    return array[tuple(None if p < 0 else slice(None) for p in place)]


_NAMES: dict[str, Any] = {
    **{name: getattr(np, name) for name in ELEMENTWISE},
    **{f.__name__: f for f in (np.matmul, np.einsum, np.vdot, np.broadcast_to, np.take, select, view, window, look_up, add_rows, by_slices)},
    "inv": np.linalg.inv,
    "det": np.linalg.det,
    "logdet": _logdet,
    "scalar_power": power,
    "scalar": float,
    "INF": math.inf,
}


class Writer:
    """Writes the source, and makes the arrays that it names."""

    def __init__(self, program: Program, outs: list[np.ndarray | None]) -> None:
        self._program = program
        self._outs = outs
        self._slots = len(program.code) > CHUNK
        self._static: dict[int, np.ndarray] = {}
        self._buffers = Buffers(program, fixed_outputs(program, outs))
        self._constants: dict[str, str] = {}
        self._dtype = program.dtype
        #: The lines; how many there are after each instruction; what the results are called.
        self.lines: list[str] = []
        self.ends: list[int] = []
        self.results: list[str] = []
        self.names = _NAMES | {"ONE": np.array(1.0, program.dtype)} | _FIXES[program.dtype]

    def source(self) -> list[str]:
        """Pieces of source; the last defines ``run``."""
        lines = self.lines
        for number, step in enumerate(self._program.code):
            if step.op != "input":
                lines += self._line(number, step)
            self.ends.append(len(lines))
            self._buffers.release(number)
        params = [f"v{k}" for k in range(len(self._program.inputs))]
        self.results = self._results(lines)
        results = ", ".join(self.results)
        if not self._slots:
            body = [*lines, f"return [{results}]"]
            return [f"def run({', '.join(params)}):\n " + "\n ".join(body)]
        pieces: list[str] = []
        for start in range(0, len(lines), CHUNK):
            pieces.append(f"def piece{len(pieces)}(s):\n " + "\n ".join(lines[start : start + CHUNK]))
        main = [f"s = [0.0] * {len(self._program.code)}", *(f"s[{k}] = {name}" for k, name in enumerate(params))]
        main += [f"piece{k}(s)" for k in range(len(pieces))] + [f"return [{results}]"]
        return [*pieces, f"def run({', '.join(params)}):\n " + "\n ".join(main)]

    def _results(self, lines: list[str]) -> list[str]:
        shown = []
        for k, (out, array) in enumerate(zip(self._program.outputs, self._outs, strict=True)):
            value = out.value
            text = self._operand(value)
            if array is not None:
                self.names[f"o{k}"] = array
                if not isinstance(value, Ref) or self._static.get(value) is not array:
                    lines.append(f"o{k}[...] = {text}")
                shown.append(f"o{k}")
            else:
                shown.append(f"{text}.copy()" if out.shape else text)
        return shown

    # --- operands -----------------------------------------------------------------------------------------------

    def _operand(self, value: Operand) -> str:
        if not isinstance(value, Ref):
            return repr(float(value))
        return f"s[{int(value)}]" if self._slots and value not in self._static else f"v{int(value)}"

    def _for_ufunc(self, value: Operand, dtype: str) -> str:
        """As an operand of an array function: numbers are arrays without axes, which NumPy takes in half the time."""
        if isinstance(value, Ref):
            return self._operand(value)
        name = self._constants.setdefault(f"{float(value)!r} {dtype}", f"K{len(self._constants)}")
        self.names[name] = np.array(float(value), dtype)
        return name

    def _keep(self, number: int, array: np.ndarray) -> str:
        self._static[number] = array
        self.names[f"v{number}"] = array
        return f"v{number}"

    def _buffer(self, number: int) -> str:
        return self._keep(number, self._buffers.array_for(number))

    def flat(self, value: Operand) -> str | None:
        """A 1-D view of a value, made now; None when there is none."""
        array = self._static.get(value) if isinstance(value, Ref) else None
        if array is None:
            return None
        flat = array.reshape(-1)
        if flat.size and not np.may_share_memory(flat, array):
            return None
        name = f"f{int(value)}"
        self.names[name] = flat
        return name

    def _vector(self, value: Operand) -> str | None:
        """A value that is 1-D as it comes."""
        return self._operand(value) if isinstance(value, Ref) and len(self._program.code[value].shape) == 1 else None

    # --- one instruction ------------------------------------------------------------------------------------------

    def _line(self, number: int, step: Instruction) -> list[str]:
        if step.op in VIEWS:
            return self._view(number, step)
        if not step.shape:
            return [f"{self._operand(Ref(number))} = {text}" for text in self._scalar(number, step)]
        return self._tensor(number, step)

    def _view(self, number: int, step: Instruction) -> list[str]:
        (arg,) = step.args
        array = self._static.get(arg) if isinstance(arg, Ref) else None
        text = self._operand(arg)
        if step.op == "spread" and array is None and not (isinstance(arg, Ref) and self._program.code[arg].shape):
            return [f"{self._buffer(number)}.fill({text})"]
        make: Callable[[np.ndarray], np.ndarray] = {
            "view": lambda a: view(a, step.attr),
            "select": lambda a: select(a, step.attr),
            "reshape": lambda a: a.reshape(step.shape),
            "spread": lambda a: np.broadcast_to(a, step.shape),
            "stretch": lambda a: a[slice(*step.attr)].reshape(step.shape),
            "window": lambda a: window(a, step.attr, step.shape),
        }[step.op]
        if array is not None and step.shape:
            made = make(array)
            if np.may_share_memory(made, array) or not made.size:
                self._keep(number, made)
                return []
            # Rows that do not lie one after the other are copied at every run.
            copy = self._keep(number, np.empty(step.shape, self._dtype))
            self.names[f"c{number}"] = self._static[number].reshape(array.shape)
            return [f"c{number}[...] = {text}"] if copy else []
        target = self._operand(Ref(number))
        if not step.shape:
            place = {"select": lambda: [~e for e in step.attr], "stretch": lambda: [step.attr[0]]}.get(step.op)
            inside = f"{text}[{', '.join(map(str, place()))}]" if place else f"{text}.reshape(())"
            return [f"{target} = scalar({inside})"]
        return [f"{target} = " + self._dynamic(text, number, step)]

    def _dynamic(self, text: str, number: int, step: Instruction) -> str:
        """A view of an input, made at every run."""
        if step.op == "view" and step.attr == (1, 0):
            return f"{text}.T"
        if step.op == "window":
            self.names[f"w{number}"] = step.attr
            return f"window({text}, w{number}, {step.shape})"
        if step.op in ("view", "select"):
            return f"{step.op}({text}, {step.attr})"
        return f"{text}.reshape({step.shape})" if step.op == "reshape" else f"broadcast_to({text}, {step.shape})"

    def _scalar(self, number: int, step: Instruction) -> list[str]:
        args = [self._operand(a) for a in step.args]
        op = step.op
        if op == "linear":
            return _sum_text(self._operand(Ref(number)), args, *step.attr)
        if op == "product":
            return _product_text(self._operand(Ref(number)), args, *step.attr)
        if op == "pow":
            return [_power_text(args[0], step.attr)]
        if op in _INFIX:
            return [f"{args[0]} {_INFIX[op]} {args[1]}"]
        if op == "negative":
            return [f"-{args[0]}"]
        if op == "call":
            self.names[f"call_{step.attr}"] = scalar_function(step.attr)
            return [f"call_{step.attr}({', '.join(args)})"]
        if op == "overflowed":
            flat = self.flat(step.args[0])
            return [f"{flat}.dot({flat}) == INF"]
        if op == "inner":
            flats = [self.flat(a) or self._vector(a) for a in step.args]
            return [f"scalar({flats[0]}.dot({flats[1]}))" if all(flats) else f"scalar(vdot({args[0]}, {args[1]}))"]
        if op == "sum" and (flat := self.flat(step.args[0])) and self.names[flat].size <= _FEW:
            self.names[f"ones{self.names[flat].size}"] = np.ones(self.names[flat].size, self._dtype)
            return [f"scalar({flat}.dot(ones{self.names[flat].size}))"]
        if op in ("sum", "amax"):
            return [f"scalar({_REDUCE[op]}.reduce({args[0]}, None))"]
        if op == "dot":
            return [f"scalar({args[0]}.dot({args[1]}))"]
        if op == "power":
            return [f"scalar_power({args[0]}, {args[1]})"]
        return [f"scalar({op}({', '.join(args)}))"]

    def _tensor(self, number: int, step: Instruction) -> list[str]:
        op = step.op
        if op == "ones":
            self._keep(number, np.ones(step.shape, self._dtype))
            return []
        if op == "table":
            self._keep(number, step.attr.array.astype(self._dtype, copy=False))
            return []
        if op == "scatter":
            full = np.zeros(step.shape, self._dtype)
            self._keep(number, full)
            self.names[f"d{number}"] = select(full, step.attr)
            return [f"d{number}[...] = {self._operand(step.args[0])}"]
        if op == "pad":
            full = np.zeros(step.shape, self._dtype)
            self._keep(number, full)
            self.names[f"d{number}"] = inside_of(full, step.attr)
            return [f"d{number}[...] = {self._operand(step.args[0])}"]
        if op == "scan":
            self.names[f"scan{number}"] = RunScan(step.attr)
            return [f"scan{number}({', '.join([self._buffer(number), *map(self._operand, step.args)])})"]
        # An exponent is not rounded to 32 bits: x**(1/3) would be off by the logarithm of x.
        args = [self._for_ufunc(a, DOUBLE if op == "power" else self._dtype) for a in step.args]
        out = self._buffer(number)
        if op in ELEMENTWISE:
            keyword = "out=" if op in ("maximum", "minimum") else ""
            return [f"{op}({', '.join(args)}, {keyword}{out})"]
        if op == "dot":
            return [f"{args[0]}.dot({args[1]}, {out})"]
        if op == "take":
            at, missing = step.attr
            self.names[f"t{number}"] = at.array
            lines = [f"take({args[0]}, t{number}, 0, {out}, 'clip')"]
            if missing is None:
                return lines
            self.names[f"m{number}"] = missing.array
            return [*lines, f"{out}[m{number}] = 0.0"]
        if op == "fold":
            self.names[f"fold{number}"] = Fold(step.attr, self._program.code[step.args[0]].shape)  # type: ignore[index]
            return [f"fold{number}({args[0]}, {out})"]
        if op == "lookup":
            rows, count, beside = step.attr
            self.names[f"t{number}"] = beside.array
            return [f"look_up({args[0]}, {args[1]}, {rows}, {count}, t{number}, {out})"]
        if op == "add_rows":
            return [f"add_rows({args[0]}, {args[1]}, {out})"]
        if op == "matmul":
            return [f"matmul({args[0]}, {args[1]}, {out})"]
        shape = self._program.code[step.args[0]].shape if op in ("einsum", "sum", "amax") else ()  # type: ignore[index]
        if op == "einsum":
            over = pays_for(step.attr, shape)
            if over is None:
                return [f"einsum({step.attr!r}, {args[0]}, {args[1]}, out={out})"]
            self.names[f"p{number}"] = np.empty(shape, self._dtype)
            return [f"multiply({args[0]}, {args[1]}, p{number})", f"by_slices(add, p{number}, {over}, {out})"]
        if op in ("sum", "amax") and pays(shape, step.attr):
            return [f"by_slices({_REDUCE[op]}, {args[0]}, {step.attr}, {out})"]
        if op in ("sum", "amax"):
            axes = step.attr[0] if len(step.attr) == 1 else step.attr
            return [f"{_REDUCE[op]}.reduce({args[0]}, {axes}, None, {out})"]
        if op == "cosigmoid":
            return [f"add({args[1]}, ONE, {out})", f"divide(ONE, {out}, {out})", f"if {args[2]}: fix_cosigmoid({args[0]}, {out})"]
        if op == "sigmoid":
            return [f"multiply({args[1]}, {args[3]}, {out})", f"if {args[2]}: fix_sigmoid({args[0]}, {out})"]
        if op == "call":
            self.names[f"map_{step.attr}"] = array_function(step.attr, self._dtype)
            return [f"{out}[...] = map_{step.attr}({', '.join(args)})"]
        return [f"{out}[...] = {op}({', '.join(args)})"]


_INFIX = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}
_REDUCE = {"sum": "add", "amax": "maximum"}

#: Terms in one line of source: Python's parser nests a level for each.
_TERMS = 40


def _sum_text(target: str, args: list[str], weights: Sequence[float], offset: float) -> list[str]:
    parts = [f"{a}" if w == 1.0 else f"-{a}" if w == -1.0 else f"{w!r}*{a}" for w, a in zip(weights, args, strict=True)]
    if offset:
        parts.append(repr(offset))
    return _chained(target, parts, " + ")


def _product_text(target: str, args: list[str], coef: float, above: int) -> list[str]:
    parts = [] if coef == 1.0 and above else [repr(coef)]
    lines = _chained(target, parts + args[:above], " * ")
    for divisor in args[above:]:
        lines = [*lines[:-1], f"{lines[-1]} / {divisor}"] if len(lines) == 1 else [*lines, f"{target} / {divisor}"]
    return lines


def _chained(target: str, parts: list[str], sign: str) -> list[str]:
    lines = [sign.join(parts[:_TERMS])]
    for start in range(_TERMS, len(parts), _TERMS):
        lines.append(sign.join([target, *parts[start : start + _TERMS]]))
    return lines


def _power_text(base: str, exponent: float) -> str:
    if exponent in (2.0, 3.0, 4.0):
        return " * ".join([base] * int(exponent))
    if exponent == -1.0:
        return f"1.0 / {base}"
    return f"scalar_power({base}, {exponent!r})"
