"""The short way into compiled code: arguments are looked at, read and checked by the code itself, so that a small call costs a microsecond.

To ask NumPy for an array's address takes as long as a product of 30 x 30 (``a.ctypes.data``: 1 us), and so do the checks of kind, shape, order and
finiteness together. All of this stands in the array's own structure, whose layout is part of NumPy's binary interface (``PyArrayObject_fields``,
numpy/ndarraytypes.h; a float of Python, and ``numpy.float64``, is a header and a double). Here C reads it. What it does not know at a glance (lists,
ints, other shapes, other orders), and whatever is wrong, it gives back untouched: then the long way converts, or says what is wrong.
"""

from __future__ import annotations

import ctypes
import platform
import sys
import sysconfig
from collections.abc import Callable, Sequence
from functools import cache
from math import prod
from typing import Any

import numpy as np

from symdl.lower.finite import checked
from symdl.lower.native.frame import FunctionFrame
from symdl.lower.program import Program, Ref

#: Functions of more inputs and results go the long way.
_MOST = 64

_TYPES = r"""
#include <string.h>
typedef struct { long long count; const void *kind; double *data; int axes; const long long *shape, *steps; const void *base, *items; int flags; } Array;
typedef struct { long long count; const void *kind; double value; } Number;
typedef struct { double *w; double *const *e; double *c; const void *array, *items, *number, *scalar; } State;
F int known(const Array *a, const State *s, int axes) { /* of doubles, rows behind each other, at whole addresses */
  return a->kind == s->array && a->items == s->items && a->axes == axes && (a->flags & 0x101) == 0x101;
}
static int finite(const double *p, long n) {
  V s = dup(0.0);
  long k = 0;
  double t = 0.0;
  for (; k + 8 <= n; k += 8) { V v = load(p + k); s += v - v; }
  for (; k < n; k++) t += p[k] - p[k];
  return t + total(s) == 0.0;
}
"""


class _Array(ctypes.Structure):
    _fields_ = [
        ("count", ctypes.c_longlong),
        ("kind", ctypes.c_void_p),
        ("data", ctypes.c_void_p),
        ("axes", ctypes.c_int),
        ("shape", ctypes.POINTER(ctypes.c_longlong)),
        ("steps", ctypes.POINTER(ctypes.c_longlong)),
        ("base", ctypes.c_void_p),
        ("items", ctypes.c_void_p),
        ("flags", ctypes.c_int),
    ]


class _Number(ctypes.Structure):
    _fields_ = [("count", ctypes.c_longlong), ("kind", ctypes.c_void_p), ("value", ctypes.c_double)]


class _State(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("w", "e", "c", "array", "items", "number", "scalar")]


@cache
def layout_is_known() -> bool:
    """Whether arrays and floats lie in memory as the C code takes it; tried on some, since another Python may do it otherwise."""
    if platform.python_implementation() != "CPython" or sys.maxsize < 2**32 or sysconfig.get_config_var("Py_GIL_DISABLED") or hasattr(sys, "getobjects"):
        return False
    return all(map(_lies_as_known, (np.arange(6.0).reshape(2, 3), np.zeros((3, 4, 5))[::2, :, 1], np.zeros(1), np.zeros((2, 2), order="F")))) and all(
        (found := _Number.from_address(id(x))).kind == id(type(x)) and found.value == x for x in (0.1, np.float64(-2.5e300))
    )


def _lies_as_known(a: np.ndarray) -> bool:
    found = _Array.from_address(id(a))
    if found.kind != id(np.ndarray) or found.data != a.ctypes.data or found.axes != a.ndim or found.items != id(a.dtype):
        return False
    return tuple(found.shape[: a.ndim]) == a.shape and tuple(found.steps[: a.ndim]) == a.strides and bool(found.flags & 1) == a.flags.c_contiguous


