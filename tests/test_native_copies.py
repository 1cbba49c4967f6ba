"""Functions of C that do nothing but copy are called, whatever the compiler thinks of them (GCC 12 dropped the calls of some)."""

import ctypes
import itertools
import math

import numpy as np
import pytest

from symdl.lower.native import toolchain
from symdl.lower.native.driver import shares
from symdl.lower.native.kernels import PRELUDE
from symdl.lower.native.loops import copied
from symdl.lower.native.places import Place, dense

pytestmark = pytest.mark.skipif(toolchain.compiler() is None, reason="no C compiler")
SHAPES = [(4, 5, 6), (20, 16, 4, 8), (20, 64, 2, 8), (3, 16, 2, 9)]
CASES = [(shape, order, threads) for shape in SHAPES for order in itertools.permutations(range(len(shape))) for threads in (1, 2)]


def source():
    """A function for each copy, as the parts of a program are written, and one that calls it."""
    functions = []
    for k, (shape, order, threads) in enumerate(CASES):
        here = Place("w", 0, shape, dense(shape, range(len(shape))))
        there = Place("w", math.prod(shape), shape, dense(shape, order))
        lines = "\n".join(copied(here, order, there, threads > 1))
        functions.append(f"static __attribute__((noinline)) void copy{k}(double *restrict w, const long me) {{ EFFECT\n{lines}\n}}")
        functions.append(f"void run{k}(double *w) {{ {' '.join(f'copy{k}(w, {me});' for me in range(threads))} }}")
    return "\n".join([PRELUDE, shares(2), *functions])


def test_copies_are_made():
    library = toolchain.library(source())
    for k, (shape, order, threads) in enumerate(CASES):
        size = math.prod(shape)
        w = np.concatenate([np.arange(1.0, size + 1), np.zeros(size + 16)])
        getattr(library, f"run{k}")(ctypes.c_void_p(w.ctypes.data))
        expected = np.arange(1.0, size + 1).reshape(shape).transpose(order).ravel()
        np.testing.assert_array_equal(w[size : 2 * size], expected, err_msg=f"{shape} {order} {threads}")
