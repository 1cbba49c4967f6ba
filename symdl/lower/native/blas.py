"""The BLAS that NumPy or SciPy ships: its dgemm as a pointer for generated code."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

#: Names of row-by-row dgemm, and the C type of its sizes.
_NAMES = (("scipy_cblas_dgemm64_", "long long"), ("cblas_dgemm64_", "long long"), ("scipy_cblas_dgemm", "int"), ("cblas_dgemm", "int"))


@dataclass(frozen=True)
class Blas:
    """The address of cblas_dgemm, and the type of its sizes."""

    address: int
    integer: str
    library: ctypes.CDLL


@cache
def blas() -> Blas | None:
    """None when none is found: then own kernels do it."""
    for path in _libraries():
        with contextlib.suppress(OSError):
            library = ctypes.CDLL(str(path))
            for name, integer in _NAMES:
                function = getattr(library, name, None)
                if function is not None:
                    address = ctypes.cast(function, ctypes.c_void_p).value
                    if address:
                        return Blas(address, integer, library)
    return None


@cache
def routine(name: str) -> int | None:
    """The address of a LAPACK routine (Fortran's name) in the same library, whose integers are of the same type."""
    found = blas()
    if found is None:
        return None
    wide = found.integer == "long long"
    for text in [f"scipy_{name}_64_", f"{name}_64_"] if wide else [f"scipy_{name}_", f"{name}_"]:
        function = getattr(found.library, text, None)
        if function is not None:
            return ctypes.cast(function, ctypes.c_void_p).value
    return None


def _libraries() -> Iterator[Path]:
    for package in ("numpy", "scipy"):
        spec = find_spec(package)  # not imported: SciPy would take longer than what is compiled here
        if spec is None or spec.origin is None:
            continue
        root = Path(spec.origin).parent
        for folder in (root.parent / f"{package}.libs", root / ".dylibs", root / ".libs"):
            if folder.is_dir():
                yield from sorted(f for f in folder.iterdir() if "openblas" in f.name)