def enter_source(program: Program, frame: FunctionFrame) -> str:
    """The C function ``enter``; nothing where the program has no short way."""
    outs = _tensors(program)
    slots = {key: k for k, key in enumerate(frame.memory.pointers) if isinstance(key, tuple) and key[0] in ("input", "output")}
    if outs is None or not layout_is_known() or any(("output", k) not in slots for k in outs):
        return ""
    arguments = [*(f"o{k}" for k in outs), *(f"a{k}" for k in range(len(program.inputs)))]
    lines = [f"double enter(const State *s, {', '.join(f'const Array *{a}' for a in arguments)}) {{"]
    count, looked_at = max(1, len(frame.memory.pointers)), checked(program, lambda _: False)
    lines += [f"double *e[{count}], *c = s->c;", f"memcpy(e, s->e, {len(frame.memory.pointers)} * sizeof *e);"]
    for k, (_, shape) in enumerate(program.inputs):
        lines.append(_scalar(k) if not shape else _tensor(k, shape, slots.get(("input", k)), k in looked_at))
    lines += [f"e[{slots[('output', k)]}] = o{k}->data;" for k in outs]
    if frame.memory.fault is not None:
        lines.append(f"c[{frame.memory.fault}] = 0.0;")
    lines.append("run(s->w, e, c);")
    if frame.memory.fault is not None:
        lines.append(f"if (c[{frame.memory.fault}] != 0.0) return NAN;")
    lines += [f"if (!finite(o{k}->data, {prod(program.outputs[k].shape)})) return NAN;" for k in outs]
    value = _value(program)
    return "\n".join([_TYPES, *lines, f"return {value} - {value} == 0.0 ? {value} : NAN;" if value else "return 0.0;", "}"])


def _tensors(program: Program) -> list[int] | None:
    """The tensors among the results; None where results are no fresh values each, or too many."""
    values = [out.value for out in program.outputs]
    if not all(isinstance(v, Ref) for v in values) or len(set(map(int, values))) < len(values):  # type: ignore[arg-type]
        return None
    if not program.inputs or len(program.inputs) + len(values) > _MOST or sum(not out.shape for out in program.outputs) > 1:
        return None
    if any(0 in shape for shape in (*(s for _, s in program.inputs), *(o.shape for o in program.outputs))):
        return None
    return [k for k, out in enumerate(program.outputs) if out.shape]


def _value(program: Program) -> str:
    return next((f"c[{int(out.value)}]" for out in program.outputs if not out.shape), "")  # type: ignore[arg-type]


def _scalar(k: int) -> str:
    here = f"((const Number *)a{k})"
    return f"if (a{k}->kind != s->number && a{k}->kind != s->scalar) return NAN;\nc[{k}] = {here}->value;\nif (c[{k}] - c[{k}] != 0.0) return NAN;"


def _tensor(k: int, shape: tuple[int, ...], slot: int | None, look: bool) -> str:
    right = " && ".join([f"known(a{k}, s, {len(shape)})", *(f"a{k}->shape[{axis}] == {size}" for axis, size in enumerate(shape))])
    found = f"if (!({right}){f' || !finite(a{k}->data, {prod(shape)})' if look else ''}) return NAN;"
    return found if slot is None else f"{found}\ne[{slot}] = a{k}->data;"


class Entry:
    """Calls ``enter`` of a compiled program.

    Parameters
    ----------
    enter : function of ctypes
    program : Program
    w, e, c : int
        Addresses of the working memory, the pointers, and the scalars.
    """

    def __init__(self, enter: Any, program: Program, w: int, e: int, c: int) -> None:
        outs = _tensors(program)
        assert outs is not None
        self._state = _State(w, e, c, id(np.ndarray), id(np.dtype(float)), id(float), id(np.float64))
        # Takes the state, fresh arrays for the tensors among the results, then the inputs; gives the scalar result (0 when there is none), and NaN for
        # what goes the long way.
        enter.restype = ctypes.c_double
        enter.argtypes = [ctypes.c_void_p, *[ctypes.py_object] * (len(outs) + len(program.inputs))]
        self._enter, self._where = enter, ctypes.c_void_p(ctypes.addressof(self._state))
        self._shapes = [program.outputs[k].shape for k in outs]
        self._scalar = next((k for k, out in enumerate(program.outputs) if not out.shape), None)
        self._alone = len(program.outputs) == 1

    def __call__(self, args: Sequence[Any], empty: Callable[..., np.ndarray] = np.empty) -> list[Any] | None:
        """The results, each finite; None: this takes the long way. One call at a time."""
        if not self._alone:
            return self._several(args)
        if self._scalar is not None:
            value = self._enter(self._where, *args)
            return [value] if value == value else None
        result = empty(self._shapes[0])
        return [result] if self._enter(self._where, result, *args) == 0.0 else None

    def _several(self, args: Sequence[Any]) -> list[Any] | None:
        results: list[Any] = [np.empty(shape) for shape in self._shapes]
        value = self._enter(self._where, *results, *args)
        if value != value:
            return None
        if self._scalar is not None:
            results.insert(self._scalar, value)
        return results


def entry(library: ctypes.CDLL, program: Program, w: int, e: int, c: int) -> Entry | None:
    """The short way into a library; None when it has none."""
    return Entry(library.enter, program, w, e, c) if hasattr(library, "enter") else None


__all__ = ["Entry", "enter_source", "entry", "layout_is_known"]
